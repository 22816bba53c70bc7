import CLinux
import Evidence
import Glibc
import LinuxSystem
import Testing

@Suite struct EvidenceLimitsTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    /// Bytes that zstd cannot make smaller, other ones each time.
    private func noise(_ count: Int) throws -> [UInt8] {
        try OwnedDescriptor(opening: "/dev/urandom", flags: O_RDONLY).readAll(limit: count)
    }

    @Test func cutsALargeFileAndKeepsTheEndOfALog() throws {
        let test = try TestArchive(directory, limits: CollectionLimits(fileBytes: 1000, freeBytes: 0))
        let path = try directory.write("log", (0..<5000).map { UInt8($0 / 20) })
        try test.add("head", object: path)
        try test.add("tail", object: path, tail: 300)
        try test.add("long-tail", object: path, tail: 4000)
        try test.add("short", object: path, tail: 10_000)
        try test.add("bytes", bytes: [UInt8](repeating: 3, count: 1001))
        let rows = try test.finish(directory)
        #expect(rows.map(\.status) == [.truncated, .truncated, .truncated, .truncated, .truncated])
        #expect(rows.map(\.size) == [1000, 300, 1000, 1000, 1000])
        #expect(rows.map(\.sourceSize) == [5000, 5000, 5000, 5000, 1001])
        let reasons = [
            "the first 1000 of 5000 bytes", "the last 300 of 5000 bytes", "the last 1000 of 5000 bytes",
            "the last 1000 of 5000 bytes", "the first 1000 of 1001 bytes",
        ]
        #expect(rows.map(\.reason) == reasons)
        for (member, count) in [("tail", 300), ("long-tail", 1000)] {
            let content = try Program.output("tar", "--zstd", "-xOf", test.path, member, in: directory)
            #expect(try content == Program.output("tail", "-c", "\(count)", path, in: directory))
        }
    }

    @Test func stopsAtTheSizeOfTheCollection() throws {
        let test = try TestArchive(directory, limits: CollectionLimits(archiveBytes: 2500, freeBytes: 0))
        for name in ["a", "b", "c", "d"] { try test.add(name, bytes: [UInt8](repeating: 1, count: 1000)) }
        #expect(test.archive.stopReason?.contains("2500 bytes") == true)
        let rows = try test.finish(directory)
        #expect(rows.map(\.status) == [.ok, .ok, .truncated, .skipped])
        #expect(rows.map(\.size) == [1000, 1000, 500, nil])
        guard case .end(let end) = try TestArchive.manifest(test.path, directory).last else {
            Issue.record("no last line")
            return
        }
        #expect(!end.isComplete && end.rows == 4 && end.stopReason == test.archive.stopReason)
    }

    @Test func stopsAtTheDeadline() throws {
        let limits = CollectionLimits(deadline: monotonicNanoseconds() + 100_000_000, freeBytes: 0)
        let test = try TestArchive(directory, limits: limits)
        try test.add("before", bytes: [1])
        usleep(120_000)
        try test.add("after", bytes: [1])
        try test.add("object", object: "/etc/passwd")
        #expect(try test.finish(directory).map(\.status) == [.ok, .skipped, .skipped])
    }

    @Test func refusesToBeginBelowTheFloor() throws {
        let error = #expect(throws: EvidenceError.self) {
            _ = try EvidenceArchive(
                output: .file(directory.file("a")), limits: CollectionLimits(freeBytes: .max))
        }
        #expect(error?.reason == .noSpace && error?.description.contains("--output") == true)
        #expect(try directoryEntries(directory.path) == [])
        #expect(CollectionLimits.defaultFloor(total: 1 << 30) == 256 << 20)
        #expect(CollectionLimits.defaultFloor(total: 20 << 30) == 1 << 30)
        #expect(CollectionLimits.defaultFloor(total: 1 << 50) == 2 << 30)
    }

    @Test(.enabled(if: geteuid() == 0, "only root mounts")) func stopsAtTheFloor() throws {
        try withTmpfs(mebibytes: 96) { directory in
            let test = try TestArchive(directory, limits: CollectionLimits(freeBytes: 64 << 20))
            for number in 0..<60 { try test.add("\(number)", bytes: noise(1 << 20)) }
            #expect(test.archive.stopReason?.contains("too little space") == true)
            let summary = try test.archive.finish()
            #expect(!summary.isComplete && summary.rows == 60)
            // 32 MiB were to be had above the floor, looked at every 16 MiB.
            #expect(summary.archiveBytes > 30 << 20 && summary.archiveBytes < 52 << 20)
            #expect(try EvidenceVerification.verify(path: test.path).isIntact)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root mounts")) func leavesNothingOnAFullFileSystem() throws {
        try withTmpfs(mebibytes: 4) { directory in
            let test = try TestArchive(directory)
            let error = #expect(throws: EvidenceError.self) {
                for number in 0..<20 { try test.add("\(number)", bytes: noise(1 << 20)) }
                _ = try test.archive.finish()
            }
            #expect(error?.reason == .noSpace)
            #expect(error?.description.contains("--output DIR") == true)
            test.archive.abandon()
            #expect(try directoryEntries(directory.path) == [])
        }
    }

    /// Adds a file while another thread changes it, until a change has met the reading of it.
    ///
    /// - Parameter while: which change of those that a reading met.
    private func changed(
        _ change: @escaping @Sendable (String) -> Void, while isWanted: (ManifestRow) -> Bool = { _ in true }
    ) throws -> ManifestRow {
        let test = try TestArchive(directory)
        let content = [UInt8](repeating: 0x41, count: 16 << 20)
        for attempt in 0..<12 {
            let path = try directory.write("f", content)
            let writer = try NamedThread("writer") {
                usleep(useconds_t(attempt) * 1000)
                change(path)
            }
            try test.add("\(attempt)", object: path)
            writer.join()
        }
        let rows = try test.finish(directory)
        #expect(rows.allSatisfy { $0.size == $0.sourceSize })
        // Of a file that was cut before its size was asked, nothing is missing.
        let met = rows.first { $0.status == .changed && $0.size == 16 << 20 && isWanted($0) }
        return try #require(met, "no change met a reading")
    }

    @Test func tellsOfAFileThatGrows() throws {
        let row = try changed { path in
            let file = unsafe open(path, O_WRONLY | O_APPEND)
            _ = unsafe write(file, "more", 4)
            close(file)
        }
        #expect(row.size == 16 << 20 && row.bytesRead == 16 << 20)
        #expect(row.reason == "it grew from 16777216 to 16777220 bytes")
    }

    /// The size in the header was true once: what the file no longer has is zeros, and the row says how much was real.
    @Test func fillsWhatAShrunkFileNoLongerHas() throws {
        // Cut before its holes were looked for, all that is gone is a hole.
        let row = try changed(
            { path in _ = unsafe truncate(path, 4096) }, while: { $0.reason?.contains("zeros") == true })
        #expect(row.size == 16 << 20 && row.bytesRead < 16 << 20)
        #expect(row.reason?.contains("zeros in the archive") == true)
        #expect(row.reason?.contains("it shrank from 16777216 to 4096 bytes") == true)
    }

    @Test func tellsOfAFileThatIsWrittenInPlace() throws {
        let row = try changed { path in
            let file = unsafe open(path, O_WRONLY)
            _ = unsafe write(file, "more", 4)
            close(file)
        }
        #expect(row.reason == "it was written while it was read")
    }

    /// The thread that collects hangs; another finishes what it has.
    @Test func takenOver() throws {
        let directory = try TestDirectory()
        let test = try TestArchive(directory)
        try test.add("first", bytes: Array("content".utf8))
        let reason = "it hung"
        let summary = try #require(
            try test.archive.takeOver(Artifact("collection", source: "layer", kind: .collection), reason))
        #expect(!summary.isComplete && summary.stopReason == reason)
        // What wakes up late changes nothing any more.
        #expect(throws: EvidenceError.self) { try test.add("late", bytes: [1]) }
        #expect(throws: EvidenceError.self) { try test.archive.finish() }
        test.archive.abandon()
        #expect(try test.archive.takeOver(Artifact("x", source: "y", kind: .host), reason) == nil)
        let check = try EvidenceVerification.verify(path: test.path)
        #expect(check.isIntact, "\(check.findings)")
        let rows = try TestArchive.rows(test.path, directory)
        #expect(rows.map(\.status) == [.ok, .timeout] && rows[1].reason == reason)
    }

    /// A directory that changes while it is read can list a name twice; two members of a name would hide the first.
    @Test func noNameTwice() throws {
        let directory = try TestDirectory()
        let test = try TestArchive(directory)
        try test.add("name", bytes: Array("first".utf8))
        try test.add("name", bytes: Array("second".utf8))
        let rows = try test.finish(directory)
        #expect(rows.map(\.status) == [.ok, .skipped])
    }
}

/// Runs `body` with a small file system in memory, mounted in a directory of its own.
private func withTmpfs(mebibytes: Int, _ body: (TestDirectory) throws -> Void) throws {
    let directory = try TestDirectory()
    let mount = try Program.run("mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m", "nodeagent-test", directory.path)
    try #require(mount == 0)
    defer { _ = try? Program.run("umount", "-l", directory.path) }
    try body(directory)
}
