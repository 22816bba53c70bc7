package import EventModel
package import LinuxSystem
private import Synchronization
private import SystemPackage

/// The archive of a collection while it is made. One thread adds to it; another may take it over when that one hangs.
///
/// Each add, addition or not, makes exactly one row of the manifest. Only failures of the output throw; after a throw the
/// caller calls `abandon`. An artifact that fails becomes a row.
///
/// Everything mutable is touched by who holds `turn`, and by `init`.
package final class EvidenceArchive: @unchecked Sendable {
    private enum Turn {
        case adding
        case ended
        case takenOver
    }

    package let limits: CollectionLimits
    let output: OutputFile
    let tar: TarWriter
    /// Reads objects. Of the thread that adds.
    package var reader: TimedReader
    private let turn = Mutex(Turn.adding)
    private let manifest: ManifestSpill
    private var rows: UInt64 = 0
    private var byStatus: [ArtifactStatus: UInt64] = [:]
    /// Hashes of the members' names: a second member of a name would hide the first from who extracts.
    private var names: Set<Int> = []
    /// Bytes of content taken in so far.
    package internal(set) var taken: UInt64 = 0
    /// Bytes of holes that may still be hashed as zeros.
    var holesToHash = ContentHash.mostInAll
    var hardLinks = HardLinks()
    var pieces = PieceBuffer()

    /// The limit that has been met: all that comes after it becomes a row `skipped` with this reason.
    private(set) var stop: String?

    /// `stop`, for who is not adding just now.
    package var stopReason: String? { turn.withLock { _ in stop } }

    /// - Parameter program: name and version, for the manifest: `nodeagent 0.2.0`.
    package init(
        output: EvidenceOutput, limits: CollectionLimits, program: String = "nodeagent",
        reader: TimedReader = TimedReader()
    ) throws(EvidenceError) {
        self.limits = limits
        self.reader = reader
        self.output = try OutputFile(output, floor: limits.freeBytes)
        tar = try TarWriter(self.output)
        manifest = try ManifestSpill(self.output)
        let header = ManifestHeader(program: program, started: Timestamp(realtimeNanoseconds()).rfc3339)
        try append(header.json)
    }

    /// The partial file and the directory it lies in; `add(object:)` leaves them out by itself.
    package var ownFiles: Set<FileID> { output.ownFiles }

    /// Whether the partial file of a run that was killed has been taken over.
    package var takesOverStalePartial: Bool { output.takesOverStalePartial }

    /// Where it lies until it is finished.
    package var partialPath: String { output.path + ".partial" }

    /// Nothing is stored; a row all the same.
    package func leaveOut(_ artifact: Artifact, _ status: ArtifactStatus, _ reason: String) throws(EvidenceError) {
        try inTurn { () throws(EvidenceError) in
            try add(row: ManifestRow(artifact, status, reason, started: realtimeNanoseconds()))
        }
    }

    /// Content that is in memory: a file of /proc, a list that was made.
    ///
    /// - Parameters:
    ///   - bytesRead: of the source, where that is not what is stored.
    ///   - started: when reading it began, CLOCK_REALTIME nanoseconds.
    package func add(
        _ artifact: Artifact, bytes: [UInt8], status: ArtifactStatus = .ok, reason: String? = nil,
        bytesRead: UInt64? = nil, isRedacted: Bool = false, started: UInt64
    ) throws(EvidenceError) {
        var row = ManifestRow(artifact, status, reason, type: .file, started: started)
        row.bytesRead = bytesRead ?? UInt64(bytes.count)
        row.isRedacted = isRedacted
        try inTurn { () throws(EvidenceError) in try add(artifact, bytes, row, started: started) }
    }

    private func add(
        _ artifact: Artifact, _ bytes: [UInt8], _ row: ManifestRow, started: UInt64
    ) throws(EvidenceError) {
        guard try admits(artifact, started: started) else { return }
        var row = row
        let limit = min(limits.fileBytes, contentLeft)
        var bytes = bytes
        if UInt64(bytes.count) > limit {
            row.sourceSize = UInt64(bytes.count)
            row.truncate("the first \(limit) of \(bytes.count) bytes")
            bytes.removeLast(bytes.count - Int(limit))
            row.bytesRead = min(row.bytesRead, limit)
        }
        let header = TarHeader(
            member: artifact.member, type: .file, size: UInt64(bytes.count),
            modified: (Int64(started / 1_000_000_000), UInt32(started % 1_000_000_000)))
        try store(header, bytes, &row)
    }

    /// Writes the manifest as the last member, closes and syncs the archive, and gives it its name.
    package func finish() throws(EvidenceError) -> CollectionSummary {
        try turn.withLock { (turn) throws(EvidenceError) in
            guard turn == .adding else { throw Self.over }
            turn = .ended
            return try end()
        }
    }

    /// Finishes in place of the thread that adds, which hangs elsewhere: it can add nothing any more.
    ///
    /// - Parameter artifact: gets a row `timeout` with the reason.
    /// - Returns: nil when it is adding something just now, or has finished or given up.
    package func takeOver(_ artifact: Artifact, _ reason: String) throws(EvidenceError) -> CollectionSummary? {
        let summary = try turn.withLockIfAvailable { (turn) throws(EvidenceError) -> CollectionSummary? in
            guard turn == .adding else { return nil }
            turn = .takenOver
            stop = stop ?? reason
            do throws(EvidenceError) {
                try add(row: ManifestRow(artifact, .timeout, reason, started: realtimeNanoseconds()))
                return try end()
            } catch {
                output.remove()
                throw error
            }
        }
        return summary ?? nil
    }

    private func end() throws(EvidenceError) -> CollectionSummary {
        let end = ManifestEnd(rows: rows, byStatus: byStatus, isComplete: stop == nil, stopReason: stop)
        try append(end.json)
        let now = realtimeNanoseconds()
        try checked(
            tar.begin(
                TarHeader(
                    member: Artifact.manifest, type: .file, size: manifest.count,
                    modified: (Int64(now / 1_000_000_000), 0))))
        var offset: UInt64 = 0
        while offset < manifest.count {
            let part: [UInt8]
            do {
                part = try manifest.read(64 << 10, at: offset)
            } catch {
                throw EvidenceError(.output, "\(output.path): the manifest cannot be read back (\(error)).")
            }
            guard !part.isEmpty else {
                throw EvidenceError(.output, "\(output.path): the manifest cannot be read back.")
            }
            try checked(unsafe part.withUnsafeBytes { unsafe tar.write($0) })
            offset += UInt64(part.count)
        }
        try checked(tar.end())
        try checked(tar.close())
        let sha256 = try output.commit()
        return CollectionSummary(
            path: output.path, archiveBytes: output.written, sha256: sha256, rows: rows, byStatus: byStatus,
            stopReason: stop)
    }

    /// Gives the collection up and removes the partial file. Nothing happens after `finish`, and when it was taken over.
    package func abandon() {
        turn.withLock { turn in
            guard turn != .takenOver else { return }
            turn = .ended
            output.remove()
        }
    }

    // MARK: - What all additions share

    private static let over = EvidenceError(.output, "The collection has ended.")

    /// What adds runs in here.
    func inTurn(_ body: () throws(EvidenceError) -> Void) throws(EvidenceError) {
        try turn.withLock { (turn) throws(EvidenceError) in
            guard turn == .adding else { throw Self.over }
            try body()
        }
    }

    var contentLeft: UInt64 { limits.archiveBytes - min(taken, limits.archiveBytes) }

    /// Whether this artifact may be stored; if not, its row has been made.
    func admits(_ artifact: Artifact, started: UInt64) throws(EvidenceError) -> Bool {
        guard artifact.hasSafeMember else {
            try add(row: ManifestRow(artifact, .skipped, "its name cannot stand in a tar", started: started))
            return false
        }
        lookAtLimits()
        if let stop {
            try add(row: ManifestRow(artifact, .skipped, stop, started: started))
            return false
        }
        // A directory that changes while it is read can list a name twice.
        guard names.insert(artifact.member.hashValue).inserted else {
            let reason = "the archive has a member of this name already"
            try add(row: ManifestRow(artifact, .skipped, reason, started: started))
            return false
        }
        return true
    }

    /// Sets `stop` once a limit has been met.
    func lookAtLimits() {
        guard stop == nil else { return }
        if monotonicNanoseconds() >= limits.deadline {
            stop = "the time for the collection was over"
        } else if taken >= limits.archiveBytes {
            stop = "the collection had its \(limits.archiveBytes) bytes"
        } else if output.isBelowFloor {
            stop = "the output's file system had too little space left"
        }
    }

    /// A whole member from memory, and its row.
    func store(_ header: TarHeader, _ bytes: [UInt8], _ row: inout ManifestRow) throws(EvidenceError) {
        try checked(tar.begin(header))
        try checked(unsafe bytes.withUnsafeBytes { unsafe tar.write($0) })
        try checked(tar.end())
        taken += UInt64(bytes.count)
        var hash = RunningHash()
        hash.update(bytes)
        row.size = UInt64(bytes.count)
        row.sha256 = hash.digest.hex
        try add(row: row)
    }

    /// The one place where rows are made.
    func add(row: ManifestRow) throws(EvidenceError) {
        var row = row
        row.ended = Timestamp(realtimeNanoseconds()).rfc3339
        try append(row.json)
        rows += 1
        byStatus[row.status, default: 0] += 1
    }

    private func append(_ line: [UInt8]) throws(EvidenceError) {
        do {
            try manifest.append(line: line)
        } catch {
            throw EvidenceError(
                error.errno == .noSpace ? .noSpace : .output,
                "\(output.path): the manifest cannot be written (\(error.errno)); name a directory elsewhere "
                    + "(--output DIR).")
        }
    }

    /// Throws what kept the output from being written.
    func checked(_ isWritten: Bool) throws(EvidenceError) {
        guard !isWritten else { return }
        throw output.failure == nil ? output.error(tar.trouble ?? "write") : output.error()
    }
}

extension ManifestRow {
    /// The status of a row that had none worse than `truncated`.
    mutating func truncate(_ text: String) {
        if status == .ok || status == .changed { status = .truncated }
        explain(text)
    }

    mutating func explain(_ text: String) { reason = reason.map { "\($0); \(text)" } ?? text }
}
