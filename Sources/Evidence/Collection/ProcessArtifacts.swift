private import EventModel
package import LinuxSystem

/// The processes of a container: what /proc tells of each, their executables, and what they hold open though it is
/// deleted.
package final class ProcessArtifacts {
    private let writer: ArtifactWriter
    private let proc: ProcFilesystem
    private let hashes: ExecutableHashes
    /// Whether a path, as a container's link names it, lies in the container's writable layer.
    private let isWritten: ([UInt8]) -> Bool
    /// For processes of which nothing hangs, when `writer.reader` refuses.
    private let spare = TimedReader()
    /// Files that have been stored whole, by the member that has them.
    private var stored: [FileID: String] = [:]

    /// A fork bomb's further processes are counted only.
    package static let limit = 4096
    private static let timeout: UInt64 = 2_000_000_000

    package init(_ writer: ArtifactWriter, _ proc: ProcFilesystem, isWritten: @escaping ([UInt8]) -> Bool) {
        self.writer = writer
        self.proc = proc
        self.isWritten = isWritten
        hashes = ExecutableHashes(reader: writer.reader)
    }

    /// - Parameter visitors: those of them that are the host's, see `ProcessOrigin`: told, without their content.
    package func collect(_ pids: [Int32], visitors: Set<Int32> = []) throws(EvidenceError) {
        for pid in pids.prefix(Self.limit) { try collect(pid, visitors.contains(pid) ? .identity : .whole) }
        guard pids.count > Self.limit else { return }
        try writer.leaveOut(
            artifact("container/processes", "/proc"), .truncated,
            "\(pids.count) processes: \(pids.count - Self.limit) left out")
    }

    private func artifact(_ member: String, _ source: String) -> Artifact {
        Artifact(member, source: source, kind: .process)
    }

    private func collect(_ pid: Int32, _ scope: ProcessReading.Scope) throws(EvidenceError) {
        let source = "\(proc.root)/\(pid)"
        let member = "container/processes/\(pid)"
        var (result, ending) = ProcessReading.read(source, scope, writer.reader, timeout: Self.timeout)
        var refusal: String?
        if case .refused(let hanging) = ending, scope == .whole {
            // Those that hang do so in what waits for the mmap lock: the rest can be had.
            refusal = "not tried: \(hanging) processes hang already"
            (result, ending) = ProcessReading.read(source, .withoutMemory, spare, timeout: Self.timeout)
        }
        if let error = result.error {
            try writer.leaveOut(artifact(member, source), ArtifactStatus(of: error), "the process was gone: \(error)")
            return
        }
        if scope == .identity {
            try writer.leaveOut(
                artifact(member, source), .skipped,
                "a process of the host's that was moved into the container's cgroup: what it holds is left out")
        }
        for piece in result.pieces { try add(piece, member, source) }
        let done = Set(result.pieces.map(\.name))
        for name in scope.names where !done.contains(name) {
            try writer.leaveOut(
                artifact("\(member)/\(name)", "\(source)/\(name)"), .timeout,
                refusal ?? Self.reason(name, result.current, ending))
        }
        for file in result.files {
            let object = OwnedDescriptor(adopting: file.descriptor)
            if file.name == "exe" {
                try executable(file, object, root: result.root, member, source)
            } else {
                try deleted(file, object, "\(member)/deleted/\(file.name)", "\(source)/fd/\(file.name)")
            }
        }
        if !result.notes.isEmpty {
            try writer.leaveOut(
                artifact("\(member)/deleted", "\(source)/fd"), .truncated,
                "\(result.notes.count) more deleted files are open: descriptors \(result.notes.joined(separator: " "))")
        }
        if !result.unopened.isEmpty {
            try writer.leaveOut(
                artifact("\(member)/deleted", "\(source)/fd"), .denied,
                "descriptors that could not be opened: \(result.unopened.joined(separator: " "))")
        }
    }

    private static func reason(_ name: String, _ current: String, _ ending: ProcessReading.Ending) -> String {
        switch ending {
        case .timedOut(let nanoseconds) where name == current: SystemError.hung("reading", after: nanoseconds).reason
        case .refused(let hanging): SystemError.refused(hanging: hanging).reason
        default: "left out: \(current) hung"
        }
    }

    private func add(_ piece: ProcessReading.Piece, _ member: String, _ source: String) throws(EvidenceError) {
        let artifact = artifact("\(member)/\(piece.name)", "\(source)/\(piece.name)")
        guard piece.name == "environ", writer.secrets == .redact else {
            try writer.add(artifact, outcome: piece.outcome, limit: piece.limit, started: piece.started)
            return
        }
        var outcome = piece.outcome
        outcome.bytes = RedactedEnvironment.redact(outcome.bytes, with: writer.hash)
        try writer.add(artifact, outcome: outcome, limit: piece.limit, isRedacted: true, started: piece.started)
    }

    /// Asked of the file system itself, whose server may never answer.
    private func isOnTmpfs(_ object: borrowing OwnedDescriptor) -> Bool {
        guard let shared = try? SharedDescriptor(duplicating: object) else { return false }
        let magic = writer.reader.run(timeout: Self.timeout) { try? shared.descriptor.filesystemMagic() } ?? nil
        return magic == Self.tmpfs
    }

    /// TMPFS_MAGIC of linux/magic.h.
    private static let tmpfs: Int64 = 0x0102_1994

    /// Whole when it exists nowhere else or the container brought it; else its hash says which program it is.
    private func executable(
        _ file: ProcessReading.OpenFile, _ object: borrowing OwnedDescriptor, root: [UInt8], _ member: String,
        _ source: String
    ) throws(EvidenceError) {
        let status = file.status
        let started = realtimeNanoseconds()
        // Of a container that was only chrooted, the link has the way from the mount namespace's root.
        let isBelowRoot = root.count > 1 && file.target.starts(with: root)
        let isWanted =
            status.links == 0 || isWritten(file.target)
            || isBelowRoot && isWritten(Array(file.target.dropFirst(root.count))) || isOnTmpfs(object)
        var text = "path \(EscapedName.escape(file.target))\ndevice \(status.file.device)\ninode \(status.file.inode)\n"
        text += "size \(status.size)\nmode \(String(status.mode & 0o7777, radix: 8))\nlinks \(status.links)\n"
        if isWanted {
            let whole = stored[status.file] ?? "\(member)/exe"
            text += "content \(whole)\n"
            if stored[status.file] == nil { try deleted(file, object, "\(member)/exe", "\(source)/exe") }
        } else {
            text += "sha256 \(hashes.sha256(object, status))\n"
        }
        try writer.add(artifact("\(member)/exe.txt", "\(source)/exe"), Array(text.utf8), started: started)
    }

    private func deleted(
        _ file: ProcessReading.OpenFile, _ object: borrowing OwnedDescriptor, _ member: String, _ source: String
    ) throws(EvidenceError) {
        let artifact = artifact(member, source)
        if let first = stored[file.status.file] {
            try writer.leaveOut(artifact, .skipped, "the same file as \(first)")
            return
        }
        stored[file.status.file] = member
        try writer.object(artifact, name: file.target, status: file.status, object)
    }
}
