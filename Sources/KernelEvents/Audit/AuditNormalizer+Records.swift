import EventModel

/// The records that only some calls have: the arguments of an exec, the address of a socket call.
extension AuditNormalizer {
    /// More of a command line than this is cut off: what follows the arguments must have its place.
    private static let commandLineLimit: UInt32 = 16 * 1024

    /// The EXECVE records. A long argument comes in parts, `a1_len=18000 a1[0]=… a1[1]=…`, and goes on in the next record.
    static func readArguments(_ event: AuditEvent, into output: inout KernelEvent) {
        let start = output.textEnd
        var isOpen = false
        var cursor = 0
        while let record = event.next(&cursor) {
            guard record.type == AuditRecordType.execve else { continue }
            let payload = record.payload
            var fields = AuditFieldCursor(at: record.bodyOffset)
            while let field = fields.next(in: payload), output.textEnd - start < commandLineLimit {
                guard let part = part(payload.extracting(field.keyRange)) else { continue }
                if part == 0, isOpen { output.appendByte(0) }
                _ = field.decodeText(in: payload, into: &output)
                isOpen = true
            }
        }
        guard isOpen else { return }
        output.appendByte(0)
        output.commandLine = output.range(from: start)
    }

    /// Which part of an argument a key stands for: 0 for `a1` and `a1[0]`, 2 for `a1[2]`; nil for `argc` and `a1_len`.
    private static func part(_ key: Span<UInt8>) -> Int? {
        guard key.count > 1, key[0] == UInt8(ascii: "a") else { return nil }
        var index = 1
        while index < key.count, key[index] &- UInt8(ascii: "0") <= 9 { index += 1 }
        if index == key.count { return index > 1 ? 0 : nil }
        guard index > 1, key[index] == UInt8(ascii: "["), key[key.count - 1] == UInt8(ascii: "]") else { return nil }
        return AuditNumber.decimal(key.extracting((index + 1)..<(key.count - 1))).flatMap { Int(exactly: $0) }
    }

    /// The SOCKADDR record: the address of a socket call as its caller, or for accept the kernel, wrote it.
    static func readAddress(_ record: borrowing AuditEvent.Record, into output: inout KernelEvent) {
        let payload = record.payload
        var fields = AuditFieldCursor(at: record.bodyOffset)
        guard let field = fields.next(in: payload), field.key(in: payload) == AuditKey("saddr") else { return }
        var bytes = InlineArray<128, UInt8>(repeating: 0)
        let digits = field.value(in: payload)
        let count = min(digits.count / 2, 128)
        for index in 0..<count {
            guard let high = AuditNumber.hexadecimalDigit(digits[index * 2]),
                let low = AuditNumber.hexadecimalDigit(digits[index * 2 + 1])
            else { return }
            bytes[index] = high << 4 | low
        }
        let span = bytes.span.extracting(0..<count)
        guard count >= 2 else { return }
        // The family is in the machine's order, what follows in the network's.
        output.descriptor = AuditNormalizerCalls.descriptor(domain: UInt64(span[0]) | UInt64(span[1]) << 8)
        switch output.descriptor {
        case .ipv4 where count >= 8: setAddress(span.extracting(4..<8), span, into: &output)
        case .ipv6 where count >= 24: setAddress(span.extracting(8..<24), span, into: &output)
        case .unix where count > 2: setPath(span.extracting(2..<count), into: &output)
        default: break
        }
    }

    private static func setAddress(_ bytes: Span<UInt8>, _ whole: Span<UInt8>, into output: inout KernelEvent) {
        guard let address = IPAddress(bytes) else { return }
        let end = SocketAddress(
            address: address, port: UInt16(whole[2]) << 8 | UInt16(whole[3]), isVersion6: bytes.count == 16)
        if output.type == .bind { output.local = end } else { output.remote = end }
    }

    /// A path ends at its NUL; an abstract name begins with one, for which `@` stands.
    private static func setPath(_ path: Span<UInt8>, into output: inout KernelEvent) {
        let start = output.textEnd
        var index = 0
        if path[0] == 0 {
            output.appendByte(UInt8(ascii: "@"))
            index = 1
        }
        while index < path.count, path[index] != 0 {
            output.appendByte(path[index])
            index += 1
        }
        output.name = output.range(from: start)
    }

    /// What socket(2) makes, by its arguments.
    static func readSocket(into output: inout KernelEvent) {
        output.descriptor = AuditNormalizerCalls.descriptor(domain: output.arguments[0])
        guard output.descriptor == .ipv4 || output.descriptor == .ipv6 else { return }
        // SOCK_STREAM, _DGRAM, _RAW; the flags SOCK_CLOEXEC and SOCK_NONBLOCK lie above.
        switch (output.arguments[1] & 0xF, output.arguments[2]) {
        case (1, 0), (1, 6): output.transport = .tcp
        case (2, 0), (2, 17): output.transport = .udp
        case (2, 1), (2, 58): output.transport = .icmp
        case (3, _): output.transport = .raw
        default: break
        }
    }
}

extension AuditNormalizerCalls {
    /// What a socket of that address family (AF_…) is.
    static func descriptor(domain: UInt64) -> DescriptorKind {
        switch domain {
        case 1: .unix
        case 2: .ipv4
        case 10: .ipv6
        case 16: .netlink
        case 17: .packet
        default: .other
        }
    }
}
