private import LinuxSystem

extension EvidenceArchive {
    /// Streams a file's content into a member and makes its row.
    ///
    /// The size in a tar header cannot be taken back. What the file does not give in the end (it shrank, a read failed, a limit
    /// was met) is filled with zeros; the row says so, and `bytes_read` what was real.
    func store(_ facts: ObjectFacts, _ content: ContentReader, _ row: inout ManifestRow) throws(EvidenceError) {
        let window = content.window
        var header = facts.header(row.path)
        header.size = window.length
        header.runs = window.runs
        try checked(tar.begin(header))
        let holes = window.length - window.dataBytes
        let hashesHoles = holes <= min(ContentHash.mostHoleBytes, holesToHash)
        if hashesHoles { holesToHash -= holes }
        var hash = ContentHash(mostHoleBytes: hashesHoles ? holes : 0)
        var position: UInt64 = 0
        var ending: Ending?
        for part in window.parts {
            try skip(part.offset - position, &hash)
            position = part.offset
            while position < part.end {
                let wanted = unsafe Int(min(part.end - position, UInt64(buffer.count)))
                let count = ending == nil ? read(content, wanted, at: position, &ending) : 0
                if count < wanted {
                    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count..<wanted])
                    _ = unsafe rest.initializeMemory(as: UInt8.self, repeating: 0)
                }
                row.bytesRead += UInt64(count)
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<wanted])
                unsafe hash.update(bytes)
                try checked(unsafe tar.write(bytes))
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
        case stopped(String)
    }

    private func read(_ content: ContentReader, _ count: Int, at offset: UInt64, _ ending: inout Ending?) -> Int {
        lookAtLimits()
        if let stopReason {
            ending = .stopped(stopReason)
            return 0
        }
        switch unsafe content.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset) {
        case .read(let got):
            if got < count { ending = .endOfFile }
            return got
        case .failed(let error):
            ending = .failed(error)
        case .timedOut:
            ending = .timedOut
        }
        return 0
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
        case .stopped(let reason):
            row.truncate("\(reason); " + zeros)
        }
        if let difference = content.factsNow()?.difference(from: facts) {
            if row.status == .ok { row.status = .changed }
            row.explain("it " + difference)
        }
        if let cut = content.window.cut { row.truncate(cut) }
    }
}
