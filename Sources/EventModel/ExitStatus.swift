/// How a `nodeagent` command ends. Scripts and units rely on these numbers; 64 to 78 are those of sysexits.h.
package enum ExitStatus: Int32, Sendable {
    case done = 0
    case failed = 1
    /// Some of what was asked for is there, and the output says what is not.
    case partial = 2
    /// Another instance holds the lock, or a safety rule forbids the act.
    case refused = 3
    case nothingCollected = 4
    /// Findings at or above the level that was asked for.
    case findings = 5
    case usage = 64
    /// A capability or an identity that the command needs is not there.
    case missingRight = 77
    /// The configuration or a rule file is invalid.
    case invalidConfiguration = 78
}
