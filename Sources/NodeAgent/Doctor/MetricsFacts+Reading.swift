import CLinux
import Glibc
import LinuxSystem

extension MetricsFacts {
    /// Whoever listens may say nothing: nanoseconds until it is given up.
    private static let patience: UInt64 = 3_000_000_000

    static func read(_ configuration: Configuration.Metrics, hasAgent: Bool, timed: TimedReader) -> MetricsFacts {
        let isIPv6 = configuration.address.contains(":")
        let host = isIPv6 ? "[\(configuration.address)]" : configuration.address
        var facts = MetricsFacts(
            isEnabled: configuration.isEnabled, address: "\(host):\(configuration.port)",
            isAnyPort: configuration.port == 0, isLoopback: configuration.isLoopback, hasAgent: hasAgent)
        guard facts.isEnabled, !facts.isAnyPort else { return facts }
        let name = host
        facts.answer =
            timed.run(timeout: patience) { ask(configuration.address, configuration.port, name) } ?? .silent
        return facts
    }

    private static func ask(_ address: String, _ port: Int, _ name: String) -> Answer {
        guard let socket = connected(address, port) else { return .refused }
        let request = "GET /readyz HTTP/1.1\r\nHost: \(name)\r\nConnection: close\r\n\r\n"
        guard (try? socket.writeAll(Array(request.utf8))) != nil, let bytes = try? socket.readAll(limit: 64 << 10)
        else {
            return .silent
        }
        return answer(String(decoding: bytes, as: UTF8.self))
    }

    /// `HTTP/1.1 200 OK`, header lines, an empty one, the body.
    static func answer(_ text: String) -> Answer {
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let words = parts[0].prefix { $0 != "\r\n" }.split(separator: " ")
        guard words.count > 1, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { return .silent }
        return .answered(status: status, body: parts.count > 1 ? String(parts[1]) : "")
    }

    /// Nil: nobody listens. An address that says "every address of this host" leads to the host itself.
    private static func connected(_ address: String, _ port: Int) -> OwnedDescriptor? {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(address, "\(port)", &hints, &found) == 0, let first = unsafe found?.pointee else {
            return nil
        }
        defer { unsafe freeaddrinfo(found) }
        let descriptor = unsafe socket(first.ai_family, first.ai_socktype | CInt(NA_O_CLOEXEC), first.ai_protocol)
        guard descriptor >= 0 else { return nil }
        let owner = OwnedDescriptor(adopting: descriptor)
        guard unsafe connect(owner.rawValue, first.ai_addr, first.ai_addrlen) == 0 else { return nil }
        return owner
    }
}
