/// A regular expression, compiled: answers whether a whole text fits, in time linear in the text whatever the pattern, and
/// without allocation.
///
/// The automaton is Glushkov's: one state a byte of the pattern, no empty transitions, a set of states is a few words.
package struct BytePattern: Sendable {
    /// States, `a{100}` counting as a hundred: what one byte of text may cost at most, and the size of the sets below.
    private static let maximumStates = 960
    private static let maximumBytes = 8192

    /// As the rule has it.
    let source: String
    let states: Int
    private let isEmptyTaken: Bool
    /// Words in use of each set.
    private let width: Int
    /// The states that a text may begin with, and those that it may end with.
    private let first: [UInt64]
    private let last: [UInt64]
    /// For each state, `width` words: the states that may come next.
    private let follow: [UInt64]
    /// For each byte, `width` words: the states that stand for it.
    private let accepts: [UInt64]

    /// - Throws: what is no pattern, or one of more than `maximumStates`.
    package init(_ pattern: String) throws(PatternError) {
        guard pattern.utf8.count <= Self.maximumBytes else {
            throw PatternError(offset: 0, message: "longer than \(Self.maximumBytes) bytes")
        }
        let syntax = try PatternParser.parse(pattern)
        try Self.checkAnchors(syntax, isFirst: true, isLast: true)
        guard Self.states(syntax) <= Self.maximumStates else {
            throw PatternError(offset: 0, message: "larger than \(Self.maximumStates) states")
        }
        source = pattern
        states = Self.states(syntax)
        var builder = Builder(states: states)
        let whole = builder.add(syntax)
        width = builder.width
        isEmptyTaken = whole.isEmptyTaken
        first = whole.first
        last = whole.last
        follow = builder.follow
        accepts = builder.accepts
    }

    /// Whether all of `text` is of the pattern.
    package func matches(_ text: Span<UInt8>) -> Bool {
        if text.isEmpty { return isEmptyTaken }
        // On the stack: no allocation, and one pattern serves any number of threads.
        var current = InlineArray<15, UInt64>(repeating: 0)
        var next = InlineArray<15, UInt64>(repeating: 0)
        for index in 0..<text.count {
            let accepted = Int(text[index]) * width
            var isAlive = false
            for word in 0..<width { next[word] = 0 }
            if index == 0 {
                for word in 0..<width { next[word] = first[word] }
            } else {
                for word in 0..<width {
                    var states = current[word]
                    while states != 0 {
                        let start = ((word << 6) + states.trailingZeroBitCount) * width
                        for target in 0..<width { next[target] |= follow[start + target] }
                        states &= states - 1
                    }
                }
            }
            for word in 0..<width {
                current[word] = next[word] & accepts[accepted + word]
                if current[word] != 0 { isAlive = true }
            }
            if !isAlive { return false }
        }
        for word in 0..<width where current[word] & last[word] != 0 { return true }
        return false
    }

    /// How many states the syntax needs, counted without building it.
    private static func states(_ syntax: PatternSyntax) -> Int {
        switch syntax {
        case .byte: return 1
        case .start, .end: return 0
        case .concatenation(let items), .alternatives(let items):
            return items.reduce(0) { min(maximumStates + 1, $0 + states($1)) }
        case .repetition(let inner, let minimum, let maximum):
            return min(maximumStates + 1, states(inner) * max(1, minimum, maximum ?? 0))
        }
    }

    private static func checkAnchors(_ syntax: PatternSyntax, isFirst: Bool, isLast: Bool) throws(PatternError) {
        switch syntax {
        case .byte: break
        case .start:
            if !isFirst { throw PatternError(offset: 0, message: "`^` stands only where the text may begin") }
        case .end:
            if !isLast { throw PatternError(offset: 0, message: "`$` stands only where the text may end") }
        case .alternatives(let branches):
            for branch in branches { try checkAnchors(branch, isFirst: isFirst, isLast: isLast) }
        case .repetition(let inner, _, _): try checkAnchors(inner, isFirst: isFirst, isLast: isLast)
        case .concatenation(let items):
            let first = items.firstIndex { states($0) > 0 } ?? items.count
            let last = items.lastIndex { states($0) > 0 } ?? -1
            for (index, item) in items.enumerated() {
                let isFirst = isFirst && index <= first
                let isLast = isLast && index >= last
                try checkAnchors(item, isFirst: isFirst, isLast: isLast)
            }
        }
    }
}

extension BytePattern {
    /// The sets of Glushkov's construction, each as bits in `width` words.
    private struct Builder {
        struct Part {
            var isEmptyTaken: Bool
            var first: [UInt64]
            var last: [UInt64]
        }

        let width: Int
        private var count = 0
        private(set) var follow: [UInt64]
        private(set) var accepts: [UInt64]

        init(states: Int) {
            width = max(1, (states + 63) / 64)
            follow = Array(repeating: 0, count: states * width)
            accepts = Array(repeating: 0, count: 256 * width)
        }

        private var empty: Part {
            let none = [UInt64](repeating: 0, count: width)
            return Part(isEmptyTaken: true, first: none, last: none)
        }

        mutating func add(_ syntax: PatternSyntax) -> Part {
            switch syntax {
            case .start, .end: return empty
            case .byte(let set): return add(set)
            case .concatenation(let items): return items.reduce(empty) { join($0, add($1)) }
            case .alternatives(let branches):
                var whole = empty
                whole.isEmptyTaken = false
                for branch in branches {
                    let part = add(branch)
                    whole.isEmptyTaken = whole.isEmptyTaken || part.isEmptyTaken
                    whole.first = Self.union(whole.first, part.first)
                    whole.last = Self.union(whole.last, part.last)
                }
                return whole
            case .repetition(let inner, let minimum, let maximum):
                return BytePattern.states(inner) == 0 ? empty : add(inner, minimum: minimum, maximum: maximum)
            }
        }

        private mutating func add(_ set: ByteClass) -> Part {
            let state = count
            count += 1
            set.forEach { accepts[Int($0) * width + (state >> 6)] |= 1 << UInt64(state & 63) }
            var part = empty
            part.isEmptyTaken = false
            part.first[state >> 6] |= 1 << UInt64(state & 63)
            part.last = part.first
            return part
        }

        private mutating func add(_ inner: PatternSyntax, minimum: Int, maximum: Int?) -> Part {
            var whole = empty
            if let maximum {
                for _ in 0..<minimum { whole = join(whole, add(inner)) }
                // (a(a)?)? rather than a?a?: fewer transitions, the same texts.
                var optional = empty
                for _ in minimum..<max(minimum, maximum) {
                    optional = join(add(inner), optional)
                    optional.isEmptyTaken = true
                }
                return join(whole, optional)
            }
            for _ in 0..<max(0, minimum - 1) { whole = join(whole, add(inner)) }
            var part = add(inner)
            connect(part.last, part.first)
            if minimum == 0 { part.isEmptyTaken = true }
            return join(whole, part)
        }

        private mutating func connect(_ from: [UInt64], _ to: [UInt64]) {
            for word in 0..<width {
                var states = from[word]
                while states != 0 {
                    let start = ((word << 6) + states.trailingZeroBitCount) * width
                    for target in 0..<width { follow[start + target] |= to[target] }
                    states &= states - 1
                }
            }
        }

        private static func union(_ left: [UInt64], _ right: [UInt64]) -> [UInt64] { zip(left, right).map { $0 | $1 } }

        private mutating func join(_ left: Part, _ right: Part) -> Part {
            connect(left.last, right.first)
            return Part(
                isEmptyTaken: left.isEmptyTaken && right.isEmptyTaken,
                first: left.isEmptyTaken ? Self.union(left.first, right.first) : left.first,
                last: right.isEmptyTaken ? Self.union(left.last, right.last) : right.last)
        }
    }
}
