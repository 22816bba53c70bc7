extension PatternParser {
    private static let named: [(name: String, members: ByteClass)] = [
        ("alpha", ByteClass.lowercase.union(.uppercase)), ("digit", .digits), ("lower", .lowercase),
        ("upper", .uppercase), ("alnum", ByteClass.lowercase.union(.uppercase).union(.digits)), ("word", .words),
        ("space", ByteClass.blanks.union(ByteClass(0x0B...0x0B))),
        ("blank", ByteClass(0x09...0x09).union(ByteClass(0x20...0x20))),
        ("xdigit", ByteClass.digits.union(ByteClass(0x41...0x46)).union(ByteClass(0x61...0x66))),
        (
            "punct",
            ByteClass(0x21...0x2F).union(ByteClass(0x3A...0x40)).union(ByteClass(0x5B...0x60)).union(
                ByteClass(0x7B...0x7E))
        ), ("print", ByteClass(0x20...0x7E)), ("graph", ByteClass(0x21...0x7E)),
        ("cntrl", ByteClass(0...0x1F).union(ByteClass(0x7F...0x7F))), ("ascii", ByteClass(0...0x7F)),
    ]

    /// After the opening bracket.
    mutating func bracket(from start: Int) throws(PatternError) -> PatternSyntax {
        var set = ByteClass()
        var characters: [PatternSyntax] = []
        let isNegated = take("^")
        let first = index
        while let byte, byte != UInt8(ascii: "]") || index == first {
            if let members = try namedClass() {
                set = set.union(members)
                continue
            }
            let place = index
            index += 1
            if byte >= 0x80 {
                characters.append(literal(from: place))
                guard !isNegated, !peek("-") else {
                    throw error("characters beyond ASCII stand in a class only by themselves", at: place)
                }
                continue
            }
            let low = byte == UInt8(ascii: "\\") ? try escape(from: place) : ByteClass(byte...byte)
            guard let from = low.only, peek("-"), index + 1 < bytes.count, bytes[index + 1] != UInt8(ascii: "]") else {
                set = set.union(low)
                continue
            }
            index += 2
            let end = bytes[index - 1]
            let high = end == UInt8(ascii: "\\") ? try escape(from: index - 1) : ByteClass(end...end)
            guard let to = high.only, from <= to, to < 0x80 || from >= 0x80 else {
                throw error("expected a range from the smaller to the larger character", at: place)
            }
            set = set.union(ByteClass(from...to))
        }
        guard take("]") else { throw error("`[` without `]`", at: start) }
        if ignoresCase { set = set.foldingCase }
        if characters.isEmpty { return .byte(isNegated ? set.complement : set) }
        return .alternatives([.byte(set)] + characters)
    }

    private func peek(_ character: Unicode.Scalar) -> Bool { byte == UInt8(ascii: character) }

    /// `[:alpha:]` or `[:^alpha:]`; nil for anything else.
    private mutating func namedClass() throws(PatternError) -> ByteClass? {
        guard peek("["), index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: ":") else { return nil }
        let start = index
        for (name, members) in Self.named {
            for (prefix, set) in [("[:", members), ("[:^", members.complement)]
            where bytes[start...].starts(with: "\(prefix)\(name):]".utf8) {
                index += prefix.utf8.count + name.utf8.count + 2
                return set
            }
        }
        throw error("expected a class as `[:alpha:]`", at: start)
    }
}

extension ByteClass {
    /// Its member, if it has only one.
    fileprivate var only: UInt8? {
        var found: UInt8?
        for byte in UInt8.min...UInt8.max where contains(byte) {
            if found != nil { return nil }
            found = byte
        }
        return found
    }
}
