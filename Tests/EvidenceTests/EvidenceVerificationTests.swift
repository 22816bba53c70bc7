import CLinux
import Evidence
import Glibc
import LinuxSystem
import Testing

@Suite struct EvidenceVerificationTests {
    private let directory: TestDirectory
    private let path: String

    init() throws {
        directory = try TestDirectory()
        let test = try TestArchive(directory)
        try test.add("first", bytes: Array("the content of the first member".utf8))
        try test.add("second", bytes: Array("the content of the second member".utf8))
        let link = directory.file("link")
        try #require(unsafe symlink("target", link) == 0)
        try test.add("link", object: link)
        let sparse = directory.file("sparse")
        let file = OwnedDescriptor(adopting: unsafe open(sparse, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        try #require(ftruncate(file.rawValue, 200 << 20) == 0)
        try #require(unsafe pwrite(file.rawValue, "middle", 6, 100 << 20) == 6)
        try test.add("sparse", object: sparse)
        try test.archive.leaveOut(Artifact("gone", source: "x", kind: .host), .denied, "EPERM")
        _ = try test.archive.finish()
        path = test.path
    }

    /// Rewrites the archive with Python: `edit` sees `members`, a list of (TarInfo, content).
    private func tampered(_ edit: String) throws -> EvidenceVerification {
        let script = """
            import io, subprocess, sys, tarfile
            data = subprocess.run(["zstd", "-dc", sys.argv[1]], stdout=subprocess.PIPE, check=True).stdout
            members = []
            for member in tarfile.open(fileobj=io.BytesIO(data)):
                if member.name == "sparse": continue
                content = None
                tar = tarfile.open(fileobj=io.BytesIO(data))
                if member.isreg(): content = tar.extractfile(tar.getmember(member.name)).read()
                members.append([member, content])
            def find(name): return next(m for m in members if m[0].name == name)
            def rows(change):
                manifest = find("manifest.jsonl")
                lines = change(manifest[1].decode().split("\\n"))
                manifest[1] = "\\n".join(lines).encode()
            # The sparse member is not rewritten by Python: its row goes with it.
            rows(lambda l: [x.replace('"rows":5', '"rows":4').replace('"ok":4', '"ok":3') for x in l if '"sparse"' not in x])
            \(edit)
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
                for member, content in members:
                    if content is not None: member.size = len(content)
                    tar.addfile(member, io.BytesIO(content) if content is not None else None)
            subprocess.run(["zstd", "-qf", "-o", sys.argv[2]], input=out.getvalue(), check=True)
            """
        let out = directory.file("tampered")
        try #require(try Program.run("python3", "-c", script, path, out) == 0)
        return try EvidenceVerification.verify(path: out)
    }

    @Test func findsNothingInWhatWasNotTouched() throws {
        let check = try EvidenceVerification.verify(path: path)
        #expect(check.isIntact, "\(check.findings)")
        #expect(check.members == 4 && check.rows == 5)
        #expect(check.header?.program == "nodeagent test")
        #expect(check.byStatus == [.ok: 4, .denied: 1])
        // The rewriting itself is no tampering.
        let rewritten = try tampered("")
        #expect(rewritten.isIntact, "\(rewritten.findings)")
        #expect(rewritten.sha256 != check.sha256)
    }

    @Test(arguments: [
        ("find('first')[1] = b'The content of the first member'", [EvidenceFinding.Kind.hashDiffers]),
        ("find('first')[1] = b'short'", [.sizeDiffers]),
        ("find('link')[0].linkname = '/etc/shadow'", [.linkDiffers]),
        ("find('link')[0].type = tarfile.FIFOTYPE", [.typeDiffers]),
        ("find('second')[0].name = 'renamed'", [.rowWithoutMember, .memberWithoutRow]),
        ("members.remove(find('second'))", [.rowWithoutMember]),
        ("members.insert(0, [tarfile.TarInfo('planted'), b'x'])", [.memberWithoutRow]),
        ("members.insert(0, [tarfile.TarInfo('first'), b'x'])", [.memberTwice, .sizeDiffers]),
        ("members.append([tarfile.TarInfo('planted'), b'x'])", [.manifestNotLast, .memberWithoutRow]),
        ("members.append([tarfile.TarInfo('manifest.jsonl'), b'x'])", [.manifestNotLast]),
        ("members.remove(find('manifest.jsonl'))", [.manifestMissing]),
        ("rows(lambda l: [x for x in l if '\"gone\"' not in x])", [.manifestIncomplete]),
        ("rows(lambda l: [x.replace('denied', 'skipped') for x in l[:-2]] + l[-2:])", [.manifestIncomplete]),
        ("rows(lambda l: l[:-2] + [''])", [.manifestIncomplete]),
        ("rows(lambda l: l[:-1] + l[1:2] + [''])", [.manifestIncomplete]),
        ("rows(lambda l: l[1:])", [.badRow]),
        ("rows(lambda l: l[:1] + ['no json'] + l[1:])", [.badRow]),
        ("rows(lambda l: [x.replace('\"manifest\":1', '\"manifest\":2') for x in l])", [.badRow]),
        ("rows(lambda l: [l[0]] + [l[1].replace('\"size\":31', '\"size\":null')] + l[2:])", [.memberWithoutRow]),
        (
            "find('manifest.jsonl')[1] = b''",
            [.manifestIncomplete, .memberWithoutRow, .memberWithoutRow, .memberWithoutRow]
        ),
    ]) func finds(_ edit: String, _ kinds: [EvidenceFinding.Kind]) throws {
        let check = try tampered(edit)
        #expect(check.findings.map(\.kind) == kinds, "\(check.findings)")
        #expect(!check.isIntact)
    }

    /// A run of data that was moved: same bytes, same size.
    @Test func findsAMovedRun() throws {
        let script = """
            import subprocess, sys
            data = subprocess.run(["zstd", "-dc", sys.argv[1]], stdout=subprocess.PIPE, check=True).stdout
            old = b"\\n%d\\n" % (100 << 20)
            assert data.count(old) == 1
            data = data.replace(old, b"\\n%d\\n" % (101 << 20))
            subprocess.run(["zstd", "-qf", "-o", sys.argv[2]], input=data, check=True)
            """
        let out = directory.file("moved")
        try #require(try Program.run("python3", "-c", script, path, out) == 0)
        let check = try EvidenceVerification.verify(path: out)
        #expect(check.findings.map(\.kind) == [.hashDiffers], "\(check.findings)")
    }

    @Test func tellsATruncatedArchive() throws {
        let whole = try readFile(path, limit: 1 << 20)
        for length in [0, 1, 100, whole.count / 2, whole.count - 20] {
            let cut = try directory.write("cut", Array(whole[..<length]))
            let check = try EvidenceVerification.verify(path: cut)
            #expect(!check.isIntact, "\(length)")
            #expect(!check.findings.contains { $0.kind == .memberWithoutRow })
        }
    }

    @Test func survivesAnyByte() throws {
        let whole = try readFile(path, limit: 1 << 20)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<150 {
            var bytes = whole
            bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            _ = try EvidenceVerification.verify(path: directory.write("flipped", bytes))
        }
        // The same inside the compression, where tar's own numbers are.
        let tar = directory.file("plain.tar")
        try #require(try Program.run("zstd", "-qdf", path, "-o", tar) == 0)
        let plain = try readFile(tar, limit: 8 << 20)
        for _ in 0..<150 {
            var bytes = plain
            for _ in 0..<3 {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try EvidenceVerification.verify(path: directory.write("flipped.tar", bytes))
        }
    }

    @Test func tellsWhatIsNoArchive() throws {
        for bytes in [Array("no archive".utf8), [UInt8](repeating: 0x20, count: 4096)] {
            let check = try EvidenceVerification.verify(path: directory.write("text", bytes))
            #expect(check.findings.map(\.kind) == [.notAnArchive], "\(check.findings)")
        }
        #expect(throws: EvidenceError.self) { try EvidenceVerification.verify(path: directory.file("missing")) }
        #expect(throws: EvidenceError.self) { try EvidenceVerification.verify(path: directory.path) }
    }
}
