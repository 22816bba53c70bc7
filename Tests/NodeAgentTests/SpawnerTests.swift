import CLinux
import Glibc
import LinuxSystem
import Testing

/// The process that starts others for the sensor, with a shell in the program's place.
@Suite struct SpawnerTests {
    private final class Fixture {
        let socket: CInt
        let pid: pid_t

        init(program: String = "/bin/sh") throws {
            var verbs = unsafe [unsafe UnsafePointer(strdup("-c")), nil]
            defer { unsafe free(UnsafeMutableRawPointer(mutating: verbs[0])) }
            var socket: CInt = -1
            pid = unsafe na_spawner_start(program, &verbs, &socket)
            self.socket = socket
            try #require(pid > 0)
        }

        deinit {
            close(socket)
            _ = SpawnerTests.exit(pid)
        }

        func start(_ words: [String], descriptor: CInt = STDOUT_FILENO) -> pid_t {
            var request: [UInt8] = []
            for word in words { request += Array(word.utf8) + [0] }
            return unsafe request.withUnsafeBytes {
                unsafe na_spawner_request(socket, $0.baseAddress, $0.count, descriptor)
            }
        }
    }

    /// The status of a child of ours; nil when it has not ended in five seconds.
    private static func exit(_ pid: pid_t) -> CInt? {
        var status: CInt = 0
        for _ in 0..<500 {
            switch unsafe na_wait_exit(pid, &status) {
            case 1: return status
            case 0: usleep(10_000)
            default: return nil
            }
        }
        return nil
    }

    /// A child of the caller, with the descriptor as its third and no other of anybody's.
    @Test func startsOurOwnChild() throws {
        let spawner = try Fixture()
        var pair: [CInt] = [-1, -1]
        try #require(unsafe na_socket_pair(&pair) == 0)
        defer { for descriptor in pair { close(descriptor) } }
        let pid = spawner.start(
            [
                "sh", "-c",
                "for d in /proc/$$/fd/*; do printf %s, ${d##*/}; done >&3; exit $((40 + ($PPID == \(getpid()))))",
            ],
            descriptor: pair[1])
        try #require(pid > 0)
        #expect(Self.exit(pid) == 41)
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 256)
        while case let count = unsafe recv(pair[0], &buffer, buffer.count, CInt(MSG_DONTWAIT)), count > 0 {
            text += String(decoding: buffer[..<count], as: UTF8.self)
        }
        // The shell reads the directory, and keeps what it redirects at 10.
        #expect(Set(text.split(separator: ",")).isSubset(of: ["0", "1", "2", "3", "4", "10"]), "\(text)")
        #expect(text.contains("3,"))
    }

    @Test func refusesOtherCommands() throws {
        let spawner = try Fixture()
        #expect(spawner.start(["sh", "-x", "exit 0"]) == -EINVAL)
        #expect(spawner.start(["-c"]) == -EINVAL)
        #expect(spawner.start(["sh", "-c"] + Array(repeating: "a", count: 63)) == -EINVAL)
        #expect(spawner.start(["sh", "-c", String(repeating: "a", count: 20_000)]) == -EINVAL)
        // And goes on.
        #expect(Self.exit(spawner.start(["sh", "-c", "exit 3"])) == 3)
    }

    @Test func tellsOfAProgramThatIsNotThere() throws {
        let spawner = try Fixture(program: "/nonexistent/program")
        #expect(Self.exit(spawner.start(["sh", "-c", "exit 0"])) == 127)
    }

    /// It outlives signals that a terminal or a service manager sends to the group, and ends with its parent's socket.
    @Test func endsWithItsParent() throws {
        let pid: pid_t
        do {
            let spawner = try Fixture()
            pid = spawner.pid
            for signal in [SIGINT, SIGTERM, SIGHUP] { kill(pid, signal) }
            #expect(Self.exit(spawner.start(["sh", "-c", "exit 5"])) == 5)
        }
        // Waited for already.
        #expect(kill(pid, 0) == -1)
    }

    /// What it starts is not deaf to the signals that it ignores itself.
    @Test func givesSignalsBack() throws {
        let spawner = try Fixture()
        let pid = spawner.start(["sh", "-c", "sleep 60"])
        try #require(pid > 0)
        usleep(100_000)
        kill(pid, SIGTERM)
        #expect(Self.exit(pid) == 128 + SIGTERM)
    }
}
