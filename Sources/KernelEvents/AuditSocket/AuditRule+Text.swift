private import CAudit
package import EventModel

extension AuditRule {
    /// The calls that it asks of, as far as they are events of ours; none for a rule of the io_uring list.
    package var eventTypes: Set<EventType> {
        guard list == .exit, let machine else { return [] }
        return Set(
            EventType.allCases.filter { calls.contains(Int(unsafe na_audit_call_number($0.name, machine.index))) })
    }

    /// As auditctl(8) takes it. Numbers of io_uring's operations stay numbers.
    package var text: String {
        let names = eventTypes.sorted { $0.rawValue < $1.rawValue }.map(\.name)
        var words = [first ? "-A" : "-a", "\(action),\(list == .uring ? "io_uring" : "exit")"]
        var rest = fields[...]
        // The architecture comes before the calls that it explains.
        if let machine {
            words += ["-F", "arch=\(machine.name)"]
            rest.removeAll { $0.field == UInt32(NA_AUDIT_FIELD_ARCH) }
        }
        if !calls.isEmpty {
            words += ["-S", (names.count == calls.count ? names : calls.map(String.init)).joined(separator: ",")]
        }
        for field in rest { words += ["-F", field.text(path: path)] }
        return (words + ["-k", key]).joined(separator: " ")
    }

    private var machine: AuditRuleSet.Machine? {
        let architecture = fields.first { $0.field == UInt32(NA_AUDIT_FIELD_ARCH) }?.value
        return AuditRuleSet.machines.first { $0.architecture == architecture }
    }
}

extension AuditRule.Field {
    /// - Parameter path: the rule's, for a field that stands for it.
    fileprivate func text(path: String) -> String {
        let name: String
        switch Int(field) {
        case NA_AUDIT_FIELD_PID: name = "pid"
        case NA_AUDIT_FIELD_ARCH: name = "arch"
        case NA_AUDIT_FIELD_DEVMAJOR: name = "devmajor"
        case NA_AUDIT_FIELD_INODE: name = "inode"
        case NA_AUDIT_FIELD_EXIT: return "exit\(comparison.sign)\(Int32(bitPattern: value))"
        case NA_AUDIT_FIELD_SUCCESS: name = "success"
        case NA_AUDIT_FIELD_WATCH: return "path\(comparison.sign)\(path)"
        case NA_AUDIT_FIELD_DIR: return "dir\(comparison.sign)\(path)"
        case NA_AUDIT_FIELD_PERM:
            let mode = AuditPlan.AccessMode(rawValue: value)
            return "perm\(comparison.sign)\(mode.contains(.read) ? "r" : "")\(mode.contains(.write) ? "w" : "")"
        case NA_AUDIT_FIELD_FILETYPE: return "filetype\(comparison.sign)\(value == 0o060000 ? "block" : String(value))"
        case NA_AUDIT_FIELD_ARG0...(NA_AUDIT_FIELD_ARG0 + 3):
            return "a\(Int(field) - NA_AUDIT_FIELD_ARG0)\(comparison.sign)0x\(String(value, radix: 16))"
        default: name = "f\(field)"
        }
        return "\(name)\(comparison.sign)\(value)"
    }
}

extension AuditRule.Comparison {
    fileprivate var sign: String {
        switch self {
        case .equal: "="
        case .notEqual: "!="
        case .anyBit: "&"
        case .allBits: "&="
        case .atLeast: ">="
        case .below: "<"
        }
    }
}
