import CLinux
import EventModel
import Evidence
import Glibc
import LinuxSystem
import Testing

private let isRoot = geteuid() == 0

@Suite struct EvidenceArchiveTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    @Test func keepsBytesThatAreInMemory() throws {
        let test = try TestArchive(directory)
        try test.add("collection.json", bytes: Array("{}".utf8))
        try test.add("empty", bytes: [])
        try test.archive.leaveOut(Artifact("gone", source: "/proc/7/exe", kind: .process), .vanished, "ESRCH")
        let rows = try test.finish(directory)
        #expect(rows.map(\.status) == [.ok, .ok, .vanished])
        let first = try rows.row("collection.json")
        #expect(first.size == 2 && first.bytesRead == 2 && first.type == .file && first.sourceSize == nil)
        // sha256sum of "{}"
        #expect(first.sha256 == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
        let gone = try rows.row("gone")
        #expect(gone.size == nil && gone.sha256 == nil && gone.type == .none && gone.reason == "ESRCH")
        #expect(try Program.output("tar", "--zstd", "-xOf", test.path, "collection.json", in: directory) == "{}")
        #expect(try Program.output("tar", "--zstd", "-tf", test.path, in: directory).hasSuffix("manifest.jsonl\n"))
    }

    @Test func keepsAnyName() throws {
        let test = try TestArchive(directory)
        let source = try directory.write("source", Array("content".utf8))
        let deep = Array(repeating: "component-of-a-deep-path", count: 210).joined(separator: "/")
        #expect(deep.utf8.count > 5000)
        let names: [[UInt8]] = [
            Array("new\nline".utf8), Array("upper/".utf8) + [0xff, 0xfe, 0x80], Array("ünïcode/😀".utf8),
            Array("back\\slash".utf8), Array(deep.utf8), Array(" ".utf8), Array("-rf".utf8), Array("...".utf8),
        ]
        for name in names { try test.add(name, object: source) }
        let rows = try test.finish(directory)
        #expect(rows.map(\.path) == names)
        #expect(rows.allSatisfy { $0.status == .ok && $0.size == 7 })
        // Another reader of tar sees the same raw bytes.
        let script = """
            import tarfile, subprocess, sys
            data = subprocess.Popen(["zstd", "-dc", sys.argv[1]], stdout=subprocess.PIPE).stdout
            for member in tarfile.open(fileobj=data, mode="r|", encoding="utf-8", errors="surrogateescape"):
                print(member.name.encode("utf-8", "surrogateescape").hex())
            """
        let seen = try Program.output("python3", "-c", script, test.path, in: directory).split(separator: "\n")
        let hex = (names + [Array("manifest.jsonl".utf8)]).map { name in
            name.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        #expect(seen.map(String.init) == hex)
    }

    @Test(arguments: ["", "/etc/passwd", "a//b", "a/../b", "..", "a/.", "manifest.jsonl", "nul\0byte"])
    func refusesANameThatLeadsOutOrCannotStand(_ name: String) throws {
        let test = try TestArchive(directory)
        let source = try directory.write("source", Array("content".utf8))
        try test.add(name, bytes: [1])
        try test.add(name, object: source)
        try test.add([UInt8](repeating: 0x61, count: 70_000), object: source)
        let rows = try test.finish(directory)
        #expect(rows.map(\.status) == [.skipped, .skipped, .skipped])
        #expect(rows.allSatisfy { $0.size == nil })
    }

    @Test func keepsObjectsWithoutOpeningThem() throws {
        let test = try TestArchive(directory)
        let fifo = directory.file("fifo")
        try #require(unsafe mkfifo(fifo, 0o640) == 0)
        let link = directory.file("link")
        try #require(unsafe symlink("/etc/pass\nwd", link) == 0)
        let folder = directory.file("folder")
        try #require(unsafe mkdir(folder, 0o700) == 0)
        try #require(unsafe chmod(folder, 0o1777) == 0)
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = directory.file("socket")
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe bind(socket, pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        for name in ["fifo", "link", "folder", "socket"] { try test.add(name, object: directory.file(name)) }
        try test.add("null", object: "/dev/null")
        let rows = try test.finish(directory)
        #expect(rows.map(\.type) == [.fifo, .symlink, .directory, .socket, .char])
        #expect(rows.map(\.status) == [.ok, .ok, .ok, .skipped, .ok])
        #expect(rows.map(\.size) == [0, 0, 0, nil, 0])
        #expect(try rows.row("link").link == Array("/etc/pass\nwd".utf8))
        #expect(try rows.row("socket").reason?.contains("a tar has no sockets") == true)
        let list = try Program.output("tar", "--zstd", "-tvf", test.path, in: directory)
        for part in ["prw-r-----", "drwxrwxrwt", "1,3", "link -> /etc/pass\\nwd"] { #expect(list.contains(part)) }
    }

    @Test(.enabled(if: isRoot, "only root makes device files and trusted attributes"))
    func keepsWhiteoutsAndAttributes() throws {
        let test = try TestArchive(directory)
        let whiteout = directory.file("whiteout")
        try #require(unsafe mknod(whiteout, S_IFCHR | 0o000, 0) == 0)
        let file = try directory.write("file", Array("x".utf8), mode: 0o755)
        try #require(unsafe chmod(file, 0o4755) == 0 && chown(file, 1234, 5678) == 0 && chmod(file, 0o4755) == 0)
        let folder = directory.file("opaque")
        try #require(unsafe mkdir(folder, 0o755) == 0)
        let attributes = """
            import os, sys
            os.setxattr(sys.argv[1], "user.comment", b"a\\0b")
            os.setxattr(sys.argv[1], "user.big", b"Z" * 3000)
            os.setxattr(sys.argv[1], "trusted.overlay.origin", b"\\0\\xfb\\xff")
            os.setxattr(sys.argv[2], "trusted.overlay.opaque", b"y")
            """
        try #require(try Program.run("python3", "-c", attributes, file, folder) == 0)
        for name in ["whiteout", "file", "opaque"] { try test.add(name, object: directory.file(name)) }
        let rows = try test.finish(directory)
        #expect(rows.map(\.type) == [.char, .file, .directory])
        #expect(rows.allSatisfy { $0.status == .ok && $0.reason == nil })
        let script = """
            import tarfile, subprocess, sys
            data = subprocess.Popen(["zstd", "-dc", sys.argv[1]], stdout=subprocess.PIPE).stdout
            for member in tarfile.open(fileobj=data, mode="r|"):
                print(member.name, oct(member.mode), member.uid, member.gid, member.devmajor, member.devminor)
                for key, value in sorted(member.pax_headers.items()):
                    if "xattr" in key: print(" ", key, len(value.encode("utf-8", "surrogateescape")))
            """
        let seen = try Program.output("python3", "-c", script, test.path, in: directory)
        #expect(
            seen.hasPrefix(
                """
                whiteout 0o0 0 0 0 0
                file 0o4755 1234 5678 0 0
                  SCHILY.xattr.trusted.overlay.origin 3
                  SCHILY.xattr.user.big 3000
                  SCHILY.xattr.user.comment 3
                opaque 0o755 0 0 0 0
                  SCHILY.xattr.trusted.overlay.opaque 1
                """), "\(seen)")
    }

    @Test func keepsHolesAsHoles() throws {
        let test = try TestArchive(directory)
        let path = directory.file("sparse")
        let file = OwnedDescriptor(adopting: unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        try #require(ftruncate(file.rawValue, 10 << 30) == 0)
        for (offset, text) in [(5 << 30, "in the middle"), (9 << 30, "near the end")] {
            try #require(unsafe pwrite(file.rawValue, text, text.utf8.count, off_t(offset)) == text.utf8.count)
        }
        let empty = directory.file("empty")
        let hole = OwnedDescriptor(adopting: unsafe open(empty, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        try #require(ftruncate(hole.rawValue, 1 << 20) == 0)
        let hollow = directory.file("hollow")
        let nothing = OwnedDescriptor(adopting: unsafe open(hollow, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        try #require(ftruncate(nothing.rawValue, 1 << 30) == 0)
        let before = monotonicNanoseconds()
        try test.add("sparse", object: path)
        try test.add("empty", object: empty)
        try test.add("hollow", object: hollow)
        #expect(monotonicNanoseconds() - before < 1_000_000_000)
        #expect(test.archive.taken < 1 << 20)
        let rows = try test.finish(directory)
        let sparse = try rows.row("sparse")
        #expect(sparse.status == .ok && sparse.size == 10 << 30 && sparse.bytesRead < 1 << 20)
        #expect(sparse.hashOf == .data)
        // sha256sum of 1 MiB of zeros
        let zeros = try rows.row("empty")
        #expect(zeros.hashOf == .content && zeros.bytesRead == 0 && zeros.size == 1 << 20)
        #expect(zeros.sha256 == "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58")
        #expect(try rows.row("hollow").hashOf == .data && rows.row("hollow").size == 1 << 30)
        var status = na_object_status()
        let out = try OwnedDescriptor(opening: test.path, flags: O_RDONLY)
        try #require(unsafe na_object_status(out.rawValue, 0, &status) == 0)
        #expect(status.size < 64 << 10)
        // What comes out is what went in, holes and all.
        let target = directory.file("extracted")
        try #require(unsafe mkdir(target, 0o700) == 0)
        #expect(try Program.run("tar", "--zstd", "-xSf", test.path, "-C", target, "sparse", "empty") == 0)
        let copy = try OwnedDescriptor(opening: target + "/sparse", flags: O_RDONLY)
        #expect(try copy.readBytes(13, at: 5 << 30) == Array("in the middle".utf8))
        #expect(try copy.readBytes(12, at: 9 << 30) == Array("near the end".utf8))
        #expect(try copy.status().size == 10 << 30)
    }

    @Test func joinsSmallHolesAndManyRuns() throws {
        let test = try TestArchive(directory)
        let path = directory.file("comb")
        let file = OwnedDescriptor(adopting: unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        // A comb of 4 KiB teeth every 128 KiB: more runs than are kept.
        for tooth in 0..<5000 {
            try #require(unsafe pwrite(file.rawValue, "tooth", 5, off_t(tooth * (128 << 10))) == 5)
        }
        try test.add("comb", object: path)
        let rows = try test.finish(directory)
        let row = try rows.row("comb")
        #expect(row.status == .ok && row.size == UInt64(4999 * (128 << 10) + 5))
        #expect(row.bytesRead > 904 * (128 << 10) && row.bytesRead < 200 << 20)
        #expect(try Program.run("sh", "-c", "tar --zstd -xOf '\(test.path)' comb | cmp - '\(path)'") == 0)
    }

    @Test func storesAFileWithTwoNamesOnce() throws {
        let test = try TestArchive(directory)
        let first = try directory.write("first", [UInt8](repeating: 7, count: 100_000))
        try #require(unsafe link(first, directory.file("second")) == 0)
        try #require(unsafe link(first, directory.file("third")) == 0)
        try test.add("a/first", object: first)
        try test.add("second", object: directory.file("second"))
        // Written since: another content under the same inode is no link.
        try directory.write("third", Array("other".utf8))
        try test.add("third", object: directory.file("third"))
        let rows = try test.finish(directory)
        let second = try rows.row("second")
        #expect(second.type == .file && second.size == 0 && second.sha256 == nil)
        #expect(second.reason == "hard link to a/first" && second.link == Array("a/first".utf8))
        #expect(try rows.row("third").size == 5)
    }

    @Test func leavesItsOwnOutputOut() throws {
        let test = try TestArchive(directory)
        let own = try FileStatus.of(test.path + ".partial")
        #expect(test.archive.ownFiles.contains(own.file))
        try test.add("self", object: test.path + ".partial")
        try test.add("directory", object: directory.path)
        let rows = try test.finish(directory)
        #expect(rows.map(\.status) == [.skipped, .skipped])
        #expect(rows.allSatisfy { $0.reason == "the collection's own output" })
    }

    @Test func leavesWhatTheKernelMakesToOthers() throws {
        let test = try TestArchive(directory)
        try test.add("kmsg", object: "/proc/version")
        let rows = try test.finish(directory)
        #expect(rows[0].status == .skipped && rows[0].size == nil)
    }

    @Test func keepsTheHeaderOfARedactedFile() throws {
        let test = try TestArchive(directory)
        let path = try directory.write("shadow", Array("root:secret".utf8), mode: 0o600)
        let object = try OwnedDescriptor(opening: path, flags: CInt(NA_O_PATH))
        try test.archive.add(
            Artifact("etc/shadow", source: path, kind: .layer), object: object, redacted: Array("hash".utf8),
            reason: "a secret: keyed hash instead")
        let row = try test.finish(directory).row("etc/shadow")
        #expect(row.isRedacted && row.size == 4 && row.sourceSize == 11 && row.status == .ok && row.bytesRead == 0)
        #expect(try Program.output("tar", "--zstd", "-xOf", test.path, "etc/shadow", in: directory) == "hash")
    }

    @Test func storesAThousandFilesAndVerifiesThem() throws {
        let test = try TestArchive(directory)
        for number in 0..<1000 { try test.add("f/\(number)", bytes: Array("file \(number)".utf8)) }
        let rows = try test.finish(directory)
        #expect(rows.count == 1000)
        #expect(Set(rows.compactMap(\.sha256)).count == 1000)
    }
}
