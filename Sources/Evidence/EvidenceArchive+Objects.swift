package import LinuxSystem
private import SystemPackage

extension EvidenceArchive {
    /// A file system object, by an O_PATH descriptor that was opened safely (openat2).
    ///
    /// Of a regular file the content, with its holes; of a directory, symbolic link, FIFO or device the header alone: it is
    /// never opened. Sockets have no place in a tar and are left out. Mode, owner, times and extended attributes are kept.
    ///
    /// - Parameter tail: of a longer file only the last bytes, for logs.
    package func add(
        _ artifact: Artifact, object: borrowing OwnedDescriptor, tail: UInt64? = nil
    ) throws(EvidenceError) {
        let object = Result { () throws(SystemError) in try SharedDescriptor(duplicating: object) }
        try inTurn { () throws(EvidenceError) in try add(artifact, object, tail) }
    }

    private func add(
        _ artifact: Artifact, _ object: Result<SharedDescriptor, SystemError>, _ tail: UInt64?
    ) throws(EvidenceError) {
        let limit = min(limits.fileBytes, contentLeft)
        let wish = ObjectReading.Wish.content(limit: limit, tail: tail, ofLinked: false)
        guard var (facts, row, found, hangs) = try examine(artifact, object, wish) else { return }
        guard facts.type == .file else {
            try checked(tar.begin(facts.header(artifact.member)))
            try checked(tar.end())
            row.size = 0
            row.link = facts.target
            try add(row: row)
            return
        }
        row.sourceSize = facts.size
        guard found.nature != .kernel else {
            row.type = .none
            try leaveOut(&row, .skipped, "the kernel makes its content; it was not read as a file")
            return
        }
        if let first = hardLinks.first(facts) {
            try addLink(facts, to: first, &row)
            return
        }
        if facts.links > 1, !hangs, let shared = try? object.get() {
            let all = ObjectReading.Wish.content(limit: limit, tail: tail, ofLinked: true)
            guard let (now, isLate) = try read(shared, all, &row) else { return }
            facts = now.facts ?? facts
            (found, hangs) = (now, isLate)
        }
        guard let content = found.content else {
            if hangs {
                try leaveOut(&row, .timeout, "it could not be opened within \(ContentReader.timeout / 1_000_000_000) s")
            } else if let error = found.error {
                try leaveOut(&row, ArtifactStatus(error), "\(error)")
            } else {
                try leaveOut(&row, .skipped, "it is no regular file any more")
            }
            return
        }
        try store(facts, content, hangs: hangs, &row)
        // What was cut is no content to refer to.
        if row.status == .ok { hardLinks.note(facts, member: artifact.member) }
    }

    private func addLink(_ facts: ObjectFacts, to first: [UInt8], _ row: inout ManifestRow) throws(EvidenceError) {
        var header = facts.header(row.path)
        header.hardLink = first
        header.attributes = []
        try checked(tar.begin(header))
        try checked(tar.end())
        row.size = 0
        row.link = first
        row.explain("hard link to \(EscapedName.escape(first))")
        try add(row: row)
    }

    /// The object's header with `bytes` in place of its content: a secret that is told of and not kept.
    package func add(
        _ artifact: Artifact, object: borrowing OwnedDescriptor, redacted bytes: [UInt8], reason: String
    ) throws(EvidenceError) {
        let object = Result { () throws(SystemError) in try SharedDescriptor(duplicating: object) }
        try inTurn { () throws(EvidenceError) in
            guard var (facts, row, _, _) = try examine(artifact, object, .facts) else { return }
            row.isRedacted = true
            row.explain(reason)
            guard facts.type == .file else {
                try leaveOut(&row, .skipped, "it is no regular file any more")
                return
            }
            row.sourceSize = facts.size
            facts.size = UInt64(bytes.count)
            var header = facts.header(artifact.member)
            header.size = UInt64(bytes.count)
            try store(header, bytes, &row)
        }
    }

    /// Limits, own files, status, and what `wish` asks for. Nil: its row has been made.
    private func examine(
        _ artifact: Artifact, _ object: Result<SharedDescriptor, SystemError>, _ wish: ObjectReading.Wish
    ) throws(EvidenceError) -> (ObjectFacts, ManifestRow, ObjectReading.State, hangs: Bool)? {
        let started = realtimeNanoseconds()
        guard try admits(artifact, started: started) else { return nil }
        var row = ManifestRow(artifact, .ok, nil, started: started)
        let shared: SharedDescriptor
        let known: ObjectFacts
        do throws(SystemError) {
            shared = try object.get()
            // What this machine knows of it: a server may not answer.
            known = try ObjectFacts(shared.descriptor, cached: true)
        } catch {
            try leaveOut(&row, ArtifactStatus(error), "\(error)")
            return nil
        }
        guard !ownFiles.contains(known.file) else {
            try leaveOut(&row, .skipped, "the collection's own output")
            return nil
        }
        guard let (found, hangs) = try read(shared, wish, &row) else { return nil }
        guard let facts = found.facts else {
            if hangs {
                try leaveOut(&row, .timeout, "its file system did not answer")
            } else if let error = found.error {
                try leaveOut(&row, ArtifactStatus(error), "\(error)")
            }
            return nil
        }
        row.type = facts.type
        row.modified = facts.modifiedText
        row.reason = facts.problem
        if facts.type == .socket {
            try leaveOut(
                &row, .skipped,
                "a tar has no sockets; mode \(String(facts.mode, radix: 8)), owner \(facts.owner):\(facts.group)")
            return nil
        }
        return (facts, row, found, hangs)
    }

    /// What the job found out, all or up to where it hangs. Nil: it was refused, and the row has been made.
    private func read(
        _ object: SharedDescriptor, _ wish: ObjectReading.Wish, _ row: inout ManifestRow
    ) throws(EvidenceError) -> (ObjectReading.State, hangs: Bool)? {
        let reading = ObjectReading()
        let pieces = pieces
        switch reader.attempt(timeout: ContentReader.timeout, { reading.run(object, wish, pieces) }) {
        case .done: return (reading.found, false)
        case .timedOut:
            // The job may fill it at any time.
            self.pieces = PieceBuffer()
            return (reading.found, true)
        case .refused(let hanging):
            try leaveOut(&row, .timeout, "not tried: \(hanging) reads hang already")
            return nil
        }
    }

    private func leaveOut(
        _ row: inout ManifestRow, _ status: ArtifactStatus, _ reason: String
    ) throws(EvidenceError) {
        row.status = status
        row.explain(reason)
        try add(row: row)
    }
}
