import EventModel
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
        guard let (facts, found, shared) = try examine(artifact, object) else { return }
        var row = found
        guard facts.type == .file else {
            try checked(tar.begin(facts.header(artifact.member)))
            try checked(tar.end())
            row.size = 0
            row.link = facts.target
            try add(row: row)
            return
        }
        row.sourceSize = facts.size
        let isLocal: Bool
        switch nature(of: facts.file.device, shared) {
        case .kernel:
            row.type = .none
            row.status = .skipped
            row.explain("the kernel makes its content; it was not read as a file")
            try add(row: row)
            return
        case .local: isLocal = true
        case .other: isLocal = false
        }
        if let first = hardLinks.first(facts) {
            var header = facts.header(artifact.member)
            header.hardLink = first
            header.attributes = []
            try checked(tar.begin(header))
            try checked(tar.end())
            row.size = 0
            row.link = first
            row.explain("hard link to \(EscapedName.escape(first))")
            try add(row: row)
            return
        }
        let limit = min(limits.fileBytes, contentLeft)
        let opened = ContentReader.open(shared, facts: facts, limit: limit, tail: tail, timed: isLocal ? nil : reader)
        switch opened {
        case nil:
            try leaveOut(&row, .timeout, "it could not be opened within \(ContentReader.timeout / 1_000_000_000) s")
        case .failure(let error):
            try leaveOut(&row, ArtifactStatus(error), "\(error)")
        case .success(let content):
            try store(facts, content, &row)
            // What was cut is no content to refer to.
            if row.status == .ok { hardLinks.note(facts, member: artifact.member) }
        }
    }

    /// The object's header with `bytes` in place of its content: a secret that is told of and not kept.
    package func add(
        _ artifact: Artifact, object: borrowing OwnedDescriptor, redacted bytes: [UInt8], reason: String
    ) throws(EvidenceError) {
        guard var (facts, row, _) = try examine(artifact, object) else { return }
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

    /// Limits, own files and status. Nil: its row has been made.
    private func examine(
        _ artifact: Artifact, _ object: borrowing OwnedDescriptor
    ) throws(EvidenceError) -> (ObjectFacts, ManifestRow, SharedDescriptor)? {
        let started = realtimeNanoseconds()
        guard try admits(artifact, started: started) else { return nil }
        var row = ManifestRow(artifact, .ok, nil, started: started)
        let shared: SharedDescriptor
        let known: ObjectFacts
        do throws(SystemError) {
            shared = try SharedDescriptor(duplicating: object)
            // What this machine knows of it, to learn its file system: a server may not answer.
            known = try ObjectFacts(object, cached: true)
        } catch {
            try leaveOut(&row, ArtifactStatus(error), "\(error)")
            return nil
        }
        guard !ownFiles.contains(known.file) else {
            try leaveOut(&row, .skipped, "the collection's own output")
            return nil
        }
        let ask: @Sendable () -> Result<ObjectFacts, SystemError> = {
            do throws(SystemError) { return .success(try .all(of: shared.descriptor)) } catch { return .failure(error) }
        }
        let isLocal = nature(of: known.file.device, shared) != .other
        let facts: ObjectFacts
        switch isLocal ? ask() : reader.run(timeout: ContentReader.timeout, ask) {
        case nil:
            try leaveOut(&row, .timeout, "its file system did not answer")
            return nil
        case .failure(let error):
            try leaveOut(&row, ArtifactStatus(error), "\(error)")
            return nil
        case .success(let found):
            facts = found
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
        return (facts, row, shared)
    }

    /// The nature of the object's file system, asked once for a device.
    private func nature(of device: DeviceNumber, _ object: SharedDescriptor) -> FilesystemNature {
        if let known = natures[device] { return known }
        let magic = reader.run(timeout: ContentReader.timeout) { try? object.descriptor.filesystemMagic() } ?? nil
        let nature = magic.map { FilesystemNature(magic: $0) } ?? .other
        if natures.count < 4096 { natures[device] = nature }
        return nature
    }

    private func leaveOut(
        _ row: inout ManifestRow, _ status: ArtifactStatus, _ reason: String
    ) throws(EvidenceError) {
        row.status = status
        row.explain(reason)
        try add(row: row)
    }
}
