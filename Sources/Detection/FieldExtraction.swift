package import EventModel

/// Reads fields off an event and, where it is there, its attribution. Without attribution its fields are `unknown`, and
/// nothing here allocates for those that the event alone answers (but for `evt.arg.flags` with several flags).
package enum FieldExtraction {
    /// - Parameters:
    ///   - index: the number in `proc.aname[N]`, -1 for none.
    ///   - attribution: nil in the first phase.
    package static func value(
        of field: FieldID, index: Int, event: KernelEvent, attribution: Attribution?
    ) -> FieldValue {
        switch field {
        case .evtType: .text(event.type.name)
        case .evtTime: .number(Int64(clamping: event.time))
        case .evtNum: .number(Int64(event.serial))
        case .evtRes: resultName(event)
        case .evtRawres: event.result.map(FieldValue.number) ?? .missing
        case .evtFailed: failed(event)
        case .evtIsOpenRead: access(event) { $0 == 0 || $0 == 2 || $0 == 3 }
        case .evtIsOpenWrite: access(event) { $0 != 0 }
        case .evtIsOpenPath: openFlags(event).map { .boolean($0 & OpenFlag.path != 0) } ?? .missing
        case .evtIsIOUring: .boolean(event.isIOUring)
        case .evtIsComplete: .boolean(event.isComplete)
        case .evtSource: .text(event.source.name)
        case .evtArgFlags: openFlags(event).map { .text(OpenFlag.names($0)) } ?? .missing
        case .evtArgMode: event.creationMode.map { .text("0" + String($0, radix: 8)) } ?? .missing
        case .evtArgCmd: command(event)
        case .evtArgCgroups: text(event.cgroups)
        case .fdName: text(event.name)
        case .fdNameraw: text(event.rawName)
        case .fdFilename: path(event, isDirectory: false)
        case .fdDirectory: path(event, isDirectory: true)
        case .fdNum: descriptor(event)
        case .fdTypechar: isAboutFile(event) ? .text("f") : .missing
        case .fdFstype: event.filesystem.name.map(FieldValue.text) ?? .missing
        case .fdProcPID: event.procfsEntry.map { .number(Int64($0.pid)) } ?? .missing
        case .fileType: event.object.flatMap { fileType($0.kind) }.map(FieldValue.text) ?? .missing
        case .fileDevice: event.object.map { .text($0.device.description) } ?? .missing
        case .fileNode: node(event).map { .text($0.description) } ?? .missing
        case .fileInode: event.object.map { .number(Int64(clamping: $0.inode)) } ?? .missing
        case .nodeType: nodeType(event)
        case .userUID: userID(event, attribution)
        case .userLoginuid: .number(event.loginUID == .max ? -1 : Int64(event.loginUID))
        case .groupGID: event.gid == .max ? .missing : .number(Int64(event.gid))
        default: attribution.map { value(of: field, index: index, event: event, known: $0) } ?? .unknown
        }
    }

    static func text(_ range: TextRange) -> FieldValue {
        range.isPresent ? .eventText(offset: Int(range.offset), count: Int(range.count)) : .missing
    }

    /// A source that tells of successes only says nothing of a result.
    private static func failed(_ event: KernelEvent) -> FieldValue {
        guard let result = event.result else { return event.source == .fanotify ? .boolean(false) : .missing }
        return .boolean(result < 0)
    }

    private static func resultName(_ event: KernelEvent) -> FieldValue {
        guard let result = event.result else { return event.source == .fanotify ? .text("SUCCESS") : .missing }
        if result >= 0 { return .text("SUCCESS") }
        return .text(ErrorName.name(ofResult: result) ?? String(result))
    }

    private static func openFlags(_ event: KernelEvent) -> UInt64? {
        guard event.type.isOpen || event.type == .openByHandleAt else { return nil }
        return event.openFlags ?? (event.type == .creat ? OpenFlag.creat : nil)
    }

    /// `O_PATH` gives neither access, whatever the mode says.
    private static func access(_ event: KernelEvent, _ isAllowed: (UInt64) -> Bool) -> FieldValue {
        guard let flags = openFlags(event) else { return .missing }
        return .boolean(flags & OpenFlag.path == 0 && isAllowed(flags & OpenFlag.accessMode))
    }

    private static func command(_ event: KernelEvent) -> FieldValue {
        guard event.type == .fsconfig, event.source == .audit else { return .missing }
        let name =
            switch event.arguments[1] {
            case 0: "FSCONFIG_SET_FLAG"
            case 1: "FSCONFIG_SET_STRING"
            case 2: "FSCONFIG_SET_BINARY"
            case 3: "FSCONFIG_SET_PATH"
            case 4: "FSCONFIG_SET_PATH_EMPTY"
            case 5: "FSCONFIG_SET_FD"
            case 6: "FSCONFIG_CMD_CREATE"
            case 7: "FSCONFIG_CMD_RECONFIGURE"
            case 8: "FSCONFIG_CMD_CREATE_EXCL"
            default: String(event.arguments[1])
            }
        return .text(name)
    }

    private static func path(_ event: KernelEvent, isDirectory: Bool) -> FieldValue {
        let range = event.name.isPresent ? event.name : event.rawName
        guard range.isPresent else { return .missing }
        let start = Int(range.offset)
        let end = start + Int(range.count)
        var slash = end - 1
        let bytes = event.text.span
        while slash >= start, bytes[slash] != UInt8(ascii: "/") { slash -= 1 }
        if !isDirectory { return .eventText(offset: slash + 1, count: end - slash - 1) }
        if slash < start { return .missing }
        return .eventText(offset: start, count: max(slash - start, 1))
    }

    private static func descriptor(_ event: KernelEvent) -> FieldValue {
        guard event.type.isOpen || event.type == .openByHandleAt, let result = event.result else { return .missing }
        return .number(max(result, -1))
    }

    private static func isAboutFile(_ event: KernelEvent) -> Bool {
        guard event.type.isOpen || event.type == .openByHandleAt || event.type == .write else { return false }
        return event.object != nil || event.name.isPresent || event.rawName.isPresent
    }

    /// The name of an S_IFMT value.
    private static func fileType(_ kind: UInt32) -> String? {
        switch kind {
        case 0o060000: "block"
        case 0o020000: "character"
        case 0o100000: "regular"
        case 0o040000: "directory"
        case 0o120000: "symlink"
        case 0o010000: "fifo"
        case 0o140000: "socket"
        default: nil
        }
    }

    /// The device that a node stands for; for a mknod that failed, the one that was asked for.
    static func node(_ event: KernelEvent) -> DeviceNumber? {
        if let object = event.object, object.isBlockDevice || object.isCharacterDevice { return object.node }
        guard event.source == .audit, let kind = creationKind(event), kind == 0o060000 || kind == 0o020000 else {
            return nil
        }
        // The kernel's own packing of the argument: minor 0-7, major 8-19, minor 20-31 (include/linux/kdev_t.h).
        let device = UInt32(truncatingIfNeeded: event.type == .mknod ? event.arguments[2] : event.arguments[3])
        return DeviceNumber(major: (device >> 8) & 0xFFF, minor: (device & 0xFF) | ((device >> 12) & 0xFFF00))
    }

    /// mknod(2): no type means a regular file.
    private static func creationKind(_ event: KernelEvent) -> UInt32? {
        guard event.type == .mknod || event.type == .mknodat, let mode = event.creationMode else { return nil }
        return mode & 0o170000 == 0 ? 0o100000 : mode & 0o170000
    }

    private static func nodeType(_ event: KernelEvent) -> FieldValue {
        creationKind(event).flatMap(fileType).map(FieldValue.text) ?? .missing
    }

    private static func userID(_ event: KernelEvent, _ attribution: Attribution?) -> FieldValue {
        if event.uid != .max { return .number(Int64(event.uid)) }
        guard let attribution else { return .unknown }
        guard let uid = attribution.process?.uid, uid != .max else { return .missing }
        return .number(Int64(uid))
    }
}
