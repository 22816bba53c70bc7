internal import EventModel

extension ConditionCompiler {
    mutating func numbers(
        _ operand: Int32, _ description: Operand, _ comparison: Condition.Comparison, _ elements: [Element]
    ) -> ConditionTree {
        var numbers: [Int64] = []
        for (text, offset) in elements {
            guard let number = Self.number(text) else {
                let what = description.field.map { "`\($0.rawValue)`" } ?? "the transformer's value"
                fail(.type, at: offset, "expected a whole number for \(what), found `\(text)`")
                return .leaf(.never(unfed: nil))
            }
            numbers.append(number)
        }
        // Falco counts events from 1, and rules say `evt.num = 0` for what is never to be true.
        if description.field == .evtNum { numbers.removeAll { $0 == 0 && comparison != .notEqual } }
        guard let first = numbers.first else { return .leaf(.never(unfed: nil)) }
        return switch comparison {
        case .notEqual: .leaf(.number(operand, .numberNotEqual, first))
        case .less: .leaf(.number(operand, .numberLess, first))
        case .lessOrEqual: .leaf(.number(operand, .numberLessOrEqual, first))
        case .greater: .leaf(.number(operand, .numberGreater, first))
        case .greaterOrEqual: .leaf(.number(operand, .numberGreaterOrEqual, first))
        default: .leaf(.numbers(operand, Set(numbers)))
        }
    }

    mutating func booleans(
        _ operand: Int32, _ description: Operand, _ comparison: Condition.Comparison, _ elements: [Element]
    ) -> ConditionTree {
        var bits: Int64 = 0
        for (text, offset) in elements {
            switch text {
            case "true": bits |= 2
            case "false": bits |= 1
            default:
                let what = description.field.map { "`\($0.rawValue)`" } ?? "the transformer's value"
                fail(.type, at: offset, "expected `true` or `false` for \(what), found `\(text)`")
                return .leaf(.never(unfed: nil))
            }
        }
        return .leaf(.booleans(operand, comparison == .notEqual ? ~bits : bits))
    }

    /// `bcontains` and `bstartswith` are written in hexadecimal.
    mutating func checkHexadecimal(_ comparison: Condition.Comparison, _ elements: [Element]) {
        guard comparison == .bcontains || comparison == .bstartswith else { return }
        for (text, offset) in elements
        where text.isEmpty || text.utf8.count % 2 != 0 || !text.allSatisfy(\.isHexDigit)
            || !text.utf8.allSatisfy({ $0 < 0x80 })
        {
            fail(.type, at: offset, "expected hexadecimal digits, two a byte, found `\(text)`")
        }
    }

    /// Literals of an address or a network. Nothing compares them yet: no source tells an address.
    mutating func checkAddresses(_ operand: Operand, _ elements: [Element]) {
        for (text, offset) in elements {
            let isTaken = operand.kind.type == .network ? IPLiteral.isNetwork(text) : IPLiteral.isAddress(text)
            if isTaken { continue }
            let what = operand.kind.type == .network ? "a network as `10.0.0.0/8`" : "an IP address"
            fail(.type, at: offset, "expected \(what), found `\(text)`")
        }
    }
}

/// IP addresses and networks as rules write them.
enum IPLiteral {
    static func isAddress(_ text: String) -> Bool { bits(text) != nil }

    static func isNetwork(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let bits = bits(String(first)) else { return false }
        if parts.count == 1 { return true }
        guard parts.count == 2, let prefix = Int(parts[1]) else { return false }
        return (0...bits).contains(prefix)
    }

    /// 32 or 128; nil for what is no address.
    private static func bits(_ text: String) -> Int? {
        text.utf8.contains(UInt8(ascii: ":")) ? (isVersion6(text) ? 128 : nil) : (isVersion4(text) ? 32 : nil)
    }

    private static func isVersion4(_ text: some StringProtocol) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { UInt8($0) != nil && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    }

    private static func isVersion6(_ text: String) -> Bool {
        var groups = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let gaps = text.indices.filter { text[$0...].hasPrefix("::") }.count
        guard gaps <= 1, !text.hasPrefix(":::"), text.utf8.count <= 45 else { return false }
        if (text.hasPrefix(":") && !text.hasPrefix("::")) || (text.hasSuffix(":") && !text.hasSuffix("::")) {
            return false
        }
        var count = 0
        if let last = groups.last, last.contains(".") {
            guard isVersion4(last) else { return false }
            count = 2
            groups.removeLast()
        }
        for group in groups where !group.isEmpty {
            guard group.utf8.count <= 4, UInt16(group, radix: 16) != nil, group.first?.isHexDigit == true else {
                return false
            }
            count += 1
        }
        return gaps == 1 ? count < 8 : count == 8
    }
}
