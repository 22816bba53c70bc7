import CLinux
import Foundation
import Glibc
import LinuxSystem
import Testing

/// The metrics port of a real `deliver`, as the sensor starts it, on a free port.
@Suite(.enabled(if: AgentProgram.isRoot, "only root has rights to give up"))
struct MetricsServerTests {
    @Test func answersWhatItWasSent() throws {
        let child = try DeliverChild()
        #expect(try child.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").hasPrefix("HTTP/1.1 503 "))
        try child.send(snapshot(obstacles: ["starting"]))
        #expect(try readiness(of: child) { $0.hasSuffix("\r\n\r\nstarting\n") })
        #expect(try child.ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("\r\n\r\nok\n"))
        try child.send(snapshot(obstacles: []))
        #expect(try readiness(of: child) { $0.hasPrefix("HTTP/1.1 200 ") })
        let page = try child.ask("GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(page.hasPrefix("HTTP/1.1 200 "))
        #expect(page.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        #expect(page.contains("\nnodeagent_audit_backlog 7\n"))
        let head = try child.ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 200 ") && head.hasSuffix("\r\n\r\n"))
        #expect(head.contains("\r\nContent-Length: \(page.components(separatedBy: "\r\n\r\n")[1].utf8.count)\r\n"))
        #expect(try child.ask("GET /other HTTP/1.1\r\nHost: a\r\n\r\n").hasPrefix("HTTP/1.1 404 "))
        let post = try child.ask("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        #expect(post.hasPrefix("HTTP/1.1 405 ") && post.contains("\r\nAllow: GET, HEAD\r\n"))
        #expect(try child.end() == 0)
    }

    /// Asks until the answer is as wanted: a frame that was sent has not been taken yet.
    private func readiness(of child: DeliverChild, _ isWanted: (String) -> Bool) throws -> Bool {
        for _ in 0..<100 {
            if isWanted(try child.ask("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")) { return true }
            usleep(50_000)
        }
        return false
    }

    /// What is no snapshot changes nothing, and what is no request is answered as such.
    @Test func outlivesGarbage() throws {
        let child = try DeliverChild()
        try child.send(snapshot(obstacles: []))
        var random = SystemRandomNumberGenerator()
        for length in 0..<300 {
            try child.send([1, 3] + (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        let long = String(repeating: "a", count: 20_000)
        for request in [
            "garbage\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n", "\0\0\0\0\r\n\r\n",
        ] {
            #expect(try child.ask(request).hasPrefix("HTTP/1.1 400 "))
        }
        #expect(try child.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").contains("\nnodeagent_audit_backlog 7\n"))
        #expect(try child.end() == 0)
    }

    /// Two hundred clients that never end their request keep nobody from a scrape, and each is gone after five seconds.
    @Test func isNotHeldUpBySlowClients() throws {
        let child = try DeliverChild()
        try child.send(snapshot(obstacles: []))
        var slow: [OwnedSocket] = []
        for _ in 0..<200 {
            let client = try child.connect()
            client.write("GET /metrics HTTP/1.1\r\nHost:")
            slow.append(client)
        }
        // A body that never ends as well.
        let body = try child.connect()
        body.write("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        let began = monotonicNanoseconds()
        #expect(try child.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
        #expect(monotonicNanoseconds() - began < 1_000_000_000)
        #expect(try child.connectionCount() <= 33)
        var count = 0
        while monotonicNanoseconds() - began < 10_000_000_000 {
            body.write("x")
            count = try child.connectionCount()
            if count == 0 { break }
            usleep(100_000)
        }
        #expect(count == 0)
        withExtendedLifetime(slow) {}
        #expect(try child.end() == 0)
    }

    /// A port that another has is told and no reason to end; frames are taken all the same.
    @Test func goesOnWithoutItsPort() throws {
        let first = try DeliverChild()
        let second = try DeliverChild(port: first.port())
        usleep(300_000)
        try second.send(snapshot(obstacles: []))
        usleep(100_000)
        #expect(try second.listeningPort() == nil)
        #expect(second.isAlive)
        #expect(try first.end() == 0)
        // Free again: within ten seconds it is taken.
        #expect(try second.port(patience: 12) == first.knownPort)
        try second.send(snapshot(obstacles: []))
        #expect(try readiness(of: second) { $0.hasPrefix("HTTP/1.1 200 ") })
        #expect(try second.end() == 0)
    }

    /// The event loop's threads and those of the concurrency runtime hold no more than the first.
    @Test func holdsNothingInAnyThread() throws {
        let child = try DeliverChild()
        _ = try child.port()
        _ = try child.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        let threads = try directoryEntries("/proc/\(child.pid)/task")
        #expect(threads.count > 2)
        for thread in threads {
            let status = String(
                decoding: try readFile("/proc/\(child.pid)/task/\(thread)/status"), as: UTF8.self)
            #expect(status.contains("\nUid:\t65534\t65534\t65534\t65534\n"))
            #expect(status.contains("\nCapEff:\t0000000000000000\n"))
            #expect(status.contains("\nCapPrm:\t0000000000000000\n"))
            #expect(status.contains("\nNoNewPrivs:\t1\n"))
        }
        #expect(try child.end() == 0)
    }

    /// A frame put together here and not by the program: one number, `nodeagent_audit_backlog`.
    private func snapshot(obstacles: [String]) -> [UInt8] {
        func little(_ value: UInt64, _ size: Int) -> [UInt8] {
            (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        }
        func text(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count), 2) + Array(text.utf8) }
        return [1, 3, 1] + little(1_000_000_000, 8) + little(0, 4) + [UInt8(obstacles.count)] + obstacles.flatMap(text)
            + text("nodeagent_audit_backlog") + little(1, 2) + little(7.0.bitPattern, 8)
    }
}

/// A connected TCP socket, closed with this value.
private final class OwnedSocket {
    let descriptor: CInt
    init(_ descriptor: CInt) { self.descriptor = descriptor }
    deinit { _ = close(descriptor) }

    func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL))
    }
}

/// `nodeagent deliver` with our end of its socket.
private final class DeliverChild {
    let pid: Int32
    private let socket: CInt
    private(set) var knownPort: Int?
    private var hasEnded = false

    init(port: Int = 0) throws {
        var pair: [CInt] = [-1, -1]
        try #require(unsafe na_socket_pair(&pair) == 0)
        let words = ["nodeagent", "deliver", "--metrics-address", "127.0.0.1", "--metrics-port", String(port)]
        var arguments = unsafe words.map { unsafe strdup($0) }
        unsafe arguments.append(nil)
        defer { unsafe arguments.forEach { unsafe free($0) } }
        pid = unsafe na_spawn(AgentProgram.built.path, &arguments, pair[1])
        close(pair[1])
        socket = pair[0]
        try #require(pid > 0)
    }

    deinit {
        close(socket)
        if !hasEnded { kill(pid, SIGKILL) }
    }

    var isAlive: Bool {
        var status: CInt = 0
        return unsafe na_wait_exit(pid, &status) == 0
    }

    func send(_ frame: [UInt8]) throws {
        try #require(unsafe Glibc.send(socket, frame, frame.count, CInt(MSG_NOSIGNAL)) == frame.count)
    }

    /// Closes our end; its exit status, nil when it does not end in five seconds.
    func end() throws -> Int32? {
        shutdown(socket, CInt(SHUT_RDWR))
        var status: CInt = 0
        for _ in 0..<2500 {
            if unsafe na_wait_exit(pid, &status) == 1 {
                hasEnded = true
                return status
            }
            usleep(2000)
        }
        return nil
    }

    /// The port it listens on, once it does.
    func port(patience seconds: Int = 5) throws -> Int {
        for _ in 0..<seconds * 100 {
            if let port = try listeningPort() {
                knownPort = port
                return port
            }
            usleep(10_000)
        }
        return try #require(knownPort, "deliver does not listen")
    }

    func listeningPort() throws -> Int? { try sockets(state: "0A").first }
    /// Connections that it holds and has not ended.
    func connectionCount() throws -> Int { try sockets(state: "01").count }

    /// Local ports of its TCP sockets in a state (`/proc/net/tcp`, column st).
    private func sockets(state: Substring) throws -> [Int] {
        let own = Set(
            try directoryEntries("/proc/\(pid)/fd").compactMap { try? readLink("/proc/\(pid)/fd/\($0)") })
        let table = String(decoding: try readFile("/proc/net/tcp"), as: UTF8.self)
        return table.split(separator: "\n").dropFirst().compactMap { line in
            let columns = line.split(separator: " ")
            guard columns.count > 9, columns[3] == state, own.contains("socket:[\(columns[9])]") else { return nil }
            return columns[1].split(separator: ":").last.flatMap { Int($0, radix: 16) }
        }
    }

    func connect() throws -> OwnedSocket {
        let port = try knownPort ?? port()
        let descriptor = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        var limit = timeval(tv_sec: 7, tv_usec: 0)
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
        return OwnedSocket(descriptor)
    }

    /// One request; everything until the server ends the connection.
    func ask(_ request: String) throws -> String {
        let connection = try connect()
        connection.write(request)
        var response: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = unsafe recv(connection.descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            response += buffer[..<count]
        }
        return String(decoding: response, as: UTF8.self)
    }
}
