/// Why nothing was done.
package enum RefusalReason: Error, Equatable, Sendable, CustomStringConvertible {
    /// A process in the scope that must go on.
    case protected(pid: Int32, ProtectedProcess)
    /// No cgroup that is this container's own, as far as its name and its first process tell.
    case noScope
    /// The cgroup that has the name now is not the one that was described, or what was described has left it.
    case identityChanged(String)
    /// A pod's sandbox: stopping it is for people.
    case sandbox
    case limited(ActionLimiter.Limit)
    /// More processes or cgroups than may be looked at, so that it is not known what would be hit.
    case notExamined(String)
    /// What cannot be recorded could not be undone.
    case notRecorded(String)
    /// Told to release what it did not stop.
    case notOurs

    /// One word, for metrics.
    package var name: String {
        switch self {
        case .protected: "protected"
        case .noScope: "no_scope"
        case .identityChanged: "identity_changed"
        case .sandbox: "sandbox"
        case .limited: "limited"
        case .notExamined: "not_examined"
        case .notRecorded: "not_recorded"
        case .notOurs: "not_ours"
        }
    }

    package var description: String {
        switch self {
        case .protected(let pid, let what): "process \(pid) in its cgroup is \(what)"
        case .noScope:
            "it has no cgroup of its own in cgroup v2 or in v1's freezer; stop it with its own runtime"
        case .identityChanged(let what): "\(what); look at it again with `nodeagent inventory`"
        case .sandbox: "it is a pod's sandbox; stop the pod's containers, or isolate it by hand"
        case .limited(let limit): limit.description
        case .notExamined(let what): "what lies in its cgroup cannot be told: \(what)"
        case .notRecorded(let what): "the record needed to undo it cannot be written: \(what)"
        case .notOurs: "it was not frozen by nodeagent; release it with what froze it"
        }
    }
}
