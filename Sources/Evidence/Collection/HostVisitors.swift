private import EventModel
import LinuxSystem

/// Stores a tree of the host; files of /proc and /sys are read as text.
final class HostFiles: LayerVisitor {
    private let writer: ArtifactWriter
    private let prefix: Artifact
    private let isPseudo: Bool

    init(_ writer: ArtifactWriter, prefix: Artifact) {
        self.writer = writer
        self.prefix = prefix
        isPseudo = prefix.source.starts(with: "/proc/".utf8) || prefix.source.starts(with: "/sys/".utf8)
    }

    var stopReason: String? { writer.archive.stopReason }

    private func artifact(_ path: [UInt8]) -> Artifact { prefix.below(path) }

    func visit(
        _ path: [UInt8], _ status: ObjectStatus, _ object: borrowing OwnedDescriptor
    ) throws(EvidenceError) -> Bool {
        if status.isDirectory { return true }
        guard isPseudo else {
            try writer.object(artifact(path), name: prefix.source + [0x2f] + path, status: status, object)
            return false
        }
        guard status.isRegular, status.mode & 0o444 != 0 else {
            try writer.leaveOut(artifact(path), .skipped, "can only be written")
            return false
        }
        let started = realtimeNanoseconds()
        let limit = 64 << 10
        let outcome = writer.read(object, limit: limit)
        try writer.add(artifact(path), outcome: outcome, limit: limit, started: started)
        return false
    }

    func enter(_ path: [UInt8], _ directory: borrowing OwnedDescriptor) {}
    func leave() {}
    func fail(_ path: [UInt8], _ status: ArtifactStatus, _ reason: String) throws(EvidenceError) {
        try writer.leaveOut(artifact(path), status, reason)
    }
}

/// Names, types and owners in a tree, as text.
final class DirectoryListing: LayerVisitor {
    private(set) var text: [UInt8] = []
    let started = realtimeNanoseconds()
    var stopReason: String? { nil }

    func visit(
        _ path: [UInt8], _ status: ObjectStatus, _ object: borrowing OwnedDescriptor
    ) throws(EvidenceError) -> Bool {
        text += Array(
            "\(status.typeName) uid=\(status.owner) inode=\(status.file.inode) \(EscapedName.escape(path))\n".utf8)
        return status.isDirectory
    }
    func enter(_ path: [UInt8], _ directory: borrowing OwnedDescriptor) {}
    func leave() {}
    func fail(_ path: [UInt8], _ status: ArtifactStatus, _ reason: String) throws(EvidenceError) {
        text += Array("# \(EscapedName.escape(path)): \(status.rawValue) \(reason)\n".utf8)
    }
}
