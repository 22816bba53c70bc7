/// A set of strings that is asked with bytes, so that asking makes no `String`.
struct ByteSet: Sendable {
    private let bytes: [UInt8]
    private let ends: [Int]
    /// Number of an element plus one, 0 for a free slot; a power of two, at most half full.
    private let slots: [UInt32]

    init(_ elements: some Collection<String>) {
        var bytes: [UInt8] = []
        var ends: [Int] = [0]
        for element in Set(elements).sorted() {
            bytes.append(contentsOf: element.utf8)
            ends.append(bytes.count)
        }
        var size = 4
        while size < ends.count * 2 { size *= 2 }
        var slots = [UInt32](repeating: 0, count: size)
        for element in 0..<(ends.count - 1) {
            var slot = Self.hash(bytes.span.extracting(ends[element]..<ends[element + 1])) & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = UInt32(element + 1)
        }
        self.bytes = bytes
        self.ends = ends
        self.slots = slots
    }

    var count: Int { ends.count - 1 }

    /// FNV-1a; the elements come from rule files, so nobody gains by making them collide.
    private static func hash(_ text: Span<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in 0..<text.count { hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: hash >> 1)
    }

    func contains(_ text: Span<UInt8>) -> Bool {
        var slot = Self.hash(text) & (slots.count - 1)
        while slots[slot] != 0 {
            let element = Int(slots[slot]) - 1
            let range = ends[element]..<ends[element + 1]
            if ByteText.isEqual(text, bytes.span.extracting(range)) { return true }
            slot = (slot + 1) & (slots.count - 1)
        }
        return false
    }
}
