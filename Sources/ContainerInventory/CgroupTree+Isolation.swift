package import EventModel
package import LinuxSystem

/// Where a container can be stopped: in cgroup v2, which needs no controller for it, else in v1's freezer.
extension CgroupTree {
    /// A directory that may be acted on in a container's name.
    package struct IsolationPlace: Sendable, Equatable {
        package var hierarchy: Hierarchy
        /// Below the hierarchy's root; never the root.
        package var path: String
        /// Whether the container's first process was found in it, or below it. Otherwise only its name speaks for it.
        package var holdsInit: Bool
        /// The path names no engine's container: raw runc's and `ctr`'s.
        package var isFreeName: Bool
    }

    /// The hierarchies in which processes can be stopped, the better one first.
    package var stoppable: [Hierarchy] {
        [hierarchies.first(where: \.isUnified), hierarchies.first { $0.controllers.contains("freezer") }]
            .compactMap { $0 }
    }

    /// The places that belong to `container` by their names and by its first process, the best first. On hybrid hosts the
    /// v2 line of `/proc/PID/cgroup` is often `/`: then v1's freezer is what is left.
    ///
    /// - Parameter memberships: of the container's first process now; nil when it is gone or not known.
    package func isolationPlaces(
        of container: Container, memberships: [CgroupMembership]?
    ) -> [IsolationPlace] {
        var places: [IsolationPlace] = []
        for hierarchy in stoppable {
            let line = memberships?.first {
                hierarchy.isUnified ? $0.hierarchy == 0 : $0.controllers.contains("freezer")
            }
            guard let line, let place = Self.place(of: container, in: hierarchy, memberAt: line.path) else { continue }
            places.append(place)
        }
        // A first process with enough rights can leave its cgroup; what it left behind is still the container's.
        if Self.isPlain(container.cgroupPath), ContainerCgroup.names(container.cgroupPath, container.id) {
            for hierarchy in stoppable {
                let isKnown = places.contains { $0.hierarchy == hierarchy && $0.path == container.cgroupPath }
                guard !isKnown else { continue }
                places.append(
                    IsolationPlace(
                        hierarchy: hierarchy, path: container.cgroupPath, holdsInit: false, isFreeName: false))
            }
        }
        return places
    }

    /// The directory that isolation would act on, for `Container.cgroup`.
    func isolationCgroup(of container: Container, proc: ProcFilesystem) -> CgroupID? {
        let memberships = container.initProcess.flatMap { try? proc.cgroups($0.pid) }
        for place in isolationPlaces(of: container, memberships: memberships) {
            let directory = place.hierarchy.mountPoint + place.path
            guard let status = try? FileStatus.of(directory, following: false), status.isDirectory,
                place.holdsInit || !processes(in: place.path, of: place.hierarchy, limit: 1).isEmpty
            else { continue }
            return CgroupID(status.file.inode)
        }
        return nil
    }

    private static func place(
        of container: Container, in hierarchy: Hierarchy, memberAt path: String
    ) -> IsolationPlace? {
        guard isPlain(path) else { return nil }
        // A container can make cgroups of any name below its own, so its own is the outermost that carries its id.
        var end = path.startIndex
        for component in path.split(separator: "/") {
            end = component.endIndex
            let prefix = String(path[..<end])
            if ContainerCgroup.names(prefix, container.id) {
                return IsolationPlace(hierarchy: hierarchy, path: prefix, holdsInit: true, isFreeName: false)
            }
        }
        guard isPlain(container.cgroupPath), isFree(container.cgroupPath) else { return nil }
        // Below it, whatever the container calls it there, counts only where the directory's number is known: the path alone
        // would be the container's word.
        guard
            path == container.cgroupPath
                || (container.cgroup != nil && path.hasPrefix(container.cgroupPath + "/"))
        else { return nil }
        return IsolationPlace(
            hierarchy: hierarchy, path: container.cgroupPath, holdsInit: true, isFreeName: true)
    }

    /// Absolute, not the root, nothing in it that a walk would take another way.
    private static func isPlain(_ path: String) -> Bool {
        guard path.utf8.count > 1, path.utf8.count <= 4096, path.utf8.first == UInt8(ascii: "/"),
            !path.utf8.contains(0)
        else { return false }
        let components = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        return components.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    }

    /// Whether a cgroup of this name may be a raw runtime's container: none of systemd's units, which hold the host's own
    /// services and sessions, and no container's monitor.
    private static func isFree(_ path: String) -> Bool {
        guard ContainerCgroup.classify(path) == nil, let name = path.split(separator: "/").last else { return false }
        let units = [".slice", ".service", ".mount", ".socket", ".swap"]
        guard !units.contains(where: { name.hasSuffix($0) }) else { return false }
        if name.hasSuffix(".scope") {
            let isHosts = ["init.scope", "user.scope", "system.scope"].contains(name) || name.hasPrefix("session-")
            guard !isHosts else { return false }
        }
        return !name.contains("conmon") && name != "supervisor"
    }
}

extension ContainerCgroup {
    /// Whether `path` is the own cgroup of container `id`, not one below it.
    package static func names(_ path: String, _ id: ContainerID) -> Bool {
        guard let cgroup = classify(path) else { return false }
        return cgroup.id == id && cgroup.path == path
    }
}
