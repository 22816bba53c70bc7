package import EventModel

/// Turns an assembled audit event into the shape that all sources share.
///
/// It keeps its buffers: an event that nobody wants costs a look at two numbers, one that is wanted costs no allocation.
package struct AuditNormalizer: ~Copyable {
    /// A file below /sys whose opens count under whichever name and in whichever instance of sysfs.
    package struct WatchedObject: Sendable, Equatable {
        /// Absolute, as rules name it: `/sys/kernel/uevent_helper`.
        package var path: String
        /// The file's inode number, the same in each sysfs; nil while it does not exist.
        package var inode: UInt64?
        /// Its directory's.
        package var parentInode: UInt64?

        package init(path: String, inode: UInt64?, parentInode: UInt64?) {
            self.path = path
            self.inode = inode
            self.parentInode = parentInode
        }
    }

    private struct Watch {
        var path: [UInt8]
        /// Where the last component begins.
        var nameStart: Int
        var inode: UInt64?
        var parentInode: UInt64?
    }

    /// The PATH records that count, out of any number.
    private struct Paths {
        /// What the call is about, and the watched file that it is, if it is one.
        var object: AuditNormalizerPath?
        var watch: Int?
        var rank = -1
        /// The directory of a name that was to be created.
        var parent: AuditNormalizerPath?
        /// A name that led to no file.
        var missing: AuditNormalizerPath?
        /// Of a link or a rename: the other name.
        var target: AuditNormalizerPath?
    }

    private let watches: [Watch]
    private let wanted: UInt64
    /// A path on its way to its normal form.
    private var path: [UInt8] = []

    /// - Parameters:
    ///   - watched: files under a canonical name.
    ///   - wanted: the event types to deliver; the others end at once.
    package init(watched: [WatchedObject] = [], wanted: Set<EventType> = Set(EventType.allCases)) {
        watches = watched.map { object in
            let bytes = Array(object.path.utf8)
            let slash = bytes.lastIndex(of: UInt8(ascii: "/")) ?? -1
            return Watch(
                path: bytes, nameStart: slash + 1, inode: object.inode, parentInode: object.parentInode)
        }
        self.wanted = wanted.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
        path.reserveCapacity(Self.pathCapacity)
    }

    /// A working directory and a name, each 4,096 bytes at most.
    private static let pathCapacity = 2 * 4096 + 16

    /// Fills `output` with the event, or leaves it alone and returns false when nobody wants it.
    ///
    /// - Parameter received: monotonic nanoseconds at which the event's last record left the socket.
    package mutating func normalize(_ event: AuditEvent, received: UInt64, into output: inout KernelEvent) -> Bool {
        guard !event.isUserRange else { return false }
        var isUring = false
        var type = event.call.flatMap { call in
            AuditNormalizerCalls.type(architecture: call.architecture, number: call.number)
        }
        if !isWanted(type) {
            // An operation that io_uring runs inline shares its event with the SYSCALL record of io_uring_enter. One that a
            // worker's thread runs may leave the name and its directory in the call's event, and nothing in its own.
            if event.hasUringOperation {
                type = uringType(event)
            } else if event.call?.number == AuditNormalizerCalls.uringEnter {
                type = .openat
            } else {
                return false
            }
            isUring = true
        }
        guard let type, isWanted(type) else { return false }

        output.reset()
        output.source = .audit
        output.type = type
        output.time = event.stamp.time &* 1_000_000
        output.received = received
        output.serial = event.stamp.serial
        output.isIOUring = isUring
        output.isComplete = event.isComplete
        readCall(event, type: type, isUring: isUring, into: &output)

        let paths = choosePaths(event, type: type, mayHaveFailed: output.result.map { $0 < 0 } ?? true)
        // What a bare io_uring_enter did is known by what it touched only.
        if isUring, !event.hasUringOperation, paths.watch == nil, paths.object?.file?.isBlockDevice != true {
            return false
        }
        fillObject(event, paths, into: &output)
        return true
    }

    private func isWanted(_ type: EventType?) -> Bool {
        guard let type else { return false }
        return wanted >> UInt64(type.rawValue) & 1 == 1
    }

    /// The first wanted one among an event's io_uring operations.
    private func uringType(_ event: AuditEvent) -> EventType? {
        var cursor = 0
        while let record = event.next(&cursor) {
            if let type = uringType(record), isWanted(type) { return type }
        }
        return nil
    }

    private func uringType(_ record: borrowing AuditEvent.Record) -> EventType? {
        guard record.type == AuditRecordType.uringOperation,
            let uring = AuditUringOperation(uring: record.payload, from: record.bodyOffset)
        else { return nil }
        return AuditNormalizerCalls.type(uringOperation: uring.operation)
    }

    // MARK: The call

    /// -EINPROGRESS.
    private static let inProgress: Int64 = -115

    private func readCall(_ event: AuditEvent, type: EventType, isUring: Bool, into output: inout KernelEvent) {
        var cursor = 0
        var hasOperation = false
        var how: UInt64?
        while let record = event.next(&cursor) {
            switch record.type {
            case AuditRecordType.syscall:
                readActor(record, isUring: isUring, into: &output)
            case AuditRecordType.uringOperation:
                guard isUring, !hasOperation, uringType(record) == type else { continue }
                readOperation(record, into: &output)
                hasOperation = true
            case AuditRecordType.cwd:
                var fields = AuditFieldCursor(at: record.bodyOffset)
                guard let field = fields.next(in: record.payload), field.key(in: record.payload) == AuditKey("cwd")
                else { continue }
                output.workingDirectory = field.decodeText(in: record.payload, into: &output)
            case AuditRecordType.openat2:
                var fields = AuditFieldCursor(at: record.bodyOffset)
                guard let field = fields.next(in: record.payload), field.key(in: record.payload) == AuditKey("oflag")
                else { continue }
                how = AuditNumber.octal(field.value(in: record.payload))
            case AuditRecordType.socketAddress where type.isNetwork:
                Self.readAddress(record, into: &output)
            default:
                continue
            }
        }
        guard !isUring else { return }
        if type.isExec { Self.readArguments(event, into: &output) }
        if type == .socket { Self.readSocket(into: &output) }
        // A connection that goes on being made is a stream's.
        if type == .connect, output.remote != nil, output.result == Self.inProgress { output.transport = .tcp }
        output.openFlags = how ?? AuditNormalizerCalls.openFlags(type, output.arguments)
        output.creationMode = AuditNormalizerCalls.creationMode(type, output.arguments)
    }

    /// The SYSCALL record. Of an io_uring event it tells who, but not what: its call is io_uring_enter.
    private func readActor(
        _ record: borrowing AuditEvent.Record, isUring: Bool, into output: inout KernelEvent
    ) {
        let payload = record.payload
        var fields = AuditFieldCursor(at: record.bodyOffset)
        while let field = fields.next(in: payload) {
            let key = field.key(in: payload)
            if key == AuditKey("key") {
                // What follows is the label's or auditd's.
                return
            }
            if key == AuditKey("arch") {
                output.architecture =
                    AuditNumber.hexadecimal(field.value(in: payload)).flatMap { UInt32(exactly: $0) } ?? 0
            } else if key == AuditKey("exit") {
                if !isUring { output.result = AuditNumber.signedDecimal(field.value(in: payload)) }
            } else if key == AuditKey("a0") {
                if !isUring { output.arguments[0] = AuditNumber.hexadecimal(field.value(in: payload)) ?? 0 }
            } else if key == AuditKey("a1") {
                if !isUring { output.arguments[1] = AuditNumber.hexadecimal(field.value(in: payload)) ?? 0 }
            } else if key == AuditKey("a2") {
                if !isUring { output.arguments[2] = AuditNumber.hexadecimal(field.value(in: payload)) ?? 0 }
            } else if key == AuditKey("a3") {
                if !isUring { output.arguments[3] = AuditNumber.hexadecimal(field.value(in: payload)) ?? 0 }
            } else if key == AuditKey("comm") {
                output.comm = field.decodeText(in: payload, into: &output)
            } else if key == AuditKey("exe") {
                output.executable = field.decodeText(in: payload, into: &output)
            } else if key == AuditKey("tty") {
                // Not an untrusted string: hex digits in it are its name. `(none)` stands for no terminal.
                let value = field.value(in: payload)
                if value.count > 0, value[0] != UInt8(ascii: "("), value[0] != UInt8(ascii: "?") {
                    output.terminal = output.append(value)
                }
            } else {
                readIdentity(field, key, payload, into: &output)
            }
        }
    }

    private func readOperation(_ record: borrowing AuditEvent.Record, into output: inout KernelEvent) {
        let payload = record.payload
        var fields = AuditFieldCursor(at: record.bodyOffset)
        while let field = fields.next(in: payload) {
            let key = field.key(in: payload)
            if key == AuditKey("key") { return }
            // `success` and `exit` are left alone: io_uring completes a failed open with a 0 of its own, and that is what the
            // record says (docs/kernel-facts.md, "audit").
            readIdentity(field, key, payload, into: &output)
        }
    }

    private func readIdentity(
        _ field: AuditField, _ key: AuditKey, _ payload: Span<UInt8>, into output: inout KernelEvent
    ) {
        if key == AuditKey("pid") {
            output.pid = Self.pid(field.value(in: payload))
        } else if key == AuditKey("ppid") {
            output.parentPID = Self.pid(field.value(in: payload))
        } else if key == AuditKey("uid") {
            output.uid = Self.id(field.value(in: payload))
        } else if key == AuditKey("euid") {
            output.effectiveUID = Self.id(field.value(in: payload))
        } else if key == AuditKey("gid") {
            output.gid = Self.id(field.value(in: payload))
        } else if key == AuditKey("auid") {
            output.loginUID = Self.id(field.value(in: payload))
        }
    }

    private static func pid(_ digits: Span<UInt8>) -> Int32 {
        AuditNumber.decimal(digits).flatMap { Int32(exactly: $0) } ?? 0
    }

    /// 4294967295 stands for unset; so does what is no number. Very old records have -1.
    private static func id(_ digits: Span<UInt8>) -> UInt32 {
        AuditNumber.decimal(digits).flatMap { UInt32(exactly: $0) } ?? .max
    }

    // MARK: The file

    /// Picks among the PATH records. A watched file or a block device wins over the rest wherever it stands: many operations of
    /// one io_uring_enter share an event, and harmless names around it must not hide the one that counts.
    private func choosePaths(_ event: AuditEvent, type: EventType, mayHaveFailed: Bool) -> Paths {
        let takesFirst = AuditNormalizerCalls.isMount(type) || type.isExec
        let hasTarget = type.isLink || type.isRename
        var paths = Paths()
        var cursor = 0
        while true {
            let start = cursor
            guard let record = event.next(&cursor) else { break }
            guard record.type == AuditRecordType.path else { continue }
            let path = AuditNormalizerPath(record, at: start)
            if path.kind == .parent {
                if mayHaveFailed, paths.watch == nil, let watch = watchedParent(path, record) { paths.watch = watch }
                paths.parent = path
                continue
            }
            if hasTarget, paths.target == nil, path.kind != .create {
                paths.target = path
                continue
            }
            guard path.isObject, let file = path.file else {
                if path.name != nil { paths.missing = path }
                continue
            }
            var rank = path.kind == .create ? 1 : 0
            if file.isCharacterDevice { rank = 2 }
            if file.isBlockDevice { rank = 3 }
            let watch = watchedFile(path, record, mayHaveFailed: mayHaveFailed)
            if watch != nil { rank = 4 }
            let isBetter = takesFirst ? paths.object == nil || rank > max(paths.rank, 2) : rank >= paths.rank
            guard isBetter else { continue }
            paths.rank = rank
            paths.object = path
            if watch != nil { paths.watch = watch }
        }
        // A parent says only which directory. Where another record has the caller's words whole, those decide.
        if let watch = paths.watch, paths.rank < 4 {
            paths.watch = confirm(watch, event, paths)
        }
        return paths
    }

    private func watchedFile(
        _ path: AuditNormalizerPath, _ record: borrowing AuditEvent.Record, mayHaveFailed: Bool
    ) -> Int? {
        guard let file = path.file, file.deviceMajor == 0 else { return nil }
        for index in watches.indices {
            if watches[index].inode == file.inode, !path.isDirectory || isNamed(path, record, watches[index]) {
                return index
            }
            if mayHaveFailed, path.isDirectory, watches[index].parentInode == file.inode,
                isNamed(path, record, watches[index])
            {
                return index
            }
        }
        return nil
    }

    private func watchedParent(_ path: AuditNormalizerPath, _ record: borrowing AuditEvent.Record) -> Int? {
        guard let file = path.file, file.deviceMajor == 0 else { return nil }
        return watches.firstIndex { $0.parentInode == file.inode }
    }

    /// Of the watched files in a directory the one that the caller named; the first, when no record has the last component
    /// (a PARENT record's name is cut behind its directory); none, when it named another.
    private func confirm(_ watch: Int, _ event: AuditEvent, _ paths: Paths) -> Int? {
        guard let words = paths.object ?? paths.missing, let name = words.name else { return watch }
        var cursor = words.cursor
        guard let record = event.next(&cursor) else { return watch }
        // On a worker's thread of io_uring the kernel has no words: `name=(null)`.
        if case .absent = name.textForm(in: record.payload) { return watch }
        return watches.indices.first {
            watches[$0].parentInode == watches[watch].parentInode && isNamed(words, record, watches[$0])
        }
    }

    /// Whether the last component of the record's name is the watched file's.
    private func isNamed(_ path: AuditNormalizerPath, _ record: borrowing AuditEvent.Record, _ watch: Watch) -> Bool {
        guard let field = path.name else { return false }
        let bytes = field.value(in: record.payload)
        let stride: Int
        switch field.textForm(in: record.payload) {
        case .absent: return false
        case .plain: stride = 1
        case .hexadecimal: stride = 2
        }
        var end = bytes.count / stride
        while end > 1, Self.byte(end - 1, of: bytes, stride) == UInt8(ascii: "/") { end -= 1 }
        let length = watch.path.count - watch.nameStart
        guard end >= length else { return false }
        for offset in 0..<length {
            let byte = Self.byte(end - length + offset, of: bytes, stride)
            if byte != watch.path[watch.nameStart + offset] { return false }
        }
        return end == length || Self.byte(end - length - 1, of: bytes, stride) == UInt8(ascii: "/")
    }

    /// One byte of a name that is written with one or two characters a byte.
    private static func byte(_ index: Int, of bytes: Span<UInt8>, _ stride: Int) -> UInt8 {
        if stride == 1 { return bytes[index] }
        let high = AuditNumber.hexadecimalDigit(bytes[index &* 2]) ?? 0
        let low = AuditNumber.hexadecimalDigit(bytes[index &* 2 &+ 1]) ?? 0
        return high << 4 | low
    }

    private mutating func fillObject(_ event: AuditEvent, _ paths: Paths, into output: inout KernelEvent) {
        output.object = paths.object?.file
        output.rawName = Self.words(of: paths.object ?? paths.missing ?? paths.parent, event, into: &output)
        if output.type.isLink || output.type.isRename {
            let words = Self.words(of: paths.target, event, into: &output)
            // A symbolic link holds the words themselves, and they count from where it lies.
            let isKept = output.type == .symlink || output.type == .symlinkat
            let isRelative = AuditNormalizerCalls.isTargetRelativeToWorkingDirectory(output.type, output.arguments)
            output.target =
                isKept ? words : absolute(words, isRelative: isRelative, isDirectoryOnly: false, of: &output)
        }
        if let watch = paths.watch {
            let canonical = watches[watch].path
            output.name = output.append(canonical.span)
            output.filesystem = .sysfs
            return
        }
        // Only the directory of the name is known: the slash at the end says so.
        let isDirectoryOnly = paths.object == nil && paths.missing == nil && paths.parent != nil
        let isRelative = AuditNormalizerCalls.isRelativeToWorkingDirectory(output.type, output.arguments)
        let name = absolute(output.rawName, isRelative: isRelative, isDirectoryOnly: isDirectoryOnly, of: &output)
        if name.isPresent { output.name = name }
    }

    private static func words(
        of path: AuditNormalizerPath?, _ event: AuditEvent, into output: inout KernelEvent
    ) -> TextRange {
        guard let path, let name = path.name else { return .none }
        var cursor = path.cursor
        guard let record = event.next(&cursor) else { return .none }
        return name.decodeText(in: record.payload, into: &output)
    }

    /// The caller's words as an absolute path without `.`, `..` and doubled slashes. Symbolic links are not followed: what they
    /// led to is the object.
    ///
    /// - Parameter isRelative: relative words count from the working directory.
    private mutating func absolute(
        _ words: TextRange, isRelative: Bool, isDirectoryOnly: Bool, of output: inout KernelEvent
    ) -> TextRange {
        guard words.isPresent, words.count > 0 else { return .none }
        path.removeAll(keepingCapacity: true)
        if output.text[Int(words.offset)] != UInt8(ascii: "/") {
            guard !output.isIOUring, output.workingDirectory.isPresent, isRelative else { return words }
            push(output.workingDirectory, of: output)
        }
        push(words, of: output)
        if path.isEmpty || (isDirectoryOnly && path.last != UInt8(ascii: "/")) { path.append(UInt8(ascii: "/")) }
        return output.append(path.span)
    }

    private mutating func push(_ range: TextRange, of event: borrowing KernelEvent) {
        var index = Int(range.offset)
        let end = index + Int(range.count)
        while index < end {
            while index < end, event.text[index] == UInt8(ascii: "/") { index += 1 }
            let start = index
            while index < end, event.text[index] != UInt8(ascii: "/") { index += 1 }
            let length = index - start
            if length == 0 || (length == 1 && event.text[start] == UInt8(ascii: ".")) { continue }
            if length == 2, event.text[start] == UInt8(ascii: "."), event.text[start + 1] == UInt8(ascii: ".") {
                while let last = path.popLast(), last != UInt8(ascii: "/") {}
                continue
            }
            guard path.count + 1 + length <= Self.pathCapacity else { return }
            path.append(UInt8(ascii: "/"))
            for position in start..<index { path.append(event.text[position]) }
        }
    }
}
