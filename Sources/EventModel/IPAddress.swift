/// An IP address as 128 bits; of version 4 in the lower 32, as `::ffff:10.0.0.1` has it.
package struct IPAddress: Hashable, Sendable, BitwiseCopyable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package init(version4 address: UInt32) { self.init(high: 0, low: 0xFFFF << 32 | UInt64(address)) }

    /// The bytes in network order: 4 or 16 of them, else nil.
    package init?(_ bytes: Span<UInt8>) {
        var words: (UInt64, UInt64) = (0, 0)
        for index in bytes.indices { words = (words.0 << 8 | words.1 >> 56, words.1 << 8 | UInt64(bytes[index])) }
        switch bytes.count {
        case 4: self.init(version4: UInt32(truncatingIfNeeded: words.1))
        case 16: self.init(high: words.0, low: words.1)
        default: return nil
        }
    }

    /// `0.0.0.0` or `::`.
    package var isUnspecified: Bool { high == 0 && (low == 0 || low == 0xFFFF << 32) }

    package var isVersion4: Bool { high == 0 && low >> 32 == 0xFFFF }
}

extension IPAddress: CustomStringConvertible {
    /// `10.0.0.1`; of version 6 in full groups without leading zeros, the longest run of zeros as `::`.
    package var description: String {
        if isVersion4 {
            return (0..<4).map { String((low >> UInt64(24 - 8 * $0)) & 0xFF) }.joined(separator: ".")
        }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> UInt64(48 - 16 * ($0 % 4))) }
        var gap = 0..<0
        for start in 0..<8 where groups[start] == 0 {
            let end = groups[start...].firstIndex { $0 != 0 } ?? 8
            if end - start > max(gap.count, 1) { gap = start..<end }
        }
        func text(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        return gap.isEmpty
            ? text(groups[...]) : text(groups[..<gap.lowerBound]) + "::" + text(groups[gap.upperBound...])
    }
}

/// The addresses with the same first bits: `10.0.0.0/8`.
package struct IPNetwork: Hashable, Sendable, BitwiseCopyable {
    package var address: IPAddress
    /// Of 128; of a network of version 4 at least 96.
    package var prefix: Int

    package init(address: IPAddress, prefix: Int) {
        self.address = address
        self.prefix = prefix
    }

    package func contains(_ other: IPAddress) -> Bool {
        let low = prefix <= 64 ? 0 : UInt64.max << UInt64(128 - min(prefix, 128))
        let high = prefix <= 0 ? 0 : UInt64.max << UInt64(64 - min(prefix, 64))
        return (address.high ^ other.high) & high == 0 && (address.low ^ other.low) & low == 0
    }
}

extension IPNetwork: CustomStringConvertible {
    package var description: String {
        if prefix >= 128 { return address.description }
        return "\(address)/\(address.isVersion4 ? prefix - 96 : prefix)"
    }
}

/// One end of a connection.
package struct SocketAddress: Hashable, Sendable, BitwiseCopyable {
    package var address: IPAddress
    package var port: UInt16
    /// Spelt as an IPv6 address, also where it holds one of version 4.
    package var isVersion6: Bool

    package init(address: IPAddress, port: UInt16, isVersion6: Bool) {
        self.address = address
        self.port = port
        self.isVersion6 = isVersion6
    }
}

/// What a descriptor leads to, as far as rules ask.
package enum DescriptorKind: UInt8, Sendable {
    /// Not looked at.
    case unknown
    case file, pipe, ipv4, ipv6, unix, netlink, packet, other

    /// The value of `fd.type`; nil where it is not known.
    package var name: String? {
        switch self {
        case .file: "file"
        case .pipe: "pipe"
        case .ipv4: "ipv4"
        case .ipv6: "ipv6"
        case .unix: "unix"
        case .netlink: "netlink"
        case .packet: "packet"
        case .unknown, .other: nil
        }
    }

    /// The value of `fd.typechar`.
    package var letter: String? {
        switch self {
        case .file: "f"
        case .pipe: "p"
        case .ipv4: "4"
        case .ipv6: "6"
        case .unix: "u"
        case .netlink: "n"
        case .packet: "k"
        case .unknown: nil
        case .other: "o"
        }
    }
}

/// The transport protocol of a socket.
package enum Transport: UInt8, Sendable {
    case unknown, tcp, udp, icmp, raw

    /// The value of `fd.l4proto`; nil where nobody told.
    package var name: String? {
        switch self {
        case .unknown: nil
        case .tcp: "tcp"
        case .udp: "udp"
        case .icmp: "icmp"
        case .raw: "raw"
        }
    }
}
