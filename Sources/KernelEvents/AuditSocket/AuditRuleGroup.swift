import EventModel

/// The groups that our kernel rules come in; a group's name is its rules' key and ends up in every record they make.
package enum AuditRuleGroup: String, Sendable, CaseIterable {
    /// Mounts.
    case call
    /// Block device nodes made.
    case node
    /// Block devices opened.
    case block
    /// Watched files and their directories, by inode.
    case watch
    /// Opens for writing that found no file: their volume is in the hands of whoever calls.
    case missing
    /// Programs started.
    case exec
    /// Sockets made, connected, listened on.
    case network
    /// Descriptors given another number.
    case descriptor
    /// What changes what a process is, may do or sees: traces, modules, namespaces, ids.
    case process
    /// Names made, moved and taken away; modes.
    case name
    /// Opens of single files of the host.
    case file
    /// Opens below directories of the host.
    case directory
    /// Opens that cut a file off.
    case truncation
    /// Opens for writing where containers have their files.
    case write

    /// Whose rules a call belongs to where nothing but its type is asked for.
    static func of(_ type: EventType) -> AuditRuleGroup {
        switch type {
        case .execve, .execveat: .exec
        case .socket, .connect, .accept, .accept4, .bind, .listen, .sendto, .sendmsg: .network
        case .dup, .dup2, .dup3: .descriptor
        case .symlink, .symlinkat, .link, .linkat, .unlink, .unlinkat, .rmdir, .mkdir, .mkdirat, .rename, .renameat,
            .renameat2, .chmod, .fchmod, .fchmodat:
            .name
        case .mount, .umount2, .fsopen, .fsconfig, .fsmount, .moveMount, .openTree, .mountSetattr: .call
        case .mknod, .mknodat: .node
        default: .process
        }
    }

    /// What others see of it, `nodeagent-missing`.
    package var key: String { AuditRule.keyPrefix + rawValue }
}

extension AuditEvent {
    /// The group of ours that asked for this event; nil for an event of others' rules.
    package var ownGroup: AuditRuleGroup? {
        var cursor = 0
        while let record = next(&cursor) {
            guard record.type == AuditRecordType.syscall || record.type == AuditRecordType.uringOperation else {
                continue
            }
            let payload = record.payload
            var fields = AuditFieldCursor(at: record.bodyOffset)
            while let field = fields.next(in: payload) {
                if field.key(in: payload) == AuditKey("key") { return Self.group(field.value(in: payload)) }
            }
        }
        return nil
    }

    /// A key stands plain, or several in hexadecimal with \u{1} between them.
    private static func group(_ value: Span<UInt8>) -> AuditRuleGroup? {
        AuditRuleGroup.allCases.first { contains(value, $0.key, isHexadecimal: false) }
            ?? AuditRuleGroup.allCases.first { contains(value, $0.key, isHexadecimal: true) }
    }

    private static func contains(_ value: Span<UInt8>, _ key: String, isHexadecimal: Bool) -> Bool {
        let utf8 = key.utf8
        let width = isHexadecimal ? 2 : 1
        let length = utf8.count * width
        guard value.count >= length else { return false }
        for start in 0...(value.count - length) {
            var offset = start
            var isEqual = true
            for byte in utf8 {
                if isHexadecimal {
                    let high = AuditNumber.hexadecimalDigit(value[offset]) ?? 16
                    let low = AuditNumber.hexadecimalDigit(value[offset + 1]) ?? 16
                    isEqual = high < 16 && low < 16 && high << 4 | low == byte
                } else {
                    isEqual = value[offset] == byte
                }
                guard isEqual else { break }
                offset += width
            }
            if isEqual { return true }
        }
        return false
    }
}
