private import CLinux
private import Glibc
package import LinuxSystem
private import SystemPackage

/// How killing what lies in a cgroup ended.
package enum KillOutcome: Sendable, Equatable {
    case empty(nanoseconds: UInt64)
    /// Processes that were still there at the deadline.
    case remaining([Int32])
}

extension CgroupDirectory {
    package static let killDeadline: UInt64 = 10_000_000_000

    /// Ends every process in it and below it: by `cgroup.kill` (Linux 5.14), which no fork outruns, else one by one while
    /// the cgroup is stopped. v1 does not deliver SIGKILL to a stopped process, so it is queued first and the cgroup then
    /// set going again, with all below it that is stopped on its own account.
    ///
    /// - Parameters:
    ///   - nanoseconds: how long to wait for the last to end.
    ///   - mayKill: asked of each process that is to be signalled, once its pidfd is held.
    package func kill(
        within nanoseconds: UInt64 = killDeadline, usingKillFile: Bool = true, mayKill: (Int32) -> Bool
    ) throws(SystemError) -> KillOutcome {
        let start = monotonicNanoseconds()
        let deadline = start &+ nanoseconds
        let isEmpty: Bool
        if usingKillFile, isUnified, has("cgroup.kill") {
            try write("cgroup.kill", "1")
            try thawAll()
            isEmpty = try waitUntilEmpty(deadline)
        } else {
            // Without a full stop a fork may be missed: those are found below.
            _ = try freeze(within: min(Self.freezeDeadline, nanoseconds))
            var signalled: Set<Int32> = []
            while monotonicNanoseconds() < deadline, try signalAll(except: &signalled, mayKill) {}
            try thawAll()
            isEmpty = try wait(until: deadline) { () throws(SystemError) in
                var none: Set<Int32> = []
                _ = try signalAll(except: &none, mayKill)
                return try livingProcesses().isEmpty
            }
        }
        if isEmpty { return .empty(nanoseconds: monotonicNanoseconds() &- start) }
        return .remaining(try livingProcesses())
    }

    private func waitUntilEmpty(_ deadline: UInt64) throws(SystemError) -> Bool {
        do throws(SystemError) {
            return try waitForEvent("populated", false, until: deadline)
        } catch {
            if error.isGone { return true }
            throw error
        }
    }

    /// A cgroup whose directory is gone has none: its runtime removes it as soon as it is empty.
    private func livingProcesses() throws(SystemError) -> [Int32] {
        do throws(SystemError) {
            return try processes()
        } catch {
            if error.isGone { return [] }
            throw error
        }
    }

    /// True when one was signalled that had not been before.
    private func signalAll(
        except signalled: inout Set<Int32>, _ mayKill: (Int32) -> Bool
    ) throws(SystemError) -> Bool {
        var handles: [(pid: Int32, handle: Int32)] = []
        defer { for handle in handles { close(handle.handle) } }
        var isNew = false
        for pid in try livingProcesses() where !signalled.contains(pid) {
            let handle = na_pidfd_open(pid)
            guard handle >= 0 else { continue }
            handles.append((pid, handle))
            // Bounded, so that a cgroup of thousands does not take all descriptors.
            if handles.count == 256 {
                isNew = try signal(&handles, &signalled, mayKill) || isNew
            }
        }
        return try signal(&handles, &signalled, mayKill) || isNew
    }

    /// The handles were taken by number, and a number can be another's by now: only what is in the cgroup still, read after
    /// the handles were taken, is signalled.
    private func signal(
        _ handles: inout [(pid: Int32, handle: Int32)], _ signalled: inout Set<Int32>, _ mayKill: (Int32) -> Bool
    ) throws(SystemError) -> Bool {
        defer {
            for handle in handles { close(handle.handle) }
            handles.removeAll()
        }
        guard !handles.isEmpty else { return false }
        let present = Set(try livingProcesses())
        var isNew = false
        for (pid, handle) in handles where present.contains(pid) && mayKill(pid) {
            guard na_pidfd_signal(handle, SIGKILL) == 0 else { continue }
            signalled.insert(pid)
            isNew = true
        }
        return isNew
    }

    /// Sets it and all below it going, best effort: one that is removed meanwhile needs nothing.
    package func thawAll() throws(SystemError) {
        do throws(SystemError) {
            try forEach { (directory) throws(SystemError) in
                let (file, value) = isUnified ? ("cgroup.freeze", "0") : ("freezer.state", "THAWED")
                try? directory.write(file, value)
            }
        } catch {
            if !error.isGone { throw error }
        }
    }
}
