import CLinux
import Foundation
import Glibc
import LinuxSystem
import Testing

/// `deliver` as the sensor starts it. What will face the network must hold nothing, in any of its threads: a thread that
/// kept root would be everybody's in the same address space.
@Suite(.enabled(if: AgentProgram.isRoot, "only root has rights to give up")) struct DeliverCommandTests {
    /// Starts it with a socket of its own; the peer's end is ours.
    private func start() throws -> (pid: Int32, socket: CInt) {
        var pair: [CInt] = [-1, -1]
        try #require(unsafe na_socket_pair(&pair) == 0)
        var arguments = unsafe [strdup("nodeagent"), strdup("deliver"), nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        let pid = unsafe na_spawn(AgentProgram.built.path, &arguments, pair[1])
        close(pair[1])
        try #require(pid > 0)
        return (pid, pair[0])
    }

    /// `/proc/PID/task/TID/status` of all threads, the lines about rights.
    private func threads(of pid: Int32) throws -> [[String: String]] {
        let kinds = ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs"]
        return try directoryEntries("/proc/\(pid)/task").map { thread in
            let text = String(decoding: try readFile("/proc/\(pid)/task/\(thread)/status"), as: UTF8.self)
            var rights: [String: String] = [:]
            for line in text.split(separator: "\n") {
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2, kinds.contains(String(parts[0])) else { continue }
                rights[String(parts[0])] = parts[1].split { $0 == " " || $0 == "\t" }.joined(separator: " ")
            }
            return rights
        }
    }

    private func status(of pid: Int32, _ deadline: Int = 2500) -> Int32? {
        var status: CInt = 0
        for _ in 0..<deadline {
            if unsafe na_wait_exit(pid, &status) == 1 { return status }
            usleep(2000)
        }
        kill(pid, SIGKILL)
        return nil
    }

    @Test func holdsNothingInAnyThread() throws {
        let none = String(repeating: "0", count: 16)
        let expected = [
            "Uid": "65534 65534 65534 65534", "Gid": "65534 65534 65534 65534", "Groups": "", "CapInh": none,
            "CapPrm": none, "CapEff": none, "CapAmb": none, "NoNewPrivs": "1",
        ]
        let (pid, socket) = try start()
        var found: [[String: String]] = []
        for _ in 0..<2500 {
            found = try threads(of: pid)
            if found.allSatisfy({ $0 == expected }) { break }
            usleep(2000)
        }
        #expect(!found.isEmpty)
        for thread in found { #expect(thread == expected) }
        close(socket)
        #expect(status(of: pid) == 0)
    }

    /// Nothing that comes through the socket brings it down, and its end ends it.
    @Test func outlivesFramesThatAreNone() throws {
        let (pid, socket) = try start()
        var random = SystemRandomNumberGenerator()
        for length in [1, 2, 3, 8, 64, 4096] {
            var frame = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            // No version of ours: one of ours could be an end.
            frame[0] = 9
            #expect(unsafe send(socket, frame, frame.count, CInt(MSG_NOSIGNAL)) == length)
        }
        close(socket)
        #expect(status(of: pid) == 0)
    }
}
