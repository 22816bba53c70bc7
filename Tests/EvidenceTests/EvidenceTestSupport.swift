import CLinux
import EventModel
import Evidence
import Glibc
import LinuxSystem
import Testing

/// A directory of a test's own, removed with all that is in it.
final class TestDirectory {
    let path: String

    init(below parent: String = "/tmp") throws {
        var template = Array("\(parent)/nodeagent-evidence-XXXXXX".utf8CString)
        try #require(unsafe mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { _ = try? Program.run("rm", "-rf", path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult func write(_ name: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws -> String {
        let descriptor = unsafe open(file(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        try #require(descriptor >= 0)
        try OwnedDescriptor(adopting: descriptor).writeAll(bytes)
        return file(name)
    }
}

enum Program {
    /// Runs a program of the host to its end: its exit status.
    @discardableResult static func run(_ arguments: String...) throws -> Int32 {
        let pid = try start(arguments)
        var status: CInt = 0
        while unsafe waitpid(pid, &status, 0) < 0 { try #require(errno == EINTR) }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }

    /// Starts a program of the host: its pid, to be waited for.
    static func start(_ arguments: [String]) throws -> pid_t {
        var words = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let result = unsafe posix_spawnp(&pid, arguments[0], nil, nil, &words, environ)
        try #require(result == 0, "\(arguments[0]) is missing")
        return pid
    }

    /// What a program wrote to its standard output.
    static func output(_ words: String..., in directory: TestDirectory) throws -> String {
        let out = directory.file(".program-output")
        let quoted = words.map { word in
            "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        }
        try #require(try run("sh", "-c", quoted.joined(separator: " ") + " >'\(out)'") == 0)
        return String(decoding: try readFile(out, limit: 64 << 20), as: UTF8.self)
    }
}

/// An archive, the path it will have, and short ways to add to it.
struct TestArchive {
    let path: String
    let archive: EvidenceArchive

    init(
        _ directory: TestDirectory, _ name: String = "out.tar.zst",
        limits: CollectionLimits = CollectionLimits(freeBytes: 0), reader: TimedReader = TimedReader()
    ) throws {
        path = directory.file(name)
        archive = try EvidenceArchive(output: .file(path), limits: limits, program: "nodeagent test", reader: reader)
    }

    func add(_ member: String, object path: String, tail: UInt64? = nil) throws {
        try add(Array(member.utf8), object: path, tail: tail)
    }

    func add(_ member: [UInt8], object path: String, tail: UInt64? = nil) throws {
        let object = try OwnedDescriptor(opening: path, flags: CInt(NA_O_PATH) | CInt(NA_O_NOFOLLOW))
        try archive.add(Artifact(member: member, source: Array(path.utf8), kind: .layer), object: object, tail: tail)
    }

    func add(_ member: String, bytes: [UInt8]) throws {
        try archive.add(Artifact(member, source: "test", kind: .process), bytes: bytes, started: realtimeNanoseconds())
    }

    /// Ends the collection and returns its manifest's rows, which `verify` has found to be true.
    func finish(_ directory: TestDirectory) throws -> [ManifestRow] {
        let summary = try archive.finish()
        let check = try EvidenceVerification.verify(path: path)
        #expect(check.isIntact, "\(check.findings)")
        #expect(check.sha256 == summary.sha256)
        #expect(check.archiveBytes == summary.archiveBytes)
        #expect(check.byStatus == summary.byStatus)
        #expect(check.end?.isComplete == summary.isComplete)
        let rows = try Self.rows(path, directory)
        #expect(UInt64(rows.count) == summary.rows)
        return rows
    }

    static func manifest(_ path: String, _ directory: TestDirectory) throws -> [ManifestLine] {
        let text = try Program.output("tar", "--zstd", "-xOf", path, "manifest.jsonl", in: directory)
        return try text.split(separator: "\n").map { try #require(ManifestLine(Array($0.utf8)), "\($0)") }
    }

    static func rows(_ path: String, _ directory: TestDirectory) throws -> [ManifestRow] {
        try manifest(path, directory).compactMap { line in
            if case .row(let row) = line { row } else { nil }
        }
    }
}

extension Array where Element == ManifestRow {
    func row(_ member: String) throws -> ManifestRow {
        let found = filter { $0.path.elementsEqual(member.utf8) }
        try #require(found.count == 1, "\(member): \(found.count) rows")
        return found[0]
    }
}
