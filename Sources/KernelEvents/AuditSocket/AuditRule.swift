import CAudit

/// One rule for the kernel's audit filter, in the kernel's own terms (auditctl(8), linux/audit.h).
package struct AuditRule: Equatable, Sendable {
    package enum List: UInt32, Sendable { case exit = 4, uring = 7 }
    package enum Action: UInt32, Sendable { case never = 0, always = 2 }
    /// How a field is compared: `=`, `!=`, `&` (any bit), `&=` (all bits), `>=`, `<`.
    package enum Comparison: UInt32, Sendable {
        case equal = 0x4000_0000, notEqual = 0x3000_0000, anyBit = 0x0800_0000, allBits = 0x4800_0000
        case atLeast = 0x6000_0000, below = 0x1000_0000
    }
    package struct Field: Equatable, Sendable {
        package var field: UInt32
        package var comparison: Comparison
        package var value: UInt32
    }

    package var list: List
    package var action: Action
    /// Before the rules that are there (`auditctl -A`).
    package var first = false
    /// Numbers of the calls (of io_uring operations on that list); empty means every call.
    package var calls: [Int] = []
    package var fields: [Field] = []
    /// The file or directory of a field `NA_AUDIT_FIELD_WATCH` or `_DIR`, at most 255 bytes.
    package var path = ""
    /// Ends up in the record's `key=`. Every rule of ours begins with `AuditRule.keyPrefix`, and is found again by it.
    package var key: String

    package static let keyPrefix = "nodeagent-"

    package init(list: List, action: Action, key: String) {
        self.list = list
        self.action = action
        self.key = key
    }

    package mutating func add(_ field: Int, _ comparison: Comparison = .equal, _ value: UInt32) {
        fields.append(Field(field: UInt32(field), comparison: comparison, value: value))
    }

    /// The bytes that the kernel is sent (struct audit_rule_data of linux/audit.h, and the key).
    package var encoded: [UInt8] {
        var rule = raw
        var bytes = [UInt8](repeating: 0, count: 2048)
        let count = unsafe na_audit_encode_rule(&rule, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, Int(count))))
    }

    /// The C structure that libaudit's shim sends.
    var raw: na_audit_rule {
        var rule = na_audit_rule()
        rule.list = list.rawValue
        rule.action = action.rawValue
        rule.prepend = first ? 1 : 0
        unsafe withUnsafeMutableBytes(of: &rule.syscalls) { words in
            let words = unsafe words.bindMemory(to: UInt32.self)
            if calls.isEmpty {
                for index in words.indices { unsafe words[index] = .max }
            }
            for call in calls where call >= 0 && call < words.count * 32 {
                unsafe words[call / 32] |= 1 << UInt32(call % 32)
            }
        }
        rule.field_count = UInt32(min(fields.count, 16))
        func fill(_ array: inout some BitwiseCopyable, _ value: (Field) -> UInt32) {
            unsafe withUnsafeMutableBytes(of: &array) { bytes in
                let words = unsafe bytes.bindMemory(to: UInt32.self)
                for (index, field) in fields.prefix(words.count).enumerated() { unsafe words[index] = value(field) }
            }
        }
        fill(&rule.fields) { $0.field }
        fill(&rule.values) { $0.value }
        fill(&rule.operators) { $0.comparison.rawValue }
        unsafe withUnsafeMutableBytes(of: &rule.path) { bytes in
            unsafe bytes.copyBytes(from: path.utf8.prefix(bytes.count - 1))
        }
        unsafe withUnsafeMutableBytes(of: &rule.key) { bytes in
            unsafe bytes.copyBytes(from: key.utf8.prefix(bytes.count - 1))
        }
        return rule
    }
}
