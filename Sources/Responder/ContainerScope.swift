package import ContainerInventory
package import EventModel
private import Glibc
package import LinuxSystem

/// The cgroup of one container, found, checked and held open. Made for one action: between two actions everything that was
/// checked can have changed.
package struct ContainerScope: ~Copyable {
    package let container: ContainerID
    package let path: String
    package let isFreeName: Bool
    package let directory: CgroupDirectory
    /// The container's first process, when it lives.
    package let initProcess: ProcessKey?
    private let holdsInit: Bool
    private let hierarchy: CgroupTree.Hierarchy

    /// - Throws: why there is nothing that may be acted on in this container's name.
    package init(_ container: Container, tree: CgroupTree, proc: ProcFilesystem) throws(RefusalReason) {
        let living = container.initProcess.flatMap { Self.memberships(of: $0, proc: proc) }
        let places = tree.isolationPlaces(of: container, memberships: living)
        var refusal = RefusalReason.noScope
        for place in places {
            guard let directory = try? CgroupDirectory(place.hierarchy, path: place.path), directory.canFreeze else {
                continue
            }
            if let recorded = container.cgroup, recorded != directory.id {
                refusal = .identityChanged("cgroup \(place.path) was removed and made again")
                continue
            }
            if !place.holdsInit, Self.isEmpty(directory) {
                refusal = .identityChanged("cgroup \(place.path) is empty")
                continue
            }
            self.container = container.id
            path = place.path
            isFreeName = place.isFreeName
            holdsInit = place.holdsInit
            hierarchy = place.hierarchy
            initProcess = living == nil ? nil : container.initProcess
            self.directory = directory
            return
        }
        throw refusal
    }

    /// Asked right before a write: whether it is still what was found. The directory cannot be another one; what lies in it
    /// can have left.
    package func verify(proc: ProcFilesystem) throws(RefusalReason) {
        if holdsInit, let initProcess, let memberships = Self.memberships(of: initProcess, proc: proc),
            let line = memberships.first(where: { isLine($0) }), line.path == path || line.path.hasPrefix(path + "/")
        {
            return
        }
        guard !isFreeName else {
            throw .identityChanged("the container's first process has left cgroup \(path) or has ended")
        }
        guard !Self.isEmpty(directory) else { throw .identityChanged("cgroup \(path) is empty or gone") }
    }

    /// Whether it stands still already, in this hierarchy or in another: on a hybrid host an engine may pause by v1's freezer
    /// what would be frozen here by v2, and one never finishes above the other.
    package func isFrozen(_ container: Container, tree: CgroupTree, proc: ProcFilesystem) -> Bool {
        if (try? directory.isFrozen()) == true { return true }
        let living = container.initProcess.flatMap { Self.memberships(of: $0, proc: proc) }
        return tree.isolationPlaces(of: container, memberships: living).contains { place in
            guard place.hierarchy != hierarchy, let other = try? CgroupDirectory(place.hierarchy, path: place.path),
                other.canFreeze
            else { return false }
            return (try? other.isFrozen()) ?? false
        }
    }

    private func isLine(_ membership: CgroupMembership) -> Bool {
        hierarchy.isUnified ? membership.hierarchy == 0 : membership.controllers.contains("freezer")
    }

    /// Nil when the process has ended, or its number is another's.
    private static func memberships(of key: ProcessKey, proc: ProcFilesystem) -> [CgroupMembership]? {
        guard isAlive(key, proc: proc), let memberships = try? proc.cgroups(key.pid), isAlive(key, proc: proc) else {
            return nil
        }
        return memberships
    }

    private static func isAlive(_ key: ProcessKey, proc: ProcFilesystem) -> Bool {
        guard key.startTime != 0, let stat = try? proc.stat(key.pid) else { return false }
        return stat.startTime == key.startTime && stat.state != "Z" && stat.state != "X"
    }

    /// Too many to count is not empty.
    private static func isEmpty(_ directory: borrowing CgroupDirectory) -> Bool {
        do throws(SystemError) {
            return try directory.processes().isEmpty
        } catch {
            return error.isGone
        }
    }

    // MARK: What lies in it

    /// Refuses when a protected process is in it. One that passes through is waited for: a runtime that joins for an exec
    /// is the container's a moment later.
    package func examine(
        _ protection: Protection, proc: ProcFilesystem, patience nanoseconds: UInt64 = 200_000_000
    ) throws(RefusalReason) {
        let deadline = monotonicNanoseconds() &+ nanoseconds
        while true {
            guard let found = try firstProtected(protection, proc: proc) else { return }
            // These do not pass through.
            let isLasting = [.initProcess, .agent, .agentAncestor].contains(found.1)
            guard !isLasting, monotonicNanoseconds() < deadline else {
                throw .protected(pid: found.0, found.1)
            }
            usleep(5000)
        }
    }

    private func firstProtected(
        _ protection: Protection, proc: ProcFilesystem
    ) throws(RefusalReason) -> (Int32, ProtectedProcess)? {
        for pid in try pids() {
            guard let process = ScopeProcess(reading: pid, proc: proc) else {
                // Without anything to read: what is known by its number alone.
                let bare = ScopeProcess(
                    key: ProcessKey(pid: pid, startTime: 0), mountNamespace: nil, executable: nil)
                if let reason = protection.reason(bare) { return (pid, reason) }
                continue
            }
            if let reason = reason(process, protection, proc: proc) { return (pid, reason) }
        }
        return nil
    }

    /// Why a process of the scope must not be touched; nil when it may.
    ///
    /// A container that has entered the host's mount namespace could run the host's own sshd in its cgroup, and would never
    /// be stopped. So a file of the host protects only what the container did not start.
    package func reason(
        _ process: ScopeProcess, _ protection: Protection, proc: ProcFilesystem
    ) -> ProtectedProcess? {
        guard let reason = protection.reason(process, isFreeName: isFreeName) else { return nil }
        switch reason {
        case .initProcess, .agentAncestor, .unreadable: return reason
        case .agent where protection.agent.contains(process.key.pid): return reason
        case .agent, .runtime, .hostService, .hostProcess:
            return isStartedByContainer(process, reason, protection, proc: proc) ? nil : reason
        }
    }

    /// Its parent is in the scope, or is the container's monitor, which takes in what the container's processes left behind.
    /// A runtime that its monitor has just started is on its way to an exec.
    private func isStartedByContainer(
        _ process: ScopeProcess, _ reason: ProtectedProcess, _ protection: Protection, proc: ProcFilesystem
    ) -> Bool {
        guard let stat = try? proc.stat(process.key.pid), stat.startTime == process.key.startTime, stat.parentPID > 1
        else { return false }
        if let line = (try? proc.cgroups(stat.parentPID))?.first(where: { isLine($0) }),
            line.path == path || line.path.hasPrefix(path + "/")
        {
            return true
        }
        guard let parent = try? proc.executable(stat.parentPID), protection.isMonitor(parent) else { return false }
        guard reason == .runtime else { return true }
        // Ticks of 10 ms since boot; after a suspend it looks younger than it is, and is left alone.
        let now = monotonicNanoseconds() / 10_000_000
        return now > stat.startTime && now - stat.startTime > Self.passing
    }

    /// Ticks that a runtime may take to join a container.
    private static let passing: UInt64 = 200

    package func pids() throws(RefusalReason) -> [Int32] {
        do throws(SystemError) {
            return try directory.processes()
        } catch {
            if error.isGone { throw .identityChanged("cgroup \(path) was removed") }
            throw .notExamined("\(error)")
        }
    }

    /// Processes of the container's own pid namespace that live outside its cgroup: freezing does not reach them.
    package func outside(host: HostIdentity, proc: ProcFilesystem) -> [Int32] {
        guard let initProcess, let own = try? proc.namespace(initProcess.pid, "pid"), own != host.pidNamespace,
            Self.isAlive(initProcess, proc: proc), let inside = try? directory.processes()
        else { return [] }
        let known = Set(inside)
        let all = (try? proc.processes()) ?? []
        return all.filter { !known.contains($0) && (try? proc.namespace($0, "pid")) == own }.sorted()
    }
}
