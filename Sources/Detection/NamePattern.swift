/// A name in which `*` stands for anything. Only `*` means something else than itself: names of rules have brackets and
/// question marks.
package struct NamePattern: Sendable {
    private let pieces: [ArraySlice<UInt8>]

    package init(_ pattern: String) {
        pieces = Array(pattern.utf8).split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
    }

    package func matches(_ name: String) -> Bool {
        let name = Array(name.utf8)
        guard let first = pieces.first, let last = pieces.last, pieces.count > 1 else {
            return name.elementsEqual(pieces.first ?? [])
        }
        guard name.count >= first.count + last.count, name.starts(with: first),
            name.suffix(last.count).elementsEqual(last)
        else { return false }
        var rest = name[first.count..<(name.count - last.count)]
        for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
            guard let start = rest.indices.first(where: { rest[$0...].starts(with: piece) }) else { return false }
            rest = rest[(start + piece.count)...]
        }
        return true
    }
}
