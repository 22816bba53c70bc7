/// What audit itself says about a change of its settings, by whomever.
package enum AuditNotice: Equatable, Sendable {
    /// AUDIT_REPLACE: this process asked for the audit daemon's place while we are it. The kernel has refused.
    case replaceWanted(by: Int32)
    /// CONFIG_CHANGE: rules or settings were changed; who did it comes with the whole event.
    case changed
    /// The same, whole.
    case changedBy(AuditAuthor)

    /// The records that tell such a thing at once; nil for every other.
    package init?(type: UInt16, payload: Span<UInt8>) {
        switch type {
        case AuditRecordType.replace:
            // Not text: the pid, 32 bits.
            guard payload.count >= 4 else { return nil }
            let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(payload[$1]) << UInt32(8 * $1) }
            self = .replaceWanted(by: Int32(bitPattern: bits))
        case AuditRecordType.configChange:
            self = .changed
        default:
            return nil
        }
    }
}

/// Who changed audit's settings, as far as the kernel says it.
package struct AuditAuthor: Equatable, Sendable {
    /// The login uid; nil where there was no login.
    package var loginUID: UInt32?
    package var pid: Int32?
    /// The program, as the record has it.
    package var executable: String?

    /// Nil for an event that is no change of a setting.
    package init?(_ event: AuditEvent) {
        var cursor = 0
        var isChange = false
        while let record = event.next(&cursor) {
            switch record.type {
            case AuditRecordType.configChange: isChange = true
            case AuditRecordType.syscall: break
            default: continue
            }
            var fields = AuditFieldCursor(at: record.bodyOffset)
            while let field = fields.next(in: record.payload) {
                let value = field.value(in: record.payload)
                switch field.key(in: record.payload) {
                case AuditKey("auid"):
                    let uid = AuditNumber.decimal(value).flatMap { UInt32(exactly: $0) }
                    loginUID = uid == .max ? nil : uid
                case AuditKey("pid"): pid = AuditNumber.decimal(value).flatMap { Int32(exactly: $0) }
                case AuditKey("exe"):
                    executable = String(decoding: field.decodedBytes(in: record.payload), as: UTF8.self)
                default: break
                }
            }
        }
        guard isChange else { return nil }
    }

    package init() {}
}
