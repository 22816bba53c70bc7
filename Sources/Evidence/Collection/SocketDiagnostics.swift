private import CLinux
package import LinuxSystem
private import SystemPackage

/// Asks the kernel for the sockets of a network namespace (sock_diag(7)): also those without a file in /proc/net, with
/// owner and inode. As ss(8) does, this may load the kernel's modules `inet_diag`, `tcp_diag`, `udp_diag`, `unix_diag`,
/// `packet_diag`.
package struct SocketDiagnostics: ~Copyable {
    private let socket: OwnedDescriptor

    /// - Parameter namespace: an open `/proc/PID/ns/net`; nil: the caller's own.
    package init(namespace: borrowing OwnedDescriptor) throws(SystemError) {
        try self.init(adopting: na_sock_diag_socket(namespace.rawValue))
    }

    package init() throws(SystemError) { try self.init(adopting: na_sock_diag_socket(-1)) }

    private init(adopting descriptor: CInt) throws(SystemError) {
        socket = OwnedDescriptor(adopting: try checked(descriptor, "setns or socket(NETLINK_SOCK_DIAG)"))
    }

    /// One line a socket; a last line tells what could not be asked.
    package func dump(limit: Int = 16 << 20) -> ReadOutcome {
        var outcome = ReadOutcome()
        for query in SocketQuery.allCases {
            do throws(SystemError) {
                try dump(query, limit: limit, into: &outcome)
            } catch {
                outcome.bytes += Array("# \(query.rawValue): \(error)\n".utf8)
            }
        }
        return outcome
    }

    private func dump(_ query: SocketQuery, limit: Int, into outcome: inout ReadOutcome) throws(SystemError) {
        let request = SocketRecord.request(query)
        _ = try checked(unsafe na_sock_diag_send(socket.rawValue, request, request.count), "send")
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = try checked(unsafe na_sock_diag_receive(socket.rawValue, &buffer, buffer.count), "receive")
            switch SocketRecord.lines(buffer[..<min(Int(count), buffer.count)], query) {
            case .more(let text):
                if outcome.bytes.count + text.count <= limit {
                    outcome.bytes += text
                } else {
                    outcome.isTruncated = true
                }
            case .done(let text):
                if outcome.bytes.count + text.count <= limit {
                    outcome.bytes += text
                } else {
                    outcome.isTruncated = true
                }
                return
            case .failed(let errno):
                throw SystemError("sock_diag", errno: .init(rawValue: errno))
            }
        }
    }
}
