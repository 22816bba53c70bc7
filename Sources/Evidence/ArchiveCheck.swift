/// The comparison of an archive's members with the rows of its manifest, which comes last: of each member its hash is kept
/// until then, about 200 bytes and the name.
struct ArchiveCheck {
    /// What is kept of a member.
    private struct Record {
        var name: Range<Int>
        var type: MemberType?
        var size: UInt64
        var content: Digest256?
        var data: Digest256?
        var link: Digest256?
        var isMatched = false
    }

    private var report: EvidenceVerification
    private var records: [Record] = []
    private var names: [UInt8] = []
    private var byName: [Digest256: Int] = [:]
    /// Zeros that may still be hashed for holes.
    private var holesToHash = ContentHash.mostInAll
    private var dataBytes: UInt64 = 0
    private var manifests = 0
    private var isEnded = false

    static let mostMembers = 2_000_000
    static let mostNameBytes = 512 << 20
    /// Of all members, decompressed; a collection has at most half of it. A few bytes of zstd can stand for as much as one
    /// likes.
    static let mostDataBytes: UInt64 = 2 << 40
    static let mostManifestBytes: UInt64 = 64 << 30

    init(path: String) { report = EvidenceVerification(path: path) }

    mutating func run(_ tar: TarReader) -> EvidenceVerification {
        var isFirst = true
        var isWhole = false
        steps: while true {
            switch tar.next() {
            case .end:
                isWhole = true
                break steps
            case .broken(let trouble):
                if isFirst {
                    report.find(.notAnArchive, nil, "this is no tar compressed with zstd (\(trouble))")
                } else {
                    report.find(.damaged, nil, "the archive cannot be read to its end (\(trouble))")
                }
                break steps
            case .member(let member):
                isFirst = false
                guard take(member, from: tar) else { break steps }
            }
        }
        if manifests == 0 {
            // Of an archive that is none, one finding is enough.
            if isWhole || !isFirst { report.find(.manifestMissing, nil, "there is no manifest.jsonl") }
        } else {
            for record in records.indices where !records[record].isMatched {
                report.find(.memberWithoutRow, name(record), "the manifest has no row for it")
            }
        }
        (report.sha256, report.archiveBytes) = tar.fileHash()
        return report
    }

    /// False: the archive cannot be read on.
    private mutating func take(_ member: TarReader.Member, from tar: TarReader) -> Bool {
        if member.path == Artifact.manifest {
            manifests += 1
            guard manifests == 1 else {
                report.find(.manifestNotLast, member.path, "there is a second manifest; it was not read")
                return true
            }
            return readManifest(tar)
        }
        report.members += 1
        if manifests > 0 {
            report.find(.manifestNotLast, member.path, "it comes after the manifest")
        }
        guard records.count < Self.mostMembers, names.count + member.path.count <= Self.mostNameBytes else {
            report.find(.tooLarge, nil, "more than \(records.count) members; what follows was not checked")
            return false
        }
        let hashesHoles = ContentHash.takesHoles(member.holes, from: &holesToHash)
        var hash = ContentHash(mostHoleBytes: hashesHoles ? member.holes : 0)
        var position: UInt64 = 0
        var total = dataBytes
        let step = unsafe tar.data { offset, bytes in
            total &+= UInt64(bytes.count)
            guard total <= Self.mostDataBytes else { return false }
            // Pieces come in order; what does not is damage, and changes the hash.
            if offset > position { hash.hole(offset - position) }
            unsafe hash.update(bytes)
            position = max(position, offset) &+ UInt64(bytes.count)
            return true
        }
        dataBytes = total
        if member.size > position { hash.hole(member.size - position) }
        let digests = hash.finish()
        let start = names.count
        names.append(contentsOf: member.path)
        let index = records.count
        let hasContent = member.type == .file && member.hardLink == nil
        records.append(
            Record(
                name: start..<names.count, type: member.type, size: member.size,
                content: hasContent ? digests.content : nil, data: hasContent ? digests.data : nil,
                link: (member.hardLink ?? member.symlink).map(Self.digest)))
        let key = Self.digest(member.path)
        if byName[key] == nil {
            byName[key] = index
        } else {
            report.find(.memberTwice, member.path, "there are two of it: extracting gives the second")
            records[index].isMatched = true
        }
        if case .stopped = step {
            report.find(.tooLarge, nil, "more than \(Self.mostDataBytes) bytes; what follows was not checked")
            return false
        }
        if case .broken(let trouble) = step {
            report.find(.damaged, member.path, "its data cannot be read to the end (\(trouble))")
            return false
        }
        return true
    }

    private func name(_ record: Int) -> [UInt8] { Array(names[records[record].name]) }

    private static func digest(_ bytes: [UInt8]) -> Digest256 {
        var hash = RunningHash()
        hash.update(bytes)
        return hash.digest
    }

    // MARK: - The manifest

    private mutating func readManifest(_ tar: TarReader) -> Bool {
        var line: [UInt8] = []
        var isTooLong = false
        var pending: [[UInt8]] = []
        var position: UInt64 = 0
        let step = unsafe tar.data { offset, bytes in
            // A manifest has no holes; one would be no JSON.
            if offset != position { isTooLong = true }
            position = offset &+ UInt64(bytes.count)
            for byte in unsafe Array(bytes) {
                if byte != UInt8(ascii: "\n") {
                    if line.count < ManifestLine.longest { line.append(byte) } else { isTooLong = true }
                    continue
                }
                pending.append(isTooLong ? [] : line)
                line.removeAll(keepingCapacity: true)
                isTooLong = false
            }
            for whole in pending { take(line: whole) }
            pending.removeAll(keepingCapacity: true)
            return position <= Self.mostManifestBytes
        }
        if case .stopped = step {
            report.find(.tooLarge, nil, "the manifest is longer than \(Self.mostManifestBytes) bytes")
            return false
        }
        if !line.isEmpty { report.find(.badRow, nil, "the manifest's last line has no end") }
        if !isEnded { report.find(.manifestIncomplete, nil, "the manifest has no last line: it was cut") }
        if case .broken(let trouble) = step {
            report.find(.damaged, Artifact.manifest, "it cannot be read to the end (\(trouble))")
            return false
        }
        return true
    }

    private mutating func take(line: [UInt8]) {
        guard !isEnded else {
            report.find(.manifestIncomplete, nil, "the manifest goes on after its last line")
            return
        }
        switch ManifestLine(line) {
        case nil:
            report.find(.badRow, nil, "a line of the manifest is no row: line \(report.rows + 2)")
        case .header(let header):
            guard report.header == nil, report.rows == 0 else {
                report.find(.badRow, nil, "the manifest has a second first line")
                return
            }
            report.header = header
            if header.version != ManifestHeader.version {
                report.find(.badRow, nil, "the manifest has version \(header.version); this program knows 1")
            }
        case .row(let row):
            if report.header == nil, report.rows == 0 { report.find(.badRow, nil, "the manifest has no first line") }
            report.rows += 1
            report.byStatus[row.status, default: 0] += 1
            compare(row)
        case .end(let end):
            isEnded = true
            report.end = end
            if end.rows != report.rows || end.byStatus.filter({ $0.value > 0 }) != report.byStatus {
                report.find(
                    .manifestIncomplete, nil, "the manifest says \(end.rows) rows and has \(report.rows), or by status")
            }
        }
    }

    private mutating func compare(_ row: ManifestRow) {
        guard let size = row.size else { return }
        let key = Self.digest(row.path)
        guard let index = byName[key], !records[index].isMatched else {
            report.find(.rowWithoutMember, row.path, "it is in the manifest and not in the archive")
            return
        }
        let record = records[index]
        records[index].isMatched = true
        if record.type != row.type {
            let found = record.type?.rawValue ?? "another type"
            report.find(.typeDiffers, row.path, "the manifest says \(row.type.rawValue), the archive has \(found)")
            return
        }
        if record.link != row.link.map(Self.digest) {
            report.find(.linkDiffers, row.path, "it links to another target than the manifest says")
        }
        if record.size != size {
            report.find(
                .sizeDiffers, row.path, "the manifest says \(size) bytes, the archive has \(record.size)")
            return
        }
        if row.hashOf == .content, row.sha256 != nil, record.content == nil, record.data != nil {
            report.find(.tooLarge, row.path, "its holes are more zeros than are hashed: it cannot be compared")
            return
        }
        let hash = row.hashOf == .content ? record.content : record.data ?? record.content
        if hash?.hex != row.sha256 {
            report.find(.hashDiffers, row.path, "its content has another SHA-256 than the manifest says")
        }
    }
}
