/// A text put together from scalars of rule files, with a blank between them, that still knows where each byte came from:
/// a condition with what was appended to it, or one check of an exception.
struct SourcedText: Sendable {
    private(set) var parts: [ScalarText]
    private(set) var text: String

    init(_ scalar: ScalarText) {
        parts = [scalar]
        text = scalar.text
    }

    /// - Parameter parts: not empty.
    init(first: ScalarText, others: [ScalarText]) {
        self.init(first)
        for part in others { append(part) }
    }

    mutating func append(_ scalar: ScalarText) {
        parts.append(scalar)
        text += " " + scalar.text
    }

    mutating func append(_ other: SourcedText) {
        for part in other.parts { append(part) }
    }

    /// Where the part begins in `text`.
    func offset(ofPart number: Int) -> Int {
        parts[..<number].reduce(0) { $0 + $1.text.utf8.count + 1 }
    }

    /// The place in its file of the byte at `offset` of `text`.
    func place(at offset: Int) -> (source: SourceText, position: SourcePosition) {
        var rest = offset
        for part in parts.dropLast() {
            let count = part.text.utf8.count
            if rest <= count { return (part.source, part.position(at: rest)) }
            rest -= count + 1
        }
        let part = parts[parts.count - 1]
        return (part.source, part.position(at: rest))
    }

    func error(_ kind: RuleError.Kind, at offset: Int, _ message: String) -> RuleError {
        let place = place(at: offset)
        return RuleError(kind, in: place.source, at: place.position, message)
    }
}
