import LinuxSystem
private import SystemPackage

/// Stores each readable control file as a member of its own.
final class ControlFiles: LayerVisitor {
    private let writer: ArtifactWriter
    private let childLimit: Int
    private let fileLimit: Int
    private var directory: CgroupArtifacts.Directory?
    private var children = 0
    private(set) var leftOut = 0

    init(_ writer: ArtifactWriter, limit: Int, fileLimit: Int) {
        self.writer = writer
        childLimit = limit
        self.fileLimit = fileLimit
    }

    func begin(_ directory: CgroupArtifacts.Directory) { self.directory = directory }

    var stopReason: String? { writer.archive.stopReason }

    private func artifact(_ path: [UInt8]) -> Artifact {
        let name = directory?.name ?? "cgroup"
        let tail = path.isEmpty ? [] : [UInt8(ascii: "/")] + path
        return Artifact(
            member: Array("container/cgroup/\(name)".utf8) + tail,
            source: Array((directory?.hostPath ?? "").utf8) + tail,
            kind: .cgroup)
    }

    func visit(
        _ path: [UInt8], _ status: ObjectStatus, _ object: borrowing OwnedDescriptor
    ) throws(EvidenceError) -> Bool {
        if status.isDirectory {
            children += 1
            if children <= childLimit { return true }
            leftOut += 1
            return false
        }
        guard status.isRegular else { return false }
        guard status.mode & 0o444 != 0 else {
            try writer.leaveOut(artifact(path), .skipped, "can only be written")
            return false
        }
        let started = realtimeNanoseconds()
        let outcome = writer.read(object, limit: fileLimit)
        try writer.add(artifact(path), outcome: outcome, limit: fileLimit, started: started)
        return false
    }

    func enter(_ path: [UInt8], _ directory: borrowing OwnedDescriptor) {}
    func leave() {}

    func fail(_ path: [UInt8], _ status: ArtifactStatus, _ reason: String) throws(EvidenceError) {
        try writer.leaveOut(artifact(path), status, reason)
    }
}

/// Gathers the thread groups of a cgroup directory and those below. What it cannot read has a row, since processes may be
/// missing for it.
final class ProcessLists: LayerVisitor {
    private let writer: ArtifactWriter
    private(set) var pids: Set<Int32> = []
    private var directories = 0
    private var failures = 0
    private static let failureLimit = 1000
    var stopReason: String? { nil }

    init(_ writer: ArtifactWriter) { self.writer = writer }

    func visit(
        _ path: [UInt8], _ status: ObjectStatus, _ object: borrowing OwnedDescriptor
    ) throws(EvidenceError) -> Bool {
        if status.isDirectory {
            directories += 1
            if directories == 10_001 { try fail(path, .truncated, "processes of cgroups beyond 10,000 are left out") }
            return directories <= 10_000
        }
        let last = path.lastIndex(of: UInt8(ascii: "/")).map { path[($0 + 1)...] } ?? path[...]
        guard status.isRegular, last.elementsEqual("cgroup.procs".utf8) else { return false }
        let outcome = writer.read(object, limit: 4 << 20)
        // A cgroup of threads has none of its own (EOPNOTSUPP): they are listed above it.
        if let error = outcome.error, error.errno != .notSupportedOnSocket {
            try fail(path, ArtifactStatus(of: error), "its processes are not known: \(error.reason)")
        }
        for line in outcome.bytes.split(separator: 0x0a) {
            if let pid = Int32(String(decoding: line, as: UTF8.self)), pid > 0 { pids.insert(pid) }
        }
        return false
    }

    func enter(_ path: [UInt8], _ directory: borrowing OwnedDescriptor) {}
    func leave() {}
    func fail(_ path: [UInt8], _ status: ArtifactStatus, _ reason: String) throws(EvidenceError) {
        failures += 1
        guard failures <= Self.failureLimit else { return }
        try writer.leaveOut(
            Artifact("container/processes", source: "cgroup", kind: .process).below(path), status, reason)
    }
}
