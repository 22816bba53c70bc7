private import CLinux
package import EventModel
package import LinuxSystem

/// The file systems that a container has beside its root: its own tmpfs mounts are stored, bind mounts and volumes have
/// a row.
///
/// The container's mount table is hostile text. It says where to look; what is opened there must be a tmpfs with the
/// row's device, and one that the host has mounted as well (a bind of /run) is the host's.
package struct MountArtifacts {
    /// What is done with one mount.
    package enum Decision: Sendable, Equatable {
        case tmpfs
        case leftOut(String)
        /// proc, sysfs, cgroup and the like: nothing of the container's lies in it.
        case none
    }

    private static let virtual: Set<Substring> = [
        "proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "securityfs", "debugfs", "tracefs", "bpf", "pstore",
        "configfs", "binfmt_misc", "hugetlbfs", "devtmpfs", "nsfs", "efivarfs", "selinuxfs", "fusectl", "autofs",
    ]

    /// - Parameters:
    ///   - hostMounts: the host's mount table, which names the host's tmpfs mounts.
    ///   - id: a tmpfs that the engine mounts for the container (`…/ID/shm`) is in the host's table and yet its own.
    package static func decide(_ mount: MountInfo, hostMounts: [MountInfo], id: ContainerID) -> Decision {
        guard mount.mountPoint != "/" else { return .none }
        if mount.filesystemType == "tmpfs" {
            let same = hostMounts.filter { $0.device == mount.device }
            let isOwn = same.allSatisfy { host in
                host.mountPoint.split(separator: "/").contains { $0 == id.rawValue }
            }
            return isOwn ? .tmpfs : .leftOut("host path: a tmpfs that the host has at \(same[0].mountPoint)")
        }
        if virtual.contains(mount.filesystemType) { return .none }
        return .leftOut("host path \(mount.root) of \(mount.filesystemType) \(mount.source): a bind mount or volume")
    }

    private let writer: ArtifactWriter
    private let proc: ProcFilesystem
    private static let mountLimit = 512
    private static let tmpfs: Int64 = 0x0102_1994

    package init(_ writer: ArtifactWriter, _ proc: ProcFilesystem) {
        self.writer = writer
        self.proc = proc
    }

    /// - Parameter pid: a process in the container's mount namespace.
    package func collect(pid: Int32, id: ContainerID, hostMounts: [MountInfo]) throws(EvidenceError) {
        let source = proc.path(pid, "mountinfo")
        guard let mounts = try? proc.mounts(pid) else {
            try writer.leaveOut(
                Artifact("container/tmpfs", source: source, kind: .layer), .vanished, "its mount table cannot be read")
            return
        }
        var index = 0
        var list = JSONText()
        let started = realtimeNanoseconds()
        for (number, mount) in mounts.enumerated() {
            guard number < Self.mountLimit else {
                try writer.leaveOut(
                    Artifact("container/tmpfs", source: source, kind: .layer), .truncated,
                    "\(mounts.count) mounts: \(mounts.count - Self.mountLimit) left out")
                break
            }
            switch Self.decide(mount, hostMounts: hostMounts, id: id) {
            case .none: continue
            case .leftOut(let reason):
                try writer.leaveOut(
                    Artifact("container/mounts/\(number)", source: mount.mountPoint, kind: .layer), .skipped, reason)
            case .tmpfs:
                index += 1
                list.raw("{\"member\":")
                list.string("container/tmpfs/\(index)")
                list.raw(",\"mount_point\":")
                list.string(EscapedName.escape(mount.mountPoint.utf8))
                list.raw("}\n")
                try collect(mount, "container/tmpfs/\(index)", pid: pid)
            }
        }
        try writer.add(
            Artifact("container/tmpfs.jsonl", source: source, kind: .layer), list.bytes, started: started)
    }

    private func collect(_ mount: MountInfo, _ member: String, pid: Int32) throws(EvidenceError) {
        let root = proc.path(pid, "root")
        let artifact = Artifact(member, source: root + mount.mountPoint, kind: .layer)
        // On a thread that may hang: the way to the mount point may lead through a FUSE file system of the container's.
        let name = Array(mount.mountPoint.utf8)
        let object: SharedDescriptor
        let status: ObjectStatus
        let magic: Int64
        do throws(SystemError) {
            (object, status, magic) = try writer.reader.answer("opening") { () throws(SystemError) in
                let root = try OwnedDescriptor(opening: root, flags: CInt(NA_O_PATH | NA_O_DIRECTORY))
                let object = try OwnedDescriptor(object: name, below: root, .inRoot)
                let (status, magic) = (try ObjectStatus(of: object), try object.filesystemMagic())
                return (SharedDescriptor(object), status, magic)
            }
        } catch {
            try writer.leaveOut(artifact, ArtifactStatus(of: error), error.reason)
            return
        }
        guard status.file.device == mount.device, magic == Self.tmpfs else {
            try writer.leaveOut(artifact, .skipped, "what lies there is not the tmpfs of the mount table")
            return
        }
        try writer.object(artifact, name: name, status: status, object.descriptor)
        guard status.isDirectory else { return }
        try LayerWalk(writer.reader).run(object.descriptor, LayerFiles(writer, prefix: artifact))
    }
}
