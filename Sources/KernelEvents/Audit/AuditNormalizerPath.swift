import EventModel

/// A PATH record as the normaliser needs it.
struct AuditNormalizerPath: BitwiseCopyable {
    enum Kind: BitwiseCopyable {
        case normal, parent, create, delete
        /// `UNKNOWN`: the name did not lead to a file.
        case unknown
    }

    /// Leads `AuditEvent.next` to the record.
    var cursor: Int
    var name: AuditField?
    var kind: Kind = .normal
    /// Nil when the kernel had no inode to tell.
    var file: FileObject?

    init(_ record: borrowing AuditEvent.Record, at cursor: Int) {
        self.cursor = cursor
        let payload = record.payload
        var inode: UInt64?
        var device: (major: UInt32, minor: UInt32)?
        var node: (major: UInt32, minor: UInt32) = (0, 0)
        var mode: UInt32 = 0
        var fields = AuditFieldCursor(at: record.bodyOffset)
        while let field = fields.next(in: payload) {
            let key = field.key(in: payload)
            if key == AuditKey("name") {
                name = field
            } else if key == AuditKey("inode") {
                inode = AuditNumber.decimal(field.value(in: payload))
            } else if key == AuditKey("dev") {
                device = AuditNumber.device(field.value(in: payload))
            } else if key == AuditKey("mode") {
                mode = AuditNumber.octal(field.value(in: payload)).flatMap { UInt32(exactly: $0) } ?? 0
            } else if key == AuditKey("rdev") {
                node = AuditNumber.device(field.value(in: payload)) ?? (0, 0)
            } else if key == AuditKey("nametype") || key == AuditKey("objtype") {
                // `objtype` was the key in 3.10.
                kind = Self.kind(field.value(in: payload))
                // What follows (capabilities of the file, auditd's additions) is not needed.
                break
            }
        }
        if let inode, let device {
            file = FileObject(
                deviceMajor: device.major, deviceMinor: device.minor, inode: inode, mode: mode,
                nodeMajor: node.major, nodeMinor: node.minor)
        }
    }

    private static func kind(_ value: Span<UInt8>) -> Kind {
        guard value.count > 0 else { return .unknown }
        switch value[0] {
        case UInt8(ascii: "N"): return .normal
        case UInt8(ascii: "P"): return .parent
        case UInt8(ascii: "C"): return .create
        case UInt8(ascii: "D"): return .delete
        default: return .unknown
        }
    }

    /// A file that the call was about, not a directory on the way to it.
    var isObject: Bool { file != nil && (kind == .normal || kind == .create) }
    var isDirectory: Bool { file?.kind == 0o040000 }
}
