/// Parts the bytes of a log into lines, in whatever pieces they come.
package struct AuditLogReader: ~Copyable {
    /// Begun in an earlier piece; at most `lineLimit` bytes.
    private var rest: [UInt8] = []
    private var isTooLong = false
    /// Lines of more than `lineLimit` bytes: they are left out.
    package private(set) var tooLong: UInt64 = 0

    /// An interpreted record is some ten thousand bytes long at most, a line of `nodeagent record` holds an event's records.
    package static let lineLimit = 1 << 20

    package init() {}

    /// Calls `body` for each line that the piece ends, its line break not included.
    package mutating func read(_ piece: Span<UInt8>, _ body: (Span<UInt8>) -> Void) {
        var start = 0
        for index in piece.indices where piece[index] == 0x0A {
            if rest.isEmpty, !isTooLong {
                body(piece.extracting(start..<index))
            } else {
                keep(piece.extracting(start..<index))
                end(body)
            }
            start = index + 1
        }
        if start < piece.count { keep(piece.extracting(start..<piece.count)) }
    }

    /// The log is at its end: a last line may have no line break.
    package mutating func end(_ body: (Span<UInt8>) -> Void) {
        if isTooLong { tooLong += 1 } else if !rest.isEmpty { body(rest.span) }
        rest.removeAll(keepingCapacity: true)
        isTooLong = false
    }

    private mutating func keep(_ part: Span<UInt8>) {
        guard !isTooLong, rest.count + part.count <= Self.lineLimit else {
            isTooLong = true
            rest.removeAll(keepingCapacity: true)
            return
        }
        for index in part.indices { rest.append(part[index]) }
    }
}
