import CLinux
import Evidence
import Glibc
import LinuxSystem
import Testing

@Suite struct EvidenceOutputTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    private func make(_ output: EvidenceOutput) throws(EvidenceError) -> EvidenceArchive {
        try EvidenceArchive(output: output, limits: CollectionLimits(freeBytes: 0))
    }

    private func refusal(_ path: String) -> EvidenceError? {
        #expect(throws: EvidenceError.self) { try make(.file(path)) }
    }

    @Test func namesTheFileByHostTargetAndTime() throws {
        let archive = try make(
            .directory(directory.path, host: "node/1", target: "..x y", time: 1_767_323_045_123_456_789))
        let summary = try archive.finish()
        #expect(summary.path == directory.file("nodeagent-node-1-..x-y-20260102T030405Z.tar.zst"))
        #expect(try FileStatus.of(summary.path).mode & 0o7777 == 0o600)
        #expect(try directoryEntries(directory.path).count == 1)
    }

    @Test func isPrivateWhateverTheUmask() throws {
        let archive = try make(.file(directory.file("a")))
        #expect(try FileStatus.of(directory.file("a.partial")).mode & 0o7777 == 0o600)
        #expect(throws: SystemError.self) { try FileStatus.of(directory.file("a")) }
        _ = try archive.finish()
        #expect(try FileStatus.of(directory.file("a")).mode & 0o7777 == 0o600)
    }

    @Test func refusesWhatIsThere() throws {
        try directory.write("a", [1])
        #expect(refusal(directory.file("a"))?.reason == .exists)
        try #require(unsafe symlink("/nowhere", directory.file("b")) == 0)
        #expect(refusal(directory.file("b"))?.reason == .exists)
        #expect(refusal(directory.file("missing/c"))?.reason == .output)
        #expect(refusal(directory.path + "/")?.reason == .output)
        #expect(try readFile(directory.file("a")) == [1])
        #expect(try directoryEntries(directory.path).sorted() == ["a", "b"])
    }

    @Test func refusesAPartialFileThatIsInUse() throws {
        let first = try make(.file(directory.file("a")))
        let error = refusal(directory.file("a"))
        #expect(error?.reason == .exists)
        #expect(error?.description.contains("Another collection is writing") == true)
        _ = try first.finish()
    }

    @Test func takesOverWhatAKilledRunLeft() throws {
        let left = [UInt8](repeating: 9, count: 100_000)
        try directory.write("a.partial", left, mode: 0o600)
        let archive = try make(.file(directory.file("a")))
        #expect(archive.takesOverStalePartial)
        _ = try archive.finish()
        #expect(try EvidenceVerification.verify(path: directory.file("a")).isIntact)
        #expect(try !make(.file(directory.file("b"))).takesOverStalePartial)
    }

    /// What others can read, or reach by another name, would give the evidence away.
    @Test func refusesAPartialFileOfAnother() throws {
        try directory.write("a.partial", [1], mode: 0o644)
        #expect(refusal(directory.file("a"))?.description.contains("was not left by a collection") == true)
        try directory.write("b.partial", [1], mode: 0o600)
        try #require(unsafe link(directory.file("b.partial"), directory.file("b.second")) == 0)
        #expect(refusal(directory.file("b"))?.reason == .exists)
        try #require(unsafe symlink(directory.file("target"), directory.file("c.partial")) == 0)
        #expect(refusal(directory.file("c"))?.reason == .exists)
        try #require(unsafe mkfifo(directory.file("d.partial"), 0o600) == 0)
        #expect(refusal(directory.file("d"))?.reason == .exists)
        #expect(throws: SystemError.self) { try FileStatus.of(directory.file("target")) }
        #expect(try readFile(directory.file("b.partial")) == [1])
    }

    @Test func abandonsWithoutATrace() throws {
        let archive = try make(.file(directory.file("a")))
        try archive.add(Artifact("x", source: "y", kind: .host), bytes: [1, 2, 3], started: 0)
        archive.abandon()
        #expect(try directoryEntries(directory.path) == [])
        do { _ = try make(.file(directory.file("b"))) }
        #expect(try directoryEntries(directory.path) == [])
    }

    /// A name that came up meanwhile is not replaced, and the finished collection is not lost.
    @Test func keepsTheCollectionWhenItsNameWasTaken() throws {
        let archive = try make(.file(directory.file("a")))
        try directory.write("a", [1])
        let error = #expect(throws: EvidenceError.self) { try archive.finish() }
        #expect(error?.reason == .exists)
        archive.abandon()
        #expect(try readFile(directory.file("a")) == [1])
        #expect(try EvidenceVerification.verify(path: directory.file("a.partial")).isIntact)
    }
}
