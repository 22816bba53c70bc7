import CLinux
import Evidence
import Glibc
import LinuxSystem
import Testing

/// A FUSE file system with one file that it reads out and one whose read it never answers.
private let server = """
    import ctypes, os, struct, sys
    fuse = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fuse
    if libc.mount(b"nodeagent-test", sys.argv[1].encode(), b"fuse", 6, options): sys.exit(1)
    content = bytes(range(250)) * 2400
    names = {b"good": 2, b"hang": 3}
    def attributes(node):
        directory = node == 1
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
        elif operation == 14: answer = struct.pack("<QII", 0, 0, 0)
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
    @Test(.timeLimit(.minutes(1))) func readsWithATimeLimit() throws {
        let directory = try TestDirectory()
        let mount = directory.file("mount")
        try #require(unsafe mkdir(mount, 0o700) == 0)
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
