package import EventModel
package import LinuxSystem

/// Where this host has its cgroup hierarchies, and which containers lie in them.
package struct CgroupTree: Sendable, Equatable {
    package struct Hierarchy: Sendable, Equatable {
        /// Absolute, without a slash at the end.
        package var mountPoint: String
        package var isUnified: Bool
        /// v1 controllers or `name=systemd`; empty on v2.
        package var controllers: [String]
        package var device: DeviceNumber
    }

    package private(set) var hierarchies: [Hierarchy]

    /// Directories looked at in one walk of one hierarchy; a host with more has other troubles.
    package var walkLimit = 65_536
    private static let depthLimit = 32
    /// Below one container's own cgroup, for the containers in it: levels (kind: systemd's, kubelet's and the pod's slices, a
    /// scope) and directories. A container can make any number, and must not hide the others by it.
    private static let innerDepth = 8
    private static let innerLimit = 1024

    /// From the rows of a mountinfo file of the host. Of a hierarchy that is mounted more than once, the first whole mount.
    package init(mounts: [MountInfo], root: String = "") {
        hierarchies = []
        for mount in mounts where mount.root == "/" {
            let isUnified = mount.filesystemType == "cgroup2"
            guard isUnified || mount.filesystemType == "cgroup",
                !hierarchies.contains(where: { $0.device == mount.device })
            else { continue }
            // `rw,cpu,cpuacct`, `rw,xattr,name=systemd,release_agent=…`
            let controllers = mount.superOptions.split(separator: ",").map(String.init).filter {
                !["rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode"].contains($0)
                    && !$0.hasPrefix("release_agent=")
            }
            hierarchies.append(
                Hierarchy(
                    mountPoint: root + mount.mountPoint, isUnified: isUnified,
                    controllers: isUnified ? [] : controllers, device: mount.device))
        }
    }

    /// The hierarchies worth walking: every container has a directory in v2 or in systemd's, or with a runtime that knows
    /// neither, in a controller's.
    package var principal: [Hierarchy] {
        let unified = hierarchies.filter { $0.isUnified || $0.controllers.contains("name=systemd") }
        let other = hierarchies.first { $0.controllers.contains("pids") } ?? hierarchies.first { !unified.contains($0) }
        guard let other, !unified.contains(other) else { return unified }
        return unified + [other]
    }

    /// `path` (of the file system, as runc's state.json has it) below the root of its hierarchy; nil outside all of them.
    package func relative(_ path: String) -> String? {
        // The longest: on hybrid hosts v2 lies at /sys/fs/cgroup/unified, elsewhere /sys/fs/cgroup is v2 itself.
        let fitting = hierarchies.map(\.mountPoint).filter { path == $0 || path.hasPrefix($0 + "/") }
        guard let mountPoint = fitting.max(by: { $0.utf8.count < $1.utf8.count }) else { return nil }
        let rest = path.dropFirst(mountPoint.utf8.count)
        return rest.isEmpty ? "/" : String(rest)
    }

    /// Every container that a directory names, each once.
    package func containers() -> [ContainerCgroup] {
        var found: [ContainerID: ContainerCgroup] = [:]
        for hierarchy in principal {
            for cgroup in containers(in: hierarchy) where found[cgroup.id] == nil { found[cgroup.id] = cgroup }
        }
        return found.values.sorted { $0.path < $1.path }
    }

    /// The same of one hierarchy; the outer ones come before those in them.
    package func containers(in hierarchy: Hierarchy) -> [ContainerCgroup] {
        var found: [ContainerCgroup] = []
        walk(hierarchy, below: { ContainerCgroup.classify($0) != nil }) { path in
            if let cgroup = ContainerCgroup.classify(path), cgroup.path == path { found.append(cgroup) }
        }
        return found
    }

    /// Every cgroup directory of a hierarchy, as paths below its root: those nearer to the root first.
    package func walk(_ hierarchy: Hierarchy, _ visit: (String) -> Void) {
        walk(hierarchy, below: { _ in false }, visit)
    }

    /// - Parameter isContainer: below what this is true of, only `innerDepth` levels and `innerLimit` directories are looked
    ///   at, and only when all other directories have been.
    private func walk(_ hierarchy: Hierarchy, below isContainer: (String) -> Bool, _ visit: (String) -> Void) {
        var level = [""]
        var containers: [String] = []
        var visited = 0
        for _ in 0...Self.depthLimit where !level.isEmpty {
            var next: [String] = []
            for path in level {
                guard visited < walkLimit else { return }
                visited += 1
                if !path.isEmpty { visit(path) }
                if isContainer(path) {
                    containers.append(path)
                } else {
                    next += children(of: path, in: hierarchy, limit: walkLimit - next.count)
                }
            }
            level = next
        }
        for container in containers {
            var level = children(of: container, in: hierarchy, limit: Self.innerLimit)
            var left = Self.innerLimit - level.count
            for depth in 1...Self.innerDepth where !level.isEmpty {
                var next: [String] = []
                for path in level {
                    visit(path)
                    guard depth < Self.innerDepth, left > 0 else { continue }
                    let more = children(of: path, in: hierarchy, limit: left)
                    left -= more.count
                    next += more
                }
                level = next
            }
        }
    }

    /// The directories in a cgroup, at most `limit`.
    private func children(of path: String, in hierarchy: Hierarchy, limit: Int) -> [String] {
        let directory = hierarchy.mountPoint + path
        guard limit > 0,
            let names = ContainerCgroup.classify(path) == nil
                ? try? directoryEntries(directory) : CgroupReading.names(in: directory)
        else { return [] }
        var children: [String] = []
        for name in names {
            // Control files of cgroupfs carry a dot behind their controller; asking stat about each costs the most.
            if Self.isControlFile(name) { continue }
            guard let status = try? FileStatus.of("\(directory)/\(name)", following: false), status.isDirectory else {
                continue
            }
            children.append("\(path)/\(name)")
            if children.count >= limit { break }
        }
        return children
    }

    private static let controllers: Set<Substring> = [
        "cgroup", "cpu", "cpuacct", "cpuset", "memory", "io", "blkio", "pids", "hugetlb", "rdma", "misc", "devices",
        "freezer", "net_cls", "net_prio", "perf_event", "irq", "dmem",
    ]

    private static func isControlFile(_ name: String) -> Bool {
        if name == "tasks" || name == "release_agent" || name == "notify_on_release" { return true }
        guard let dot = name.firstIndex(of: "."), controllers.contains(name[..<dot]) else { return false }
        // A unit may be called `memory.service`.
        return !name.hasSuffix(".service") && !name.hasSuffix(".slice") && !name.hasSuffix(".scope")
    }

    /// Thread groups in a cgroup and in those below it, at most `limit`, from the first hierarchy that has some.
    package func processes(in path: String, limit: Int = 4096) -> [Int32] {
        for hierarchy in principal {
            let pids = processes(in: path, of: hierarchy, limit: limit)
            if !pids.isEmpty { return pids }
        }
        return []
    }

    /// The same of one hierarchy.
    func processes(in path: String, of hierarchy: Hierarchy, limit: Int) -> [Int32] {
        var pids: [Int32] = []
        var waiting = [path]
        var visited = 0
        while let next = waiting.popLast(), pids.count < limit, visited < 1024 {
            visited += 1
            guard let bytes = CgroupReading.processes(in: hierarchy.mountPoint + next) else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            pids += text.split(separator: "\n").compactMap { Int32($0) }
            waiting += children(of: next, in: hierarchy, limit: 1024)
        }
        return Array(pids.prefix(limit))
    }
}
