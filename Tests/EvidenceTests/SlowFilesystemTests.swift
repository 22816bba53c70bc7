import CLinux
import Evidence
import Glibc
import LinuxSystem
import Testing

/// A FUSE file system with a file that it reads out, one whose read and one whose open it never answers, and a directory that
/// it never lets be opened: who opens or reads waits as for a fanotify permission mark whose owner keeps silent.
private let server = """
    import ctypes, os, struct, sys
    fuse = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fuse
    if libc.mount(b"nodeagent-test", sys.argv[1].encode(), b"fuse", 6, options): sys.exit(1)
    content = bytes(range(250)) * 2400
    names = {b"good": 2, b"hang": 3, b"mute": 4, b"shut": 5}
    def attributes(node):
        directory = node in (1, 5)
        mode, size = (0o40755, 0) if directory else (0o100644, len(content))
        return struct.pack("<6Q10I", node, size, 0, 1, 1, 1, 0, 0, 0, mode, 2 if directory else 1, 0, 0, 0, 4096, 0)
    while True:
        message = os.read(fuse, 1 << 18)
        length, operation, unique, node = struct.unpack_from("<IIQQ", message)
        body, error, answer = message[40:length], 0, b""
        if operation == 26: answer = struct.pack("<4I2H2I2H8I", 7, 31, 65536, 0, 12, 9, 65536, 1, 0, 0, *[0] * 8)
        elif operation == 1:
            found = names.get(body.rstrip(b"\\0"))
            if found: answer = struct.pack("<4Q2I", found, 1, 60, 60, 0, 0) + attributes(found)
            else: error = -2
        elif operation == 3: answer = struct.pack("<QII", 60, 0, 0) + attributes(node)
        elif operation in (14, 27):
            if node in (4, 5): continue
            answer = struct.pack("<QII", 0, 0, 0)
        elif operation == 28:
            if struct.unpack_from("<QQ", body)[1] == 0:
                for at, (name, number) in enumerate(sorted(names.items())):
                    answer += struct.pack("<QQII", number, at + 1, len(name), 0) + name.ljust(-(-len(name) // 8) * 8, b"\\0")
        elif operation == 15:
            if node == 3: continue
            offset, size = struct.unpack_from("<QI", body, 8)
            answer = content[offset:offset + size]
        elif operation == 17: answer = bytes(80)
        elif operation in (2, 42): continue
        elif operation != 18: error = -38
        os.write(fuse, struct.pack("<IiQ", 16 + len(answer), error, unique) + answer)
    """

private let canMount = unsafe geteuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0

@Suite(.enabled(if: canMount, "only root mounts, and FUSE is needed"))
struct SlowFilesystemTests {
    /// Mounts it, runs `body` on its path, and ends it.
    private func mounted(at mount: String, _ body: () throws -> Void) throws {
        let pid = try Program.start(["python3", "-c", server, mount])
        defer {
            // Its end lets the read that hangs come back.
            kill(pid, SIGKILL)
            _ = waitpid(pid, nil, 0)
            _ = try? Program.run("umount", "-l", mount)
        }
        var isThere = false
        for _ in 0..<500 where !isThere {
            usleep(10_000)
            isThere = unsafe access(mount + "/good", F_OK) == 0
        }
        try #require(isThere)
        try body()
    }

    @Test(.timeLimit(.minutes(1))) func readsWithATimeLimit() throws {
        let directory = try TestDirectory()
        let mount = directory.file("mount")
        try #require(unsafe mkdir(mount, 0o700) == 0)
        try mounted(at: mount) {
            let test = try TestArchive(directory)
            let begin = monotonicNanoseconds()
            try test.add("good", object: mount + "/good")
            try test.add("hang", object: mount + "/hang")
            try test.add("after", object: mount + "/good")
            #expect(monotonicNanoseconds() - begin < 20_000_000_000)
            let rows = try test.finish(directory)
            #expect(rows.map(\.status) == [.ok, .timeout, .ok], "\(rows)")
            #expect(rows.map(\.size) == [600_000, 600_000, 600_000])
            #expect(rows.map(\.bytesRead) == [600_000, 0, 600_000])
            #expect(rows[0].sha256 == rows[2].sha256 && rows[0].sha256 != rows[1].sha256)
            #expect(rows[1].reason?.contains("a read did not end") == true)
        }
    }

    /// A walk goes on behind a file and a directory whose opening hangs.
    @Test(.timeLimit(.minutes(1))) func walksBehindWhatHangs() throws {
        let directory = try CollectDirectory()
        let mount = "\(directory.path)/mount"
        try #require(unsafe mkdir(mount, 0o700) == 0)
        try mounted(at: mount) {
            let collected = try Collected.make(directory) { writer throws(EvidenceError) in
                let root: OwnedDescriptor
                do { root = try OwnedDescriptor(hostPath: mount) } catch { throw EvidenceError(.input, "\(error)") }
                try LayerWalk(writer.reader).run(
                    root, LayerFiles(writer, prefix: Artifact("tree", source: mount, kind: .layer)))
            }
            #expect(collected.status("tree/good") == "ok")
            #expect(collected.status("tree/hang") == "timeout")
            #expect(collected.reason("tree/mute") == "it could not be opened within 2 s")
            let shut = collected.rows.filter { $0["path"] as? String == "tree/shut" }
            #expect(shut.compactMap { $0["status"] as? String } == ["ok", "timeout"], "its header, and what is in it")
        }
    }

    /// The file system that had the device number before answered by itself.
    @Test(.timeLimit(.minutes(1))) func reusedDeviceNumber() throws {
        let directory = try TestDirectory()
        let mount = directory.file("mount")
        try #require(unsafe mkdir(mount, 0o700) == 0)
        let test = try TestArchive(directory)
        try #require(try Program.run("mount", "-t", "tmpfs", "none", mount) == 0)
        try directory.write("mount/x", [1])
        try test.add("x", object: mount + "/x")
        try #require(try Program.run("umount", mount) == 0)
        try mounted(at: mount) {
            // Other tests mount as well: mostly it is the same number.
            try test.add("hang", object: mount + "/hang")
        }
        #expect(try test.finish(directory).map(\.status) == [.ok, .timeout])
    }
}
