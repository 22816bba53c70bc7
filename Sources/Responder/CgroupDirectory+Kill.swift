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
    /// Processes, and whether these are all there are.
    package typealias Found = (pids: [Int32], isComplete: Bool)

    package static let killDeadline: UInt64 = 10_000_000_000

    /// Ends every process in it and below it: by `cgroup.kill` (Linux 5.14), which no fork outruns and which ends stopped
    /// processes too, else one by one while the cgroup is stopped. v1 does not deliver SIGKILL to a stopped process, so it is
    /// queued first and the cgroup then set going again, with all below it that is stopped on its own account.
    ///
    /// - Parameters:
    ///   - nanoseconds: how long to wait for the last to end.
    ///   - members: more of its processes, found another way than by its files, which can be held up.
    ///   - mayKill: asked of each process that is to be signalled, once its pidfd is held.
    /// - Throws: when it may be left stopped.
    package func kill(
        within nanoseconds: UInt64 = killDeadline, usingKillFile: Bool = true, members: () -> Found = { ([], false) },
        mayKill: (Int32) -> Bool
    ) throws(SystemError) -> KillOutcome {
        let start = monotonicNanoseconds()
        let deadline = start &+ nanoseconds
        if usingKillFile, isUnified, try killAtOnce() {
            let isEmpty = try waitUntilEmpty(deadline)
            if isEmpty == true { return .empty(nanoseconds: monotonicNanoseconds() &- start) }
            return .remaining(living(members, until: monotonicNanoseconds() &+ Self.freezeDeadline).pids)
        }
        // Without a full stop a fork may be missed: those are found below.
        let isStopped = (try? prepareToFreeze()) != nil
        if isStopped { _ = try? freeze(within: min(Self.freezeDeadline, nanoseconds)) }
        var signalled: Set<Int32> = []
        let middle = start &+ nanoseconds / 2
        while monotonicNanoseconds() < middle, signalAll(except: &signalled, members, mayKill, until: middle) {}
        do throws(SystemError) {
            try thawAll(until: max(deadline, monotonicNanoseconds() &+ Self.freezeDeadline))
        } catch {
            if isStopped { throw error }
        }
        let isEmpty = try wait(until: deadline) { () throws(SystemError) in
            var none: Set<Int32> = []
            _ = signalAll(except: &none, members, mayKill, until: deadline)
            let left = living(members, until: deadline)
            return left.pids.isEmpty && left.isComplete
        }
        if isEmpty { return .empty(nanoseconds: monotonicNanoseconds() &- start) }
        return .remaining(living(members, until: monotonicNanoseconds() &+ Self.freezeDeadline).pids)
    }

    /// False: there is no such file, or its opening is held up; then signals are what is left.
    private func killAtOnce() throws(SystemError) -> Bool {
        do throws(SystemError) {
            _ = try files.writable("cgroup.kill")
        } catch {
            if error.isGone || error.errno == .timedOut { return false }
            throw error
        }
        try files.write("cgroup.kill", "1")
        // What an earlier freeze asked for; if it cannot be withdrawn, who joins next stands still. Nobody joins one that its
        // runtime has removed already, as soon as it was empty.
        do throws(SystemError) {
            try withdraw()
        } catch {
            if !error.isGone { throw error }
        }
        return true
    }

    /// Nil: nobody tells.
    private func waitUntilEmpty(_ deadline: UInt64) throws(SystemError) -> Bool? {
        do throws(SystemError) {
            return try waitForEvent("populated", false, until: deadline)
        } catch {
            if error.isGone { return true }
            if error.errno == .timedOut { return nil }
            throw error
        }
    }

    /// A cgroup whose directory is gone has none: its runtime removes it as soon as it is empty.
    private func living(_ members: () -> Found, until deadline: UInt64) -> Found {
        let others = members()
        // They were found by its path, which another one has once it is gone: asked after they were found.
        guard isThere else { return ([], true) }
        do throws(SystemError) {
            let found = try processes(until: deadline)
            return (Set(others.pids).union(found.pids).sorted(), found.isComplete || others.isComplete)
        } catch {
            return (others.pids, error.isGone || others.isComplete)
        }
    }

    /// True when one was signalled that had not been before.
    private func signalAll(
        except signalled: inout Set<Int32>, _ members: () -> Found, _ mayKill: (Int32) -> Bool,
        until deadline: UInt64
    ) -> Bool {
        var handles: [(pid: Int32, handle: Int32)] = []
        defer { for handle in handles { close(handle.handle) } }
        var isNew = false
        for pid in living(members, until: deadline).pids where !signalled.contains(pid) {
            let handle = na_pidfd_open(pid)
            guard handle >= 0 else { continue }
            handles.append((pid, handle))
            // Bounded, so that a cgroup of thousands does not take all descriptors.
            if handles.count == 256 {
                isNew = signal(&handles, &signalled, members, mayKill, until: deadline) || isNew
            }
        }
        return signal(&handles, &signalled, members, mayKill, until: deadline) || isNew
    }

    /// The handles were taken by number, and a number can be another's by now: only what is in the cgroup still, read after
    /// the handles were taken, is signalled.
    private func signal(
        _ handles: inout [(pid: Int32, handle: Int32)], _ signalled: inout Set<Int32>, _ members: () -> Found,
        _ mayKill: (Int32) -> Bool, until deadline: UInt64
    ) -> Bool {
        defer {
            for handle in handles { close(handle.handle) }
            handles.removeAll()
        }
        guard !handles.isEmpty else { return false }
        let present = Set(living(members, until: deadline).pids)
        var isNew = false
        for (pid, handle) in handles where present.contains(pid) && mayKill(pid) {
            guard na_pidfd_signal(handle, SIGKILL) == 0 else { continue }
            signalled.insert(pid)
            isNew = true
        }
        return isNew
    }

    /// Sets it and all below it going; those below as far as there is time: one that is removed meanwhile needs nothing.
    ///
    /// - Throws: when it may itself still be stopped.
    func thawAll(until deadline: UInt64) throws(SystemError) {
        do throws(SystemError) {
            try withdraw()
        } catch {
            if error.isGone { return }
            throw error
        }
        _ = forEach(until: deadline) { directory in
            if directory.id != id { try? directory.withdraw() }
        }
    }
}
