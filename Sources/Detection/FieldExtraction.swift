package import EventModel

/// Reads fields off an event and, where it is there, its attribution. Without attribution its fields are `unknown`.
package enum FieldExtraction {
    /// A field's value outside of evaluation, as an alert has it.
    ///
    /// - Parameters:
    ///   - index: the number in `proc.aname[N]`, -1 for none.
    ///   - attribution: nil in the first phase.
    package static func value(
        of field: FieldID, index: Int, event: KernelEvent, attribution: Attribution?
    ) -> FieldValue {
        var store = ValueStore(count: 0)
        let value = read(field, index: index, event: event, attribution: attribution, into: &store)
        return FieldValue(value, in: store)
    }

    /// The same for evaluation: the bytes of what has to be made go into `store`.
    static func read(
        _ field: FieldID, index: Int, event: KernelEvent, attribution: Attribution?,
        into store: inout ValueStore
    ) -> Value {
        switch field {
        case .evtType: store.value(event.type.name)
        case .syscallType: event.source == .audit ? store.value(event.type.name) : .missing
        case .evtTime, .evtRawtime: store.value(event.time)
        case .evtNum: store.value(event.serial)
        case .evtRes: resultName(event, into: &store)
        case .evtRawres: event.result.map { .number($0) } ?? .missing
        case .evtFailed: failed(event)
        case .evtIsOpenRead: access(event) { $0 == 0 || $0 == 2 || $0 == 3 }
        case .evtIsOpenWrite: access(event) { $0 != 0 }
        case .evtIsOpenPath: openFlags(event).map { .boolean($0 & OpenFlag.path != 0) } ?? .missing
        case .evtIsIOUring: .boolean(event.isIOUring)
        case .evtIsComplete: .boolean(event.isComplete)
        case .evtSource: store.value(event.source.name)
        case .evtDir: store.value("<")
        case .evtArgFlags where !event.type.isExec: flags(event, into: &store)
        case .evtArgMode: mode(event, into: &store)
        case .evtArgCmd: command(event, into: &store)
        case .evtArgCgroups: text(event.cgroups)
        case .evtArgRequest, .evtArgDomain, .evtArgTarget, .evtArgLinkpath, .evtArgOldpath, .evtArgNewpath, .evtArgPath,
            .evtArgName, .evtArgFilename, .evtArgUID, .evtArgGID, .evtArgFD, .evtArgPID:
            argument(field, event, into: &store)
        case .fdName: name(event, into: &store)
        case .fdNameraw: text(event.rawName)
        case .fdFilename: path(event, isDirectory: false)
        case .fdDirectory: path(event, isDirectory: true)
        case .fdNum: descriptor(event)
        case .fdType, .fdTypechar, .fdIP, .fdCip, .fdSip, .fdLip, .fdRip, .fdNet, .fdCnet, .fdSnet, .fdLnet, .fdRnet,
            .fdPort, .fdCport, .fdSport, .fdLport, .fdRport, .fdL4proto, .fdSockfamily, .fdIsServer, .fdConnected,
            .fdNameChanged:
            descriptor(field, event, attribution, into: &store)
        case .fdFstype: store.value(event.filesystem.name)
        case .fdProcPID: event.procfsEntry.map { .number(Int64($0.pid)) } ?? .missing
        case .fileType: store.value(event.object.flatMap { fileType($0.kind) })
        case .fileDevice: device(event.object?.device, into: &store)
        case .fileNode: device(node(event), into: &store)
        case .fdDevMajor: event.object.map { .number(Int64($0.deviceMajor)) } ?? .missing
        case .fdDevMinor: event.object.map { .number(Int64($0.deviceMinor)) } ?? .missing
        case .fileInode, .fdIno: event.object.map { .number(Int64(clamping: $0.inode)) } ?? .missing
        case .nodeType: store.value(creationKind(event).flatMap(fileType))
        case .userUID: userID(event, attribution)
        case .userLoginuid: .number(event.loginUID == .max ? -1 : Int64(event.loginUID))
        case .groupGID: event.gid == .max ? .missing : .number(Int64(event.gid))
        // The record has the name that the process had at the act; the table's may be older or younger.
        case .procName where event.comm.isPresent: text(event.comm)
        case .procExepath where event.type.isExec && event.executable.isPresent: text(event.executable)
        case .procExe where event.commandLine.isPresent, .procCmdline where event.commandLine.isPresent,
            .procArgs where event.commandLine.isPresent, .procCmdnargs where event.commandLine.isPresent,
            .procExeline where event.commandLine.isPresent:
            commandLine(field, index: index, event, into: &store)
        case .procTty where event.source == .audit: terminal(event, into: &store)
        case .procCwd: workingDirectory(event, into: &store)
        case .procIsExeFromMemfd where event.executable.isPresent:
            .boolean(isInMemory(event.bytes(event.executable)))
        default: attribution.map { read(field, index: index, event: event, known: $0, into: &store) } ?? .unknown
        }
    }

    static func text(_ range: TextRange) -> Value {
        range.isPresent ? .eventText(offset: Int(range.offset), count: Int(range.count)) : .missing
    }

    /// A source that tells of successes only says nothing of a result.
    private static func failed(_ event: KernelEvent) -> Value {
        guard let result = event.result else { return event.source == .fanotify ? .boolean(false) : .missing }
        return .boolean(result < 0)
    }

    private static func resultName(_ event: KernelEvent, into store: inout ValueStore) -> Value {
        guard let result = event.result else { return event.source == .fanotify ? store.value("SUCCESS") : .missing }
        if result >= 0 { return store.value("SUCCESS") }
        if let name = ErrorName.name(ofResult: result) { return store.value(name) }
        let start = store.text.count
        store.append(UInt8(ascii: "-"))
        store.appendDecimal(result.magnitude)
        return store.value(from: start)
    }

    private static func openFlags(_ event: KernelEvent) -> UInt64? {
        guard event.type.isOpen || event.type == .openByHandleAt else { return nil }
        return event.openFlags ?? (event.type == .creat ? OpenFlag.creat : nil)
    }

    private static func flags(_ event: KernelEvent, into store: inout ValueStore) -> Value {
        guard let flags = openFlags(event) else { return .missing }
        let start = store.text.count
        OpenFlag.appendNames(flags, to: &store)
        return store.value(from: start)
    }

    /// Octal with a zero before it.
    private static func mode(_ event: KernelEvent, into store: inout ValueStore) -> Value {
        guard let mode = event.creationMode else { return .missing }
        let start = store.text.count
        store.append(UInt8(ascii: "0"))
        var digits = 1
        while digits < 11, mode >> (3 * UInt32(digits)) != 0 { digits += 1 }
        for digit in (0..<digits).reversed() {
            store.append(UInt8(ascii: "0") + UInt8((mode >> (3 * UInt32(digit))) & 7))
        }
        return store.value(from: start)
    }

    /// `8:1`.
    private static func device(_ device: DeviceNumber?, into store: inout ValueStore) -> Value {
        guard let device else { return .missing }
        let start = store.text.count
        store.appendDecimal(UInt64(device.major))
        store.append(UInt8(ascii: ":"))
        store.appendDecimal(UInt64(device.minor))
        return store.value(from: start)
    }

    /// `O_PATH` gives neither access, whatever the mode says.
    private static func access(_ event: KernelEvent, _ isAllowed: (UInt64) -> Bool) -> Value {
        guard let flags = openFlags(event) else { return .missing }
        return .boolean(flags & OpenFlag.path == 0 && isAllowed(flags & OpenFlag.accessMode))
    }

    private static let commands = [
        "FSCONFIG_SET_FLAG", "FSCONFIG_SET_STRING", "FSCONFIG_SET_BINARY", "FSCONFIG_SET_PATH",
        "FSCONFIG_SET_PATH_EMPTY", "FSCONFIG_SET_FD", "FSCONFIG_CMD_CREATE", "FSCONFIG_CMD_RECONFIGURE",
        "FSCONFIG_CMD_CREATE_EXCL",
    ]

    private static func command(_ event: KernelEvent, into store: inout ValueStore) -> Value {
        if event.type == .bpf { return bpfCommand(event.arguments[0], into: &store) }
        guard event.type == .fsconfig, event.source == .audit else { return .missing }
        let number = event.arguments[1]
        if number < UInt64(commands.count) { return store.value(commands[Int(number)]) }
        let start = store.text.count
        store.appendDecimal(number)
        return store.value(from: start)
    }

    private static func path(_ event: KernelEvent, isDirectory: Bool) -> Value {
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

    private static func descriptor(_ event: KernelEvent) -> Value {
        guard let result = event.result else { return .missing }
        switch event.type {
        case .openByHandleAt, .dup, .dup2, .dup3, .socket, .memfdCreate, .userfaultfd, .ioUringSetup:
            return .number(max(result, -1))
        case .accept, .accept4: return .number(max(result, -1))
        default: return event.type.isOpen ? .number(max(result, -1)) : argument(.evtArgFD, event)
        }
    }

    static func isAboutFile(_ event: KernelEvent) -> Bool {
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

    private static func userID(_ event: KernelEvent, _ attribution: Attribution?) -> Value {
        if event.uid != .max { return .number(Int64(event.uid)) }
        guard let attribution else { return .unknown }
        guard let uid = attribution.process?.uid, uid != .max else { return .missing }
        return .number(Int64(uid))
    }
}
