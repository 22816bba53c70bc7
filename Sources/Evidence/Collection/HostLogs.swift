private import EventModel
package import LinuxSystem
private import SystemPackage

/// The host's logs: the journal's files as they are and everything below /var/log, the newest first, until the cap is
/// met.
package struct HostLogs {
    private let writer: ArtifactWriter
    private let mounts: [MountInfo]
    private let root: String

    /// Of one file its end is kept, of all together so much.
    private static let fileTail: UInt64 = 64 << 20
    private static let totalLimit: UInt64 = 1 << 30
    private static let directories = ["/run/log/journal", "/var/log"]
    /// File systems whose reading does not wait for a network.
    private static let local: Set<Substring> = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "zfs", "vfat"]

    package init(_ writer: ArtifactWriter, mounts: [MountInfo], root: String = "") {
        self.writer = writer
        self.mounts = mounts
        self.root = root
    }

    package func collect() throws(EvidenceError) {
        var total: UInt64 = 0
        for directory in Self.directories { try collect(directory, &total) }
    }

    private func collect(_ path: String, _ total: inout UInt64) throws(EvidenceError) {
        let prefix = Artifact("host\(path)", source: root + path, kind: .log)
        let shared: SharedDescriptor
        let (full, root) = (root + path, root)
        do throws(SystemError) {
            shared = try writer.reader.answer("opening") { () throws(SystemError) in
                SharedDescriptor(try HostPath.open(full, root: root))
            }
        } catch {
            let isMissing = error.errno == .noSuchFileOrDirectory
            try writer.leaveOut(
                prefix, isMissing ? .skipped : ArtifactStatus(of: error), isMissing ? "there is none" : error.reason)
            return
        }
        var walk = LayerWalk(writer.reader)
        walk.limits.entries = LogFiles.limit
        // /var/log/audit is often a file system of its own.
        walk.mounts = Set(
            mounts.filter { $0.mountPoint.hasPrefix(root + path + "/") && Self.local.contains($0.filesystemType) }
                .map { Array($0.mountPoint.utf8.dropFirst(root.utf8.count + path.utf8.count + 1)) })
        let list = LogFiles(writer, prefix: prefix)
        try walk.run(shared.descriptor, list)
        for file in list.newestFirst {
            let artifact = list.artifact(file.path)
            guard total < Self.totalLimit else {
                try writer.leaveOut(artifact, .skipped, "logs are cut at \(Self.totalLimit) bytes, the newest first")
                continue
            }
            total += min(file.size, Self.fileTail)
            let object: SharedDescriptor
            let status: ObjectStatus
            do throws(SystemError) {
                (object, status) = try writer.reader.answer("opening") { () throws(SystemError) in
                    let object = try OwnedDescriptor(object: file.path, below: shared.descriptor, .acrossMounts)
                    let status = try ObjectStatus(of: object)
                    return (SharedDescriptor(object), status)
                }
            } catch {
                try writer.leaveOut(artifact, ArtifactStatus(of: error), error.reason)
                continue
            }
            try writer.object(
                artifact, name: artifact.source, status: status, object.descriptor, tail: Self.fileTail)
        }
    }
}

/// Lists the log files; what is no regular file or directory is stored at once, as a header.
final class LogFiles: LayerVisitor {
    struct File: Sendable {
        var path: [UInt8]
        var size: UInt64
        var modified: UInt64
    }
    static let limit = 20_000
    private let writer: ArtifactWriter
    private let prefix: Artifact
    private var files: [File] = []

    init(_ writer: ArtifactWriter, prefix: Artifact) {
        self.writer = writer
        self.prefix = prefix
    }

    var newestFirst: [File] { files.sorted { $0.modified > $1.modified } }
    var stopReason: String? { writer.archive.stopReason }

    func artifact(_ path: [UInt8]) -> Artifact { prefix.below(path) }

    func visit(
        _ path: [UInt8], _ status: ObjectStatus, _ object: borrowing OwnedDescriptor
    ) throws(EvidenceError) -> Bool {
        if status.isDirectory { return true }
        if status.isRegular {
            files.append(File(path: path, size: status.size, modified: status.modified))
        } else {
            try writer.object(artifact(path), name: path, status: status, object)
        }
        return false
    }

    func enter(_ path: [UInt8], _ directory: borrowing OwnedDescriptor) {}
    func leave() {}
    func fail(_ path: [UInt8], _ status: ArtifactStatus, _ reason: String) throws(EvidenceError) {
        try writer.leaveOut(artifact(path), status, reason)
    }
}
