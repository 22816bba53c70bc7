/// A set of literals that a text is compared with in one walk: whether it begins or ends with one of them, or lies below
/// one of them as a path.
struct LiteralTrie: Sendable {
    enum Direction: Sendable {
        case prefix, suffix, path
    }

    let direction: Direction
    /// As the rule has them, for people.
    let literals: [String]
    /// Whether a literal ends at the node.
    private let ends: [Bool]
    /// Where the node's transitions begin in `bytes` and `targets`, ascending by byte; one more than there are nodes.
    private let starts: [Int32]
    private let bytes: [UInt8]
    private let targets: [Int32]

    init(_ literals: [[UInt8]], _ direction: Direction) {
        self.direction = direction
        self.literals = literals.map { String(decoding: $0, as: UTF8.self) }
        var children: [[UInt8: Int32]] = [[:]]
        var ends = [false]
        for literal in literals {
            let path =
                switch direction {
                case .prefix: literal
                case .suffix: Array(literal.reversed())
                case .path: Self.normalized(literal)
                }
            var node = 0
            for byte in path {
                if let next = children[node][byte] {
                    node = Int(next)
                } else {
                    children[node][byte] = Int32(children.count)
                    node = children.count
                    children.append([:])
                    ends.append(false)
                }
            }
            ends[node] = true
        }
        var starts: [Int32] = [0]
        var bytes: [UInt8] = []
        var targets: [Int32] = []
        for child in children {
            for (byte, target) in child.sorted(by: { $0.key < $1.key }) {
                bytes.append(byte)
                targets.append(target)
            }
            starts.append(Int32(bytes.count))
        }
        self.ends = ends
        self.starts = starts
        self.bytes = bytes
        self.targets = targets
    }

    /// As an operator of the rule language with its list; of a long one the beginning.
    var description: String {
        let word =
            switch direction {
            case .prefix: "startswith one of"
            case .suffix: "endswith one of"
            case .path: "pmatch"
            }
        let shown = literals.prefix(8).map(EscapedText.escaped).joined(separator: ", ")
        return "\(word) (\(shown)\(literals.count > 8 ? ", and \(literals.count - 8) more" : ""))"
    }

    /// `//a//b/` is `a/b`.
    private static func normalized(_ path: [UInt8]) -> [UInt8] {
        Array(path.split(separator: UInt8(ascii: "/")).joined(separator: [UInt8(ascii: "/")]))
    }

    func matches(_ text: Span<UInt8>) -> Bool {
        if direction == .path { return matches(path: text) }
        var node = 0
        for index in 0..<text.count {
            if ends[node] { return true }
            guard let next = next(node, text[direction == .prefix ? index : text.count - 1 - index]) else {
                return false
            }
            node = next
        }
        return ends[node]
    }

    /// `/var/run` takes `/var/run` and `/var/run/docker`, not `/var/running`; empty components do not count.
    private func matches(path text: Span<UInt8>) -> Bool {
        let slash = UInt8(ascii: "/")
        var node = 0
        var index = 0
        while true {
            while index < text.count, text[index] == slash { index += 1 }
            if ends[node] { return true }
            if index == text.count { return false }
            if node != 0 {
                guard let next = next(node, slash) else { return false }
                node = next
            }
            while index < text.count, text[index] != slash {
                guard let next = next(node, text[index]) else { return false }
                node = next
                index += 1
            }
        }
    }

    private func next(_ node: Int, _ byte: UInt8) -> Int? {
        var low = Int(starts[node])
        var high = Int(starts[node + 1])
        while low < high {
            let middle = (low + high) / 2
            if bytes[middle] == byte { return Int(targets[middle]) }
            if bytes[middle] < byte { low = middle + 1 } else { high = middle }
        }
        return nil
    }
}
