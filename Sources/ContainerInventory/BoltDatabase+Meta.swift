extension BoltDatabase {
    /// A meta page: the state that one committed transaction left.
    struct Meta: Equatable, Sendable {
        let pageSize: Int
        /// Page of the root bucket.
        let root: UInt64
        /// The high-water mark: no page of this snapshot lies at or beyond it. Times `pageSize` it fits an Int64.
        let pageCount: UInt64
        let transaction: UInt64

        /// Page header and meta.
        static let size = Page.headerSize + 64
        static let pageSizes = (10...16).map { 1 << $0 }

        /// Nil unless magic, version, checksum and the ranges are right.
        ///
        ///     0 magic  4 version  8 page size  12 flags  16 root page  24 root sequence  32 freelist page
        ///     40 high-water mark  48 transaction  56 checksum of the bytes before
        init?(_ page: [UInt8]) {
            guard page.count == Self.size else { return nil }
            let bytes = page[Page.headerSize...]
            func integer<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
                bytes.integer(at: Page.headerSize + offset, as: type)
            }
            guard integer(0, UInt32.self) == 0xED0C_DAED, integer(4, UInt32.self) == 2,
                integer(56, UInt64.self) == Self.checksum(bytes.prefix(56))
            else { return nil }
            pageSize = Int(integer(8, UInt32.self))
            root = integer(16, UInt64.self)
            pageCount = integer(40, UInt64.self)
            transaction = integer(48, UInt64.self)
            guard Self.pageSizes.contains(pageSize), pageCount <= UInt64(Int64.max) / UInt64(pageSize) else {
                return nil
            }
        }

        /// FNV-1a, 64 bits (Go's hash/fnv).
        static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
            bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        }
    }
}

extension ArraySlice<UInt8> {
    /// The little-endian integer at an index; the caller has checked that it lies inside.
    func integer<T: FixedWidthInteger>(at index: Int, as type: T.Type) -> T {
        self[index..<(index + T.bitWidth / 8)].reversed().reduce(0) { $0 << 8 | T(truncatingIfNeeded: $1) }
    }
}
