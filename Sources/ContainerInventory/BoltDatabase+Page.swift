extension BoltDatabase {
    /// Where a bucket's tree begins.
    enum Bucket {
        case page(UInt64)
        /// A small bucket: its only leaf, in the parent's value.
        case inline(ArraySlice<UInt8>)

        /// The value of a bucket's key: root page and sequence number; with root 0 a page follows.
        init?(_ value: ArraySlice<UInt8>) {
            guard value.count >= 16 else { return nil }
            let root = value.integer(at: value.startIndex, as: UInt64.self)
            if root == 0 {
                self = .inline(value.dropFirst(16))
            } else if value.count == 16 {
                self = .page(root)
            } else {
                return nil
            }
        }
    }

    /// A branch or leaf page.
    ///
    ///     0 number  8 flags (1 branch, 2 leaf)  10 element count  12 overflow pages that follow
    ///     16 the elements, 16 bytes each: branch 0 position 4 key size 8 child page
    ///                                     leaf   0 flags (1 bucket) 4 position 8 key size 12 value size
    ///     then key and value of each; a position counts from its element.
    struct Page {
        let bytes: ArraySlice<UInt8>
        let isLeaf: Bool
        private(set) var elements: [Element] = []

        struct Element {
            /// Indices of `bytes`.
            let key: Range<Int>
            let value: Range<Int>
            let isBucket: Bool
            /// Of a branch.
            let child: UInt64
        }

        static let headerSize = 16
        private static let elementSize = 16

        /// Of a page's first bytes, at least a header.
        static func overflow(_ bytes: [UInt8]) -> Int { Int(bytes[...].integer(at: 12, as: UInt32.self)) }

        /// Nil unless the page bears this number (0 inline) and is laid out as bbolt writes it: keys ascend, each key
        /// and value begins where the one before ends, and an inline page ends with its last value. bbolt does not ask for
        /// the latter two when it reads, but has no other layout.
        init?(_ bytes: ArraySlice<UInt8>, number: UInt64) {
            let start = bytes.startIndex
            guard bytes.count >= Self.headerSize, bytes.integer(at: start, as: UInt64.self) == number else {
                return nil
            }
            switch bytes.integer(at: start + 8, as: UInt16.self) {
            case 1: isLeaf = false
            case 2: isLeaf = true
            default: return nil
            }
            self.bytes = bytes
            let count = Int(bytes.integer(at: start + 10, as: UInt16.self))
            var next = start + Self.headerSize + count * Self.elementSize
            guard next <= bytes.endIndex else { return nil }
            elements.reserveCapacity(count)
            for index in 0..<count {
                let offset = start + Self.headerSize + index * Self.elementSize
                func field(_ index: Int) -> Int { Int(bytes.integer(at: offset + index * 4, as: UInt32.self)) }
                let flags = isLeaf ? field(0) : 0
                let position = isLeaf ? field(1) : field(0)
                let keySize = isLeaf ? field(2) : field(1)
                let valueSize = isLeaf ? field(3) : 0
                // Four numbers of 32 bits: no sum of them overflows.
                guard flags <= 1, keySize > 0, offset + position == next, next + keySize + valueSize <= bytes.endIndex
                else { return nil }
                let element = Element(
                    key: next..<(next + keySize), value: (next + keySize)..<(next + keySize + valueSize),
                    isBucket: flags == 1, child: isLeaf ? 0 : bytes.integer(at: offset + 8, as: UInt64.self))
                if let last = elements.last, !bytes[last.key].lexicographicallyPrecedes(bytes[element.key]) {
                    return nil
                }
                elements.append(element)
                next += keySize + valueSize
            }
            guard number != 0 || next == bytes.endIndex else { return nil }
        }

        /// Whether every key is at least `lower` and less than `upper`.
        func isBetween(_ lower: ArraySlice<UInt8>?, _ upper: ArraySlice<UInt8>?) -> Bool {
            guard let first = elements.first, let last = elements.last else { return lower == nil && upper == nil }
            if let lower, bytes[first.key].lexicographicallyPrecedes(lower) { return false }
            if let upper, !bytes[last.key].lexicographicallyPrecedes(upper) { return false }
            return true
        }

        func element(_ key: [UInt8]) -> Element? {
            elements.first { bytes[$0.key].elementsEqual(key) }
        }

        /// The element whose child holds `key`: the last one with a key that is not greater. Nil where `key` comes before
        /// all: then it is in no child.
        func branch(toward key: [UInt8]) -> Int? {
            elements.lastIndex { !key.lexicographicallyPrecedes(bytes[$0.key]) }
        }
    }
}
