package import ContainerInventory
package import EventModel
package import LinuxSystem

/// The directories that a container has in the cgroup hierarchies: which they are, their processes, their control
/// files.
package struct CgroupArtifacts {
    /// One directory, as the host sees it.
    package struct Directory: Sendable, Equatable {
        package var hierarchy: CgroupTree.Hierarchy
        /// Below the hierarchy's root, beginning with `/`.
        package var path: String
        package var hostPath: String { hierarchy.mountPoint + path }
        /// `unified`, or the v1 controllers.
        package var name: String {
            hierarchy.isUnified ? "unified" : hierarchy.controllers.joined(separator: ",")
        }
    }

    /// The container's own directory in each hierarchy: the path it is known by, and where else its first process lies,
    /// as far as that path is the container's. A process may have been moved to a cgroup of the host: that one is not
    /// its container's.
    ///
    /// - Parameter memberships: of the first process; empty when it is gone.
    package static func directories(
        of id: ContainerID, path: String, memberships: [CgroupMembership], in tree: CgroupTree
    ) -> [Directory] {
        var found: [Directory] = []
        for hierarchy in tree.hierarchies {
            let own = memberships.filter { membership in
                hierarchy.isUnified
                    ? membership.hierarchy == 0
                    : membership.hierarchy != 0 && !membership.controllers.isEmpty
                        && membership.controllers.allSatisfy { hierarchy.controllers.contains(String($0)) }
            }
            var paths: [String] = []
            if isOwn(path, of: id, known: path) { paths.append(path) }
            for candidate in own.map(\.path) where isOwn(candidate, of: id, known: path) {
                // What lies below the container's own directory is found from there.
                let whole = ContainerCgroup.classify(candidate).flatMap { $0.id == id ? $0.path : nil } ?? candidate
                if !paths.contains(where: { whole == $0 || whole.hasPrefix($0 + "/") }) { paths.append(whole) }
            }
            for path in paths {
                let directory = Directory(hierarchy: hierarchy, path: path)
                if (try? FileStatus.of(directory.hostPath, following: false))?.isDirectory == true {
                    found.append(directory)
                }
            }
        }
        return found
    }

    private static func isOwn(_ path: String, of id: ContainerID, known: String) -> Bool {
        guard path.utf8.count > 1, path.hasPrefix("/"), !path.hasSuffix(".slice"),
            !path.split(separator: "/").contains("..")
        else { return false }
        if let classified = ContainerCgroup.classify(path) { return classified.id == id || classified.outer == id }
        return path == known || path.split(separator: "/").last.map(String.init) == id.rawValue
    }

    private let writer: ArtifactWriter
    /// Directories below the container's own, all hierarchies together.
    private static let childLimit = 1000
    private static let fileLimit = 64 << 10

    package init(_ writer: ArtifactWriter) { self.writer = writer }

    /// Stores the control files that can be read.
    package func collect(_ directories: [Directory]) throws(EvidenceError) {
        let visitor = ControlFiles(writer, limit: Self.childLimit, fileLimit: Self.fileLimit)
        for directory in directories {
            visitor.begin(directory)
            try walk(directory, visitor)
        }
        if visitor.leftOut > 0 {
            try writer.leaveOut(
                Artifact("container/cgroup", source: "cgroup", kind: .cgroup), .truncated,
                "\(visitor.leftOut) cgroups more than \(Self.childLimit): left out")
        }
    }

    /// Thread groups in all these directories and below them, in no order.
    package func processes(_ directories: [Directory]) throws(EvidenceError) -> Set<Int32> {
        let visitor = ProcessLists(writer)
        for directory in directories { try walk(directory, visitor) }
        return visitor.pids
    }

    private func walk(_ directory: Directory, _ visitor: some LayerVisitor) throws(EvidenceError) {
        var walk = LayerWalk(writer.reader)
        walk.limits.entries = 500_000
        let path = directory.hostPath
        let root = try? writer.reader.answer("opening") { () throws(SystemError) in
            SharedDescriptor(try OwnedDescriptor(hostObject: path))
        }
        guard let root else {
            try visitor.fail([], .vanished, "the cgroup is gone")
            return
        }
        try walk.run(root.descriptor, visitor)
    }
}
