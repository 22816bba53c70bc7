private import LinuxSystem

extension EvidenceArchive {
    /// Streams a file's content into a member and makes its row.
    ///
    /// The size in a tar header cannot be taken back. What the file does not give in the end (it shrank, a read failed, a limit
    /// was met) is filled with zeros; the row says so, and `bytes_read` what was real.
    ///
    /// - Parameter hangs: the first read does not end.
    func store(
        _ facts: ObjectFacts, _ content: ContentReader, hangs: Bool, _ row: inout ManifestRow
    ) throws(EvidenceError) {
        let window = content.window
        var header = facts.header(row.path)
        header.size = window.length
        header.runs = window.runs
        try checked(tar.begin(header))
        let holes = window.length - window.dataBytes
        let hashesHoles = ContentHash.takesHoles(holes, from: &holesToHash)
        var hash = ContentHash(mostHoleBytes: hashesHoles ? holes : 0)
        var position: UInt64 = 0
        var ending: Ending? = hangs ? .timedOut : nil
        for part in window.parts {
            try skip(part.offset - position, &hash)
            position = part.offset
            while position < part.end {
                let wanted = Int(min(part.end - position, UInt64(PieceBuffer.size)))
                let count = ending == nil ? min(read(content, wanted, at: position, &ending), wanted) : 0
                row.bytesRead += UInt64(count)
                try unsafe pieces.withBytes(count) { (bytes) throws(EvidenceError) in
                    unsafe hash.update(bytes)
                    try checked(unsafe tar.write(bytes))
                }
                try fill(wanted - count, &hash)
                position += UInt64(wanted)
            }
        }
        try skip(window.length - position, &hash)
        try checked(tar.end())
        taken += row.bytesRead
        if row.bytesRead >= 8 << 20 { content.dropCached() }
        let digests = hash.finish()
        row.size = window.length
        row.sha256 = (digests.content ?? digests.data)?.hex
        row.hashOf = digests.content == nil ? .data : .content
        describe(&row, facts, content, ending)
        try add(row: row)
    }

    /// Why reading ended before the window did.
    private enum Ending {
        case endOfFile
        case failed(SystemError)
        case timedOut
        case refused(hanging: Int)
        case stopped(String)
    }

    /// The bytes that `pieces` has got.
    private func read(_ content: ContentReader, _ count: Int, at offset: UInt64, _ ending: inout Ending?) -> Int {
        lookAtLimits()
        if let stop {
            ending = .stopped(stop)
            return 0
        }
        switch content.read(count, into: pieces, at: offset, reader) {
        case .read(let got):
            if got < count { ending = .endOfFile }
            return got
        case .failed(let error):
            ending = .failed(error)
        case .timedOut:
            // The read that hangs may write to it at any time.
            pieces = PieceBuffer()
            ending = .timedOut
        case .refused(let hanging):
            ending = .refused(hanging: hanging)
        }
        return 0
    }

    private static let zeros = [UInt8](repeating: 0, count: 64 << 10)

    /// Zeros in place of what could not be read.
    private func fill(_ count: Int, _ hash: inout ContentHash) throws(EvidenceError) {
        var left = count
        while left > 0 {
            let part = min(left, Self.zeros.count)
            let isWritten = unsafe Self.zeros.withUnsafeBytes { zeros in
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: zeros[..<part])
                unsafe hash.update(bytes)
                return unsafe tar.write(bytes)
            }
            try checked(isWritten)
            left -= part
        }
    }

    private func skip(_ count: UInt64, _ hash: inout ContentHash) throws(EvidenceError) {
        hash.hole(count)
        try checked(tar.skip(count))
    }

    private func describe(
        _ row: inout ManifestRow, _ facts: ObjectFacts, _ content: ContentReader, _ ending: Ending?
    ) {
        let zeros = "the last \(content.window.dataBytes - row.bytesRead) bytes of its data are zeros in the archive"
        switch ending {
        case nil: break
        case .endOfFile:
            row.status = .changed
            row.explain("it ended early; " + zeros)
        case .failed(let error):
            row.truncate("\(error); " + zeros)
        case .timedOut:
            row.status = .timeout
            row.explain("a read did not end; " + zeros)
        case .refused(let hanging):
            row.status = .timeout
            row.explain("not read: \(hanging) reads hang already; " + zeros)
        case .stopped(let reason):
            row.truncate("\(reason); " + zeros)
        }
        if row.status != .timeout, let difference = content.factsNow(reader)?.difference(from: facts) {
            if row.status == .ok { row.status = .changed }
            row.explain("it " + difference)
        }
        if let cut = content.window.cut { row.truncate(cut) }
    }
}
