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
    let members: ScopeMembers

    /// - Throws: why there is nothing that may be acted on in this container's name.
    package init(_ container: Container, tree: CgroupTree, proc: ProcFilesystem) throws(RefusalReason) {
        try self.init(container, tree: tree, proc: proc, access: ControlAccess(), held: nil)
    }

    /// - Parameter held: control files of the container that are open already.
    init(
        _ container: Container, tree: CgroupTree, proc: ProcFilesystem, access: ControlAccess, held: ControlFiles?
    ) throws(RefusalReason) {
        let living = container.initProcess.flatMap { Self.memberships(of: $0, proc: proc) }
        let places = tree.isolationPlaces(of: container, memberships: living)
        var refusal = RefusalReason.noScope
        for place in places {
            guard
                let directory = try? CgroupDirectory(place.hierarchy, path: place.path, access: access, held: held),
                directory.canFreeze
            else { continue }
            if let recorded = container.cgroup, recorded != directory.id {
                refusal = .identityChanged("cgroup \(place.path) was removed and made again")
                continue
            }
            let members = ScopeMembers(hierarchy: place.hierarchy, path: place.path, proc: proc)
            if !place.holdsInit, Self.isEmpty(directory, members) {
                refusal = .identityChanged("cgroup \(place.path) is empty")
                continue
            }
            self.members = members
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
            members.holds(memberships)
        {
            return
        }
        guard !isFreeName else {
            throw .identityChanged("the container's first process has left cgroup \(path) or has ended")
        }
        guard !Self.isEmpty(directory, members) else { throw .identityChanged("cgroup \(path) is empty or gone") }
    }

    /// Whether it stands still already, in this hierarchy or in another: on a hybrid host an engine may pause by v1's freezer
    /// what would be frozen here by v2, and one never finishes above the other.
    package func isFrozen(_ container: Container, tree: CgroupTree, proc: ProcFilesystem) -> Bool {
        if (try? directory.isFrozen()) == true || isPausedBelow(proc: proc) { return true }
        let living = container.initProcess.flatMap { Self.memberships(of: $0, proc: proc) }
        return tree.isolationPlaces(of: container, memberships: living).contains { place in
            guard place.hierarchy != hierarchy,
                let other = try? CgroupDirectory(
                    place.hierarchy, path: place.path, access: directory.files.access, held: nil), other.canFreeze
            else { return false }
            return (try? other.isFrozen()) ?? false
        }
    }

    /// crun pauses the cgroup of the first process, which is one below the container's own. A container can stop a part of
    /// itself as well, so it counts as a pause only when no process of the container lies elsewhere.
    private func isPausedBelow(proc: ProcFilesystem) -> Bool {
        guard let initProcess, let memberships = Self.memberships(of: initProcess, proc: proc),
            let level = Self.pausedLevel(below: path, hierarchy, memberships, directory.files.access)
        else { return false }
        let below = ScopeMembers(hierarchy: hierarchy, path: level, proc: proc)
        let all = members.find(until: monotonicNanoseconds() &+ ScopeMembers.patience)
        return all.isComplete && !all.pids.contains { below.place(of: $0) == .outside }
    }

    /// The outermost cgroup that is stopped, between the container's own (`path`, which is not looked at) and that of its
    /// first process.
    static func pausedLevel(
        below path: String, _ hierarchy: CgroupTree.Hierarchy, _ memberships: [CgroupMembership],
        _ access: ControlAccess
    ) -> String? {
        guard let line = ScopeMembers.line(memberships, hierarchy), line.path.hasPrefix(path + "/") else { return nil }
        var level = path
        for component in line.path.dropFirst(path.utf8.count).split(separator: "/").prefix(levelLimit) {
            level += "/\(component)"
            guard let directory = try? CgroupDirectory(hierarchy, path: level, access: access, held: nil) else {
                return nil
            }
            if (try? directory.isFrozen()) == true { return level }
        }
        return nil
    }

    /// An engine's are one or two; a container can nest more, and what it stops there is no pause of an engine's.
    private static let levelLimit = 16

    /// Nil when the process has ended, or its number is another's.
    static func memberships(of key: ProcessKey, proc: ProcFilesystem) -> [CgroupMembership]? {
        guard isAlive(key, proc: proc), let memberships = try? proc.cgroups(key.pid), isAlive(key, proc: proc) else {
            return nil
        }
        return memberships
    }

    private static func isAlive(_ key: ProcessKey, proc: ProcFilesystem) -> Bool {
        guard key.startTime != 0, let stat = try? proc.stat(key.pid) else { return false }
        return stat.startTime == key.startTime && stat.state != "Z" && stat.state != "X"
    }

    /// What cannot be told is not empty.
    private static func isEmpty(_ directory: CgroupDirectory, _ members: ScopeMembers) -> Bool {
        do throws(SystemError) {
            if let isPopulated = try directory.isPopulated() { return !isPopulated }
        } catch {
            if error.isGone { return true }
        }
        let found = members.find(until: monotonicNanoseconds() &+ ScopeMembers.patience, limit: 1)
        // The path may be another cgroup's by now.
        return !directory.isThere || (found.pids.isEmpty && found.isComplete)
    }

    // MARK: What lies in it

    /// Refuses when a protected process is in it. One that passes through is waited for: a runtime that joins for an exec
    /// is the container's a moment later.
    package func examine(
        _ protection: Protection, proc: ProcFilesystem, patience nanoseconds: UInt64 = 200_000_000
    ) throws(RefusalReason) {
        let deadline = monotonicNanoseconds() &+ nanoseconds
        let end = monotonicNanoseconds() &+ ScopeMembers.patience
        while true {
            guard let found = try firstProtected(protection, proc: proc, until: end) else { return }
            // These do not pass through.
            let isLasting = [.initProcess, .agent, .agentAncestor].contains(found.1)
            guard !isLasting, monotonicNanoseconds() < deadline else {
                throw .protected(pid: found.0, found.1)
            }
            usleep(5000)
        }
    }

    /// Asks each process of the machine that could be protected whether it lies in the scope, and not each that lies in the
    /// scope whether it is protected: how many cgroups and processes lie there is the container's choice.
    private func firstProtected(
        _ protection: Protection, proc: ProcFilesystem, until deadline: UInt64
    ) throws(RefusalReason) -> (Int32, ProtectedProcess)? {
        for (pid, reason) in protection.numbered where members.place(of: pid).mayBeInside { return (pid, reason) }
        guard let all = try? proc.processes() else { throw .notExamined("/proc cannot be listed") }
        for pid in all {
            if monotonicNanoseconds() > deadline { throw .notExamined("too many processes to look at") }
            guard protection.mayProtect(pid, proc: proc), members.place(of: pid) == .inside,
                let process = ScopeProcess(reading: pid, protection, proc: proc)
            else { continue }
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
        // One that the container has hidden from us is its own.
        if members.place(of: stat.parentPID).mayBeInside { return true }
        guard let parent = try? proc.executable(stat.parentPID), protection.isMonitor(parent) else { return false }
        guard reason == .runtime else { return true }
        // Ticks of 10 ms since boot; after a suspend it looks younger than it is, and is left alone.
        let now = monotonicNanoseconds() / 10_000_000
        return now > stat.startTime && now - stat.startTime > Self.passing
    }

    /// Ticks that a runtime may take to join a container.
    private static let passing: UInt64 = 200

    /// Processes of the container's own pid namespace that live outside its cgroup: freezing does not reach them.
    package func outside(host: HostIdentity, proc: ProcFilesystem) -> [Int32] {
        guard let initProcess, let own = try? proc.namespace(initProcess.pid, "pid"), own != host.pidNamespace,
            Self.isAlive(initProcess, proc: proc)
        else { return [] }
        let all = (try? proc.processes()) ?? []
        return all.filter { (try? proc.namespace($0, "pid")) == own && members.place(of: $0) == .outside }.sorted()
    }
}
