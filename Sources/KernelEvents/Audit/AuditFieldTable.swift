/// The fields of one record, at most 64 (the kernel's SYSCALL record has 28; only an EXECVE with many arguments has more).
///
/// A caller keeps one table and fills it for each record: nothing is allocated.
package struct AuditFieldTable: Sendable {
    package static let capacity = 64

    private var fields = InlineArray<64, AuditField>(repeating: AuditField())
    package private(set) var count = 0
    /// The record has more fields than the table; a cursor reaches them.
    package private(set) var isCut = false

    package init() {}

    /// Reads the fields of `payload` from `offset` on and forgets those of the record before.
    package mutating func parse(_ payload: Span<UInt8>, from offset: Int) {
        var cursor = AuditFieldCursor(at: offset)
        var filled = 0
        // One access for the whole record: an access through `self` for each field copies the array.
        var table = fields.mutableSpan
        isCut = false
        while let field = cursor.next(in: payload) {
            guard filled < table.count else {
                isCut = true
                break
            }
            table[filled] = field
            filled &+= 1
        }
        count = filled
    }

    package subscript(_ index: Int) -> AuditField {
        precondition(index < count)
        return fields.span[index]
    }

    /// The first field with that key.
    package func first(_ key: AuditKey, in payload: Span<UInt8>) -> AuditField? {
        let table = fields.span
        for index in 0..<count where table[index].key(in: payload) == key { return table[index] }
        return nil
    }
}
