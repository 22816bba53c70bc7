private import CLinux
private import Glibc
package import LinuxSystem
private import SystemPackage

/// How stopping a cgroup ended.
package enum FreezeOutcome: Sendable, Equatable {
    /// The kernel says that every process in it stands still; how long that took.
    case frozen(nanoseconds: UInt64)
    /// Asked for, and not complete by the deadline: a process in an uninterruptible call stops when it leaves it.
    case partial(String)
}

/// Stopping and starting again. v2 tells a change by POLLPRI on `cgroup.events`; v1 tells nothing and is asked again.
extension CgroupDirectory {
    package static let freezeDeadline: UInt64 = 2_000_000_000

    /// Whether this kernel and hierarchy can stop it.
    package var canFreeze: Bool { has(freezeFile) }

    private var freezeFile: String { isUnified ? "cgroup.freeze" : "freezer.state" }

    /// Whether it, or a cgroup above it, is stopped or about to be.
    package func isFrozen() throws(SystemError) -> Bool {
        if isUnified {
            if try files.read("cgroup.freeze").hasPrefix("1") { return true }
            return event("frozen", in: try files.read("cgroup.events")) == true
        }
        return try !files.read("freezer.state").hasPrefix("THAWED")
    }

    /// Whether it is this very cgroup that was told to stop, and not one above it.
    package func isFreezeRequested() throws(SystemError) -> Bool {
        try files.read(isUnified ? "cgroup.freeze" : "freezer.self_freezing").hasPrefix("1")
    }

    /// Whether a process lies in it or below it. Nil: v1 does not say.
    func isPopulated() throws(SystemError) -> Bool? {
        isUnified ? event("populated", in: try files.read("cgroup.events")) : nil
    }

    /// Opens what a freeze writes to. Nothing has been asked of the kernel when this throws.
    func prepareToFreeze() throws(SystemError) { _ = try files.writable(freezeFile) }

    /// - Parameter nanoseconds: how long to wait; the request stays in force beyond it.
    package func freeze(within nanoseconds: UInt64 = freezeDeadline) throws(SystemError) -> FreezeOutcome {
        let start = monotonicNanoseconds()
        let isComplete: Bool
        try prepareToFreeze()
        do throws(SystemError) {
            if isUnified {
                try files.write("cgroup.freeze", "1")
                isComplete = try waitForEvent("frozen", true, until: start &+ nanoseconds)
            } else {
                isComplete = try wait(until: start &+ nanoseconds) { () throws(SystemError) in
                    // A task that was forked meanwhile is caught by the next request (freezer-subsystem.rst).
                    try files.write("freezer.state", "FROZEN")
                    return try files.read("freezer.state").hasPrefix("FROZEN")
                }
            }
        } catch {
            // Only a read can be held up here: the request is in force.
            guard error.errno == .timedOut else { throw error }
            return .partial("asked for; whether all stand still is not told: \(error)")
        }
        if isComplete { return .frozen(nanoseconds: monotonicNanoseconds() &- start) }
        return .partial("not every process has stopped within \(nanoseconds / 1_000_000) ms")
    }

    /// Withdraws the request of this cgroup. True when its processes run again; false when a cgroup above it is stopped
    /// too, or by the deadline not all have gone on, or the kernel's word cannot be read.
    ///
    /// - Throws: when the request could not be withdrawn.
    package func thaw(within nanoseconds: UInt64 = freezeDeadline) throws(SystemError) -> Bool {
        let deadline = monotonicNanoseconds() &+ nanoseconds
        try withdraw()
        do throws(SystemError) {
            if isUnified { return try waitForEvent("frozen", false, until: deadline) }
            return try wait(until: deadline) { () throws(SystemError) in
                try files.read("freezer.state").hasPrefix("THAWED")
            }
        } catch {
            guard error.errno == .timedOut else { throw error }
            return false
        }
    }

    func withdraw() throws(SystemError) { try files.write(freezeFile, isUnified ? "0" : "THAWED") }

    // MARK: Waiting

    /// Waits until `cgroup.events` says so. Linux 5.2 and later have `frozen` in it.
    func waitForEvent(_ name: String, _ wanted: Bool, until deadline: UInt64) throws(SystemError) -> Bool {
        let file = try files.readable("cgroup.events")
        while true {
            if event(name, in: try files.read(file, "cgroup.events")) == wanted { return true }
            let now = monotonicNanoseconds()
            guard now < deadline else { return false }
            // Rounded up; EINTR is a wake like any other.
            let milliseconds = min((deadline - now) / 1_000_000 + 1, 60_000)
            _ = na_poll_priority(file.descriptor.rawValue, CInt(truncatingIfNeeded: milliseconds))
        }
    }

    private func event(_ name: String, in text: String) -> Bool? {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == name { return words[1] == "1" }
        }
        return nil
    }

    /// Asks again after 0.25 ms, then after ever longer, at most 10 ms.
    func wait(
        until deadline: UInt64, _ isDone: () throws(SystemError) -> Bool
    ) throws(SystemError) -> Bool {
        var pause: UInt32 = 250
        while true {
            if try isDone() { return true }
            guard monotonicNanoseconds() < deadline else { return false }
            usleep(pause)
            pause = min(pause * 2, 10_000)
        }
    }
}
