private import Glibc

/// The messages of sock_diag(7): requests, and answers as lines of text. Layouts from linux/inet_diag.h, unix_diag.h
/// and packet_diag.h.
package enum SocketRecord {
    package enum Answer: Equatable {
        case more([UInt8])
        case done([UInt8])
        /// errno
        case failed(CInt)
    }

    // MARK: Requests

    static func request(_ query: SocketQuery) -> [UInt8] {
        var body: [UInt8]
        switch query {
        case .tcp, .tcp6, .udp, .udp6:
            // inet_diag_req_v2: family, protocol, ext, pad, states, id (48 bytes)
            let family = query == .tcp || query == .udp ? AF_INET : AF_INET6
            let transport = query == .tcp || query == .tcp6 ? 6 : 17
            body = [UInt8(family), UInt8(transport), 0, 0] + word(.max) + [UInt8](repeating: 0, count: 48)
        case .unix:
            // unix_diag_req: family, protocol, pad, states, ino, show (NAME, PEER, UID), cookie
            body =
                [UInt8(AF_UNIX), 0, 0, 0] + word(.max) + word(0) + word(0x01 | 0x04 | 0x40) + word(.max) + word(.max)
        case .packet:
            // packet_diag_req: family, protocol, pad, ino, show (INFO, FILTER), cookie
            body = [UInt8(AF_PACKET), 0, 0, 0] + word(0) + word(0x01 | 0x20) + word(.max) + word(.max)
        }
        // nlmsghdr: length, SOCK_DIAG_BY_FAMILY, REQUEST | DUMP, sequence, port
        let header = word(UInt32(16 + body.count)) + [20, 0, 0x01, 0x03] + word(1) + word(0)
        return header + body
    }

    private static func word(_ value: UInt32) -> [UInt8] {
        unsafe withUnsafeBytes(of: value) { bytes in unsafe Array(bytes) }
    }

    // MARK: Answers

    /// One datagram. What is malformed ends it.
    package static func lines(_ datagram: ArraySlice<UInt8>, _ query: SocketQuery) -> Answer {
        var text: [UInt8] = []
        var rest = datagram
        while let length = number32(rest, 0), length >= 16, Int(length) <= rest.count {
            let payload = rest[(rest.startIndex + 16)..<(rest.startIndex + Int(length))]
            switch number16(rest, 4) {
            case 3: return .done(text)
            case 2:
                let code = CInt(truncatingIfNeeded: Int64(number32(payload, 0) ?? 0))
                return code == 0 ? .done(text) : .failed(code == .min ? EIO : abs(code))
            case 20: text += Array((line(payload, query) + "\n").utf8)
            default: break
            }
            // NLMSG_ALIGN
            rest = rest.dropFirst((Int(length) + 3) & ~3)
        }
        return .more(text)
    }

    private static func line(_ payload: ArraySlice<UInt8>, _ query: SocketQuery) -> String {
        switch query {
        case .tcp, .tcp6, .udp, .udp6: internet(payload, query)
        case .unix: local(payload)
        case .packet: packet(payload)
        }
    }

    /// `tcp ESTAB 10.0.0.1:80 10.0.0.2:4000 uid=0 inode=12345 if=0 rq=0 wq=0`
    private static func internet(_ message: ArraySlice<UInt8>, _ query: SocketQuery) -> String {
        guard message.count >= 72 else { return "\(query.rawValue) malformed" }
        let state = Int(message[message.startIndex + 1])
        let isSix = message[message.startIndex] == UInt8(AF_INET6)
        let local = address(message, 8, isSix) + ":\(port(message, 4))"
        let remote = address(message, 24, isSix) + ":\(port(message, 6))"
        let numbers = [52, 40, 56, 60, 64, 68].map { number32(message, $0) ?? 0 }
        return "\(query.rawValue) \(stateName(state)) \(local) \(remote) uid=\(numbers[4]) inode=\(numbers[5]) "
            + "if=\(numbers[1]) rq=\(numbers[2]) wq=\(numbers[3])"
    }

    /// `unix stream LISTEN /run/x.sock inode=1 peer=2 uid=0`; an abstract name begins with `@`.
    private static func local(_ message: ArraySlice<UInt8>) -> String {
        guard message.count >= 16 else { return "unix malformed" }
        let start = message.startIndex
        let inode = number32(message, 4) ?? 0
        let attributes = attributes(message.dropFirst(16))
        var name = "-"
        if var bytes = attributes[0] {
            if bytes.first == 0 { bytes[bytes.startIndex] = UInt8(ascii: "@") }
            if bytes.last == 0 { bytes = bytes.dropLast() }
            name = EscapedName.escape(bytes)
        }
        let peer = attributes[2].flatMap { number32($0, 0) }.map(String.init) ?? "-"
        let owner = attributes[7].flatMap { number32($0, 0) }.map(String.init) ?? "-"
        return "unix \(typeName(message[start + 1])) \(stateName(Int(message[start + 2]))) \(name) uid=\(owner) "
            + "inode=\(inode) peer=\(peer)"
    }

    /// `packet raw protocol=0x0003 inode=1 if=2 filter=12`: instructions of a classic BPF filter, as backdoors have.
    private static func packet(_ message: ArraySlice<UInt8>) -> String {
        guard message.count >= 16 else { return "packet malformed" }
        let inode = number32(message, 4) ?? 0
        let attributes = attributes(message.dropFirst(16))
        let interface = attributes[0].flatMap { number32($0, 0) } ?? 0
        let filter = (attributes[7]?.count ?? 0) / 8
        let type = typeName(message[message.startIndex + 1])
        let kind = String(number16(message, 2) ?? 0, radix: 16)
        return "packet \(type) protocol=0x\(kind) inode=\(inode) if=\(interface) filter=\(filter)"
    }

    /// rtattr: length, type, value, padded to four bytes; by type.
    private static func attributes(_ bytes: ArraySlice<UInt8>) -> [UInt16: ArraySlice<UInt8>] {
        var found: [UInt16: ArraySlice<UInt8>] = [:]
        var rest = bytes
        while let length = number16(rest, 0), length >= 4, Int(length) <= rest.count, let type = number16(rest, 2) {
            found[type & 0x3fff] = rest[(rest.startIndex + 4)..<(rest.startIndex + Int(length))]
            rest = rest.dropFirst((Int(length) + 3) & ~3)
        }
        return found
    }

    // MARK: Fields

    private static func number32(_ bytes: ArraySlice<UInt8>, _ offset: Int) -> UInt32? {
        guard bytes.count >= offset + 4 else { return nil }
        let raw = Array(bytes.dropFirst(offset).prefix(4))
        return unsafe raw.withUnsafeBytes { buffer in unsafe buffer.loadUnaligned(as: UInt32.self) }
    }

    private static func number16(_ bytes: ArraySlice<UInt8>, _ offset: Int) -> UInt16? {
        guard bytes.count >= offset + 2 else { return nil }
        let raw = Array(bytes.dropFirst(offset).prefix(2))
        return unsafe raw.withUnsafeBytes { buffer in unsafe buffer.loadUnaligned(as: UInt16.self) }
    }

    /// Network byte order.
    private static func port(_ message: ArraySlice<UInt8>, _ offset: Int) -> UInt16 {
        UInt16(bigEndian: number16(message, offset) ?? 0)
    }

    private static func address(_ message: ArraySlice<UInt8>, _ offset: Int, _ isSix: Bool) -> String {
        let raw = Array(message.dropFirst(offset).prefix(isSix ? 16 : 4))
        var text = [CChar](repeating: 0, count: 64)
        let length = socklen_t(text.count)
        guard unsafe inet_ntop(isSix ? AF_INET6 : AF_INET, raw, &text, length) != nil else { return "?" }
        let name = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return isSix ? "[\(name)]" : name
    }

    /// include/net/tcp_states.h, in the words of ss(8).
    private static func stateName(_ state: Int) -> String {
        let names = [
            "UNKNOWN", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT",
            "LAST-ACK", "LISTEN", "CLOSING", "NEW-SYN-RECV",
        ]
        return names.indices.contains(state) ? names[state] : "state-\(state)"
    }

    private static func typeName(_ type: UInt8) -> String {
        switch type {
        case 1: "stream"
        case 2: "dgram"
        case 3: "raw"
        case 5: "seqpacket"
        default: "type-\(type)"
        }
    }
}

/// What is asked for, one dump each.
package enum SocketQuery: String, CaseIterable, Sendable {
    case tcp, tcp6, udp, udp6, unix, packet
}
