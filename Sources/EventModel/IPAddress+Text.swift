extension IPNetwork {
    /// `10.0.0.0/8`, or an address, which stands for itself; nil for what is neither.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
        // Of the 128 bits that both kinds have.
        let rest = first.contains(":") ? 0 : 96
        guard parts.count > 1 else {
            self.init(address: address, prefix: 128)
            return
        }
        guard parts.count == 2, let prefix = Int(parts[1]), (0...(128 - rest)).contains(prefix) else { return nil }
        self.init(address: address, prefix: prefix + rest)
    }
}

extension IPAddress {
    /// `10.0.0.1`, `fe80::1`, `::ffff:10.0.0.1`; nil for what is no address.
    package init?(_ text: String) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            guard Self.isVersion6(text) else { return nil }
            self = Self.version6(text)
        } else {
            guard Self.isVersion4(text) else { return nil }
            self.init(version4: Self.version4(text))
        }
    }

    private static func version4(_ text: some StringProtocol) -> UInt32 {
        text.split(separator: ".").reduce(0) { $0 << 8 | (UInt32($1) ?? 0) }
    }

    /// Of a text that `isVersion6` has found right.
    private static func version6(_ text: String) -> IPAddress {
        func groups(_ part: Substring) -> [UInt16] {
            part.split(separator: ":").flatMap { group -> [UInt16] in
                guard group.contains(".") else { return [UInt16(group, radix: 16) ?? 0] }
                let address = version4(group)
                return [UInt16(address >> 16), UInt16(truncatingIfNeeded: address)]
            }
        }
        let gap = text.firstRange(of: "::")
        let before = groups(text[..<(gap?.lowerBound ?? text.endIndex)])
        let after = gap.map { groups(text[$0.upperBound...]) } ?? []
        let zeros = [UInt16](repeating: 0, count: max(0, 8 - before.count - after.count))
        let all = before + zeros + after
        let words = all.prefix(8).map(UInt64.init)
        guard words.count == 8 else { return IPAddress(high: 0, low: 0) }
        return IPAddress(
            high: words[..<4].reduce(0) { $0 << 16 | $1 }, low: words[4...].reduce(0) { $0 << 16 | $1 })
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
