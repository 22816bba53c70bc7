/// What the SYSCALL record says in its first fields: enough to know whether anybody wants the event.
package struct AuditCall: Sendable, Equatable, BitwiseCopyable {
    /// AUDIT_ARCH_…: `c000003e` x86_64, `40000003` i386.
    package var architecture: UInt32 = 0
    /// As logged, x32's bit included.
    package var number: UInt32 = 0
    /// Nil where the record has no `success=`: the call did not return.
    package var isSuccess: Bool?
    package var exit: Int64 = 0
    /// How many PATH records belong to the event; nil where the record does not say.
    package var items: Int?

    /// Nil where architecture or number are missing or no numbers (an interpreted log).
    init?(syscall payload: Span<UInt8>, from offset: Int) {
        var cursor = AuditFieldCursor(at: offset)
        var hasArchitecture = false
        var hasNumber = false
        // The kernel's order is fixed, `items` follows a3: what lies behind it (two thirds of the record) is not looked at.
        while let field = cursor.next(in: payload) {
            let key = field.key(in: payload)
            let value = field.value(in: payload)
            if key == AuditKey("arch") {
                guard let number = AuditNumber.hexadecimal(value).flatMap({ UInt32(exactly: $0) }) else { return nil }
                architecture = number
                hasArchitecture = true
            } else if key == AuditKey("syscall") {
                guard let number = AuditNumber.decimal(value).flatMap({ UInt32(exactly: $0) }) else { return nil }
                self.number = number
                hasNumber = true
            } else if key == AuditKey("success") {
                isSuccess = value.count > 0 && value[0] == UInt8(ascii: "y")
            } else if key == AuditKey("exit") {
                exit = AuditNumber.signedDecimal(value) ?? 0
            } else if key == AuditKey("items") {
                items = AuditNumber.decimal(value).flatMap { Int(exactly: $0) }
                break
            }
        }
        guard hasArchitecture, hasNumber else { return nil }
    }
}

/// The same of a URINGOP record.
package struct AuditUringOperation: Sendable, Equatable, BitwiseCopyable {
    /// IORING_OP_…: 18 OPENAT, 28 OPENAT2.
    package var operation: UInt32
    package var items: Int?

    init?(uring payload: Span<UInt8>, from offset: Int) {
        var cursor = AuditFieldCursor(at: offset)
        var operation: UInt32?
        while let field = cursor.next(in: payload) {
            let key = field.key(in: payload)
            if key == AuditKey("uring_op") {
                operation = AuditNumber.decimal(field.value(in: payload)).flatMap { UInt32(exactly: $0) }
            } else if key == AuditKey("items") {
                items = AuditNumber.decimal(field.value(in: payload)).flatMap { Int(exactly: $0) }
                break
            }
        }
        guard let operation else { return nil }
        self.operation = operation
    }
}

/// One event, lent to the caller of the assembler for the duration of a call: its records lie in the assembler's storage.
package struct AuditEvent: ~Escapable {
    /// How the event came to its end.
    package enum Ending: Sendable {
        /// Its EOE record.
        case endOfEvent
        /// A record of a kind that is an event by itself.
        case alone
        /// No further record within the timeout.
        case timeout
        /// It was the oldest when the assembler was full.
        case evicted
        /// The source ended.
        case flushed
    }

    /// One record of the event.
    package struct Record: ~Escapable {
        package let type: UInt16
        package let payload: Span<UInt8>
        /// Where the fields begin in `payload`.
        package let bodyOffset: Int

        @_lifetime(copy payload)
        init(type: UInt16, payload: Span<UInt8>, bodyOffset: Int) {
            self.type = type
            self.payload = payload
            self.bodyOffset = bodyOffset
        }
    }

    package let stamp: AuditStamp
    package let ending: Ending
    /// Every record came: the call's own, as many PATH records as it announces, and its end.
    package let isComplete: Bool
    /// A message that a process wrote: it carries no authority.
    package let isUserRange: Bool
    /// Of the SYSCALL record; nil where there is none or it was not readable.
    package let call: AuditCall?
    package let hasUringOperation: Bool
    package let recordCount: Int
    /// Type, length and offset of the fields, 16 bits each, then the payload; again and again. Or one bare payload.
    private let bytes: Span<UInt8>
    private let aloneType: UInt16
    private let aloneBodyOffset: Int

    @_lifetime(copy bytes)
    init(
        stamp: AuditStamp, ending: Ending, isComplete: Bool, call: AuditCall?, hasUringOperation: Bool,
        recordCount: Int, bytes: Span<UInt8>
    ) {
        self.stamp = stamp
        self.ending = ending
        self.isComplete = isComplete
        isUserRange = false
        self.call = call
        self.hasUringOperation = hasUringOperation
        self.recordCount = recordCount
        self.bytes = bytes
        aloneType = 0
        aloneBodyOffset = 0
    }

    /// An event of one record that was never stored.
    @_lifetime(copy payload)
    init(alone type: UInt16, header: AuditRecordHeader, payload: Span<UInt8>) {
        stamp = header.stamp
        ending = .alone
        isComplete = true
        isUserRange = AuditRecordType.isUserRange(type)
        call = nil
        hasUringOperation = false
        recordCount = 1
        bytes = payload
        aloneType = type
        aloneBodyOffset = header.bodyOffset
    }

    /// The record at the cursor, which moves on; start with 0. A cursor that was kept leads to the same record again.
    @_lifetime(copy self)
    package func next(_ cursor: inout Int) -> Record? {
        if aloneType != 0 {
            guard cursor == 0 else { return nil }
            cursor = 1
            return Record(type: aloneType, payload: bytes, bodyOffset: aloneBodyOffset)
        }
        guard let record = Self.record(in: bytes, at: cursor) else { return nil }
        cursor += Self.prefixSize + record.payload.count
        return record
    }

    /// The records as a log has them, for people; what does not fit in 16 KB is left out.
    package var lines: [String] {
        var lines: [String] = []
        var size = 0
        var cursor = 0
        while let record = next(&cursor), size < 16 << 10 {
            var bytes: [UInt8] = []
            for index in record.payload.indices { bytes.append(record.payload[index]) }
            size += bytes.count
            let name = AuditRecordType.name(of: record.type) ?? "UNKNOWN[\(record.type)]"
            lines.append("type=\(name) msg=" + String(decoding: bytes, as: UTF8.self))
        }
        return lines
    }

    /// The record whose prefix is at that offset.
    @_lifetime(copy bytes)
    static func record(in bytes: Span<UInt8>, at offset: Int) -> Record? {
        guard offset >= 0, bytes.count - offset >= prefixSize else { return nil }
        let type = UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8
        let length = Int(bytes[offset + 2]) | Int(bytes[offset + 3]) << 8
        let bodyOffset = Int(bytes[offset + 4]) | Int(bytes[offset + 5]) << 8
        let start = offset + prefixSize
        guard bytes.count - start >= length else { return nil }
        return Record(type: type, payload: bytes.extracting(start..<(start + length)), bodyOffset: bodyOffset)
    }

    /// Bytes in front of each stored record.
    static let prefixSize = 6
}
