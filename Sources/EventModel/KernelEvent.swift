/// A piece of a `KernelEvent`'s text; `.none` where the source did not tell.
package struct TextRange: Equatable, Sendable, BitwiseCopyable {
    package var offset: UInt32
    package var count: UInt32
    package init(offset: UInt32, count: UInt32) {
        self.offset = offset
        self.count = count
    }
    package static let none = TextRange(offset: .max, count: 0)
    package var isPresent: Bool { offset != .max }
}

/// The file that an event is about, as the kernel identifies it (never by its name).
package struct FileObject: Equatable, Sendable, BitwiseCopyable {
    package var deviceMajor: UInt32
    package var deviceMinor: UInt32
    package var inode: UInt64
    /// `st_mode`: type and permission bits.
    package var mode: UInt32
    /// The device that a block or character node stands for; 0:0 for other files.
    package var nodeMajor: UInt32
    package var nodeMinor: UInt32

    package init(
        deviceMajor: UInt32, deviceMinor: UInt32, inode: UInt64, mode: UInt32, nodeMajor: UInt32, nodeMinor: UInt32
    ) {
        self.deviceMajor = deviceMajor
        self.deviceMinor = deviceMinor
        self.inode = inode
        self.mode = mode
        self.nodeMajor = nodeMajor
        self.nodeMinor = nodeMinor
    }

    package var device: DeviceNumber { DeviceNumber(major: deviceMajor, minor: deviceMinor) }
    package var node: DeviceNumber { DeviceNumber(major: nodeMajor, minor: nodeMinor) }
    /// S_IFMT of the mode.
    package var kind: UInt32 { mode & 0o170000 }
    package var isBlockDevice: Bool { kind == 0o060000 }
    package var isCharacterDevice: Bool { kind == 0o020000 }
}

/// The entry of a process in some procfs, as `/proc/1/environ` names one.
package struct ProcfsEntry: Equatable, Sendable, BitwiseCopyable {
    /// The pid in the path, counted in that procfs' own pid namespace.
    package var pid: Int32
    /// The same process in the initial pid namespace; 0 where it is not known.
    package var hostPID: Int32
    /// Inode of the procfs' pid namespace; 0 where it is not known.
    package var pidNamespace: UInt64
    package init(pid: Int32, hostPID: Int32, pidNamespace: UInt64) {
        self.pid = pid
        self.hostPID = hostPID
        self.pidNamespace = pidNamespace
    }
}

/// One act that the kernel told of, normalised: the same shape whichever source it came from.
///
/// The pipeline keeps one value and fills it anew for each event (`reset`), so that an event that matches no rule costs no
/// allocation; a copy (for a candidate that waits) takes the text with it.
package struct KernelEvent: Sendable {
    package var source: EventSource = .audit
    package var type: EventType = .other
    /// When it happened: nanoseconds since the epoch, the kernel's own stamp (audit: a millisecond's resolution; fanotify
    /// carries none, there it is the time of reading).
    package var time: UInt64 = 0
    /// CLOCK_MONOTONIC nanoseconds at which it left the socket.
    package var received: UInt64 = 0
    /// The audit event's serial, else 0.
    package var serial: UInt32 = 0
    /// Thread group id of the actor in the initial pid namespace.
    package var pid: Int32 = 0
    package var parentPID: Int32 = 0
    /// Ids in the initial user namespace; `UInt32.max` where unset or not told.
    package var uid: UInt32 = .max
    package var effectiveUID: UInt32 = .max
    package var gid: UInt32 = .max
    package var loginUID: UInt32 = .max
    /// AUDIT_ARCH_…: `c000003e` x86_64, `40000003` i386; 0 where not told.
    package var architecture: UInt32 = 0
    package var isIOUring = false
    /// The call's return value, `-errno` when it failed; nil where the source tells of successes only (fanotify) or of
    /// acts that have no result.
    package var result: Int64?
    /// a0…a3 of the call as the kernel logged them.
    package var arguments: InlineArray<4, UInt64> = [0, 0, 0, 0]
    /// The open flags (`O_…`), where the record or its arguments carry them.
    package var openFlags: UInt64?
    /// The mode argument of mknod and creat.
    package var creationMode: UInt32?
    package var object: FileObject?
    package var filesystem: FilesystemKind = .unknown
    package var procfsEntry: ProcfsEntry?
    /// What the descriptor of the call leads to.
    package var descriptor: DescriptorKind = .unknown
    package var transport: Transport = .unknown
    /// The peer of a connection, where the source tells it.
    package var remote: SocketAddress?
    package var local: SocketAddress?
    /// The records of the event came whole; false when some are missing or came after a loss.
    package var isComplete = true

    /// The object's path where the kernel or its inode tells it, else the caller's words made absolute.
    package var name: TextRange = .none
    /// The caller's words.
    package var rawName: TextRange = .none
    package var comm: TextRange = .none
    package var executable: TextRange = .none
    package var workingDirectory: TextRange = .none
    package var terminal: TextRange = .none
    /// Of a process that left its container's cgroup: the cgroups in which it is now.
    package var cgroups: TextRange = .none
    /// Of an exec: its arguments, the name that it was called by first, each closed by a NUL.
    package var commandLine: TextRange = .none
    /// What a link leads to, as the caller wrote it for a symbolic one; the former name of what is renamed.
    package var target: TextRange = .none
    /// The bytes that the ranges above lie in.
    package private(set) var text: [UInt8] = []

    package init() {
        text.reserveCapacity(Self.textCapacity)
    }

    /// More text than this is cut: a path is at most 4,096 bytes, and an event holds a handful.
    package static let textCapacity = 32 * 1024

    /// Empties the event and keeps its buffer.
    package mutating func reset() {
        text.removeAll(keepingCapacity: true)
        source = .audit
        type = .other
        time = 0
        received = 0
        serial = 0
        pid = 0
        parentPID = 0
        uid = .max
        effectiveUID = .max
        gid = .max
        loginUID = .max
        architecture = 0
        isIOUring = false
        result = nil
        arguments = [0, 0, 0, 0]
        openFlags = nil
        creationMode = nil
        object = nil
        filesystem = .unknown
        procfsEntry = nil
        descriptor = .unknown
        transport = .unknown
        remote = nil
        local = nil
        isComplete = true
        name = .none
        rawName = .none
        comm = .none
        executable = .none
        workingDirectory = .none
        terminal = .none
        cgroups = .none
        commandLine = .none
        target = .none
    }

    /// A copy that holds no more memory than its text needs: for one that is kept.
    package var compacted: KernelEvent {
        var event = self
        event.text = text.map { $0 }
        return event
    }

    /// Adds bytes to the text; what does not fit in `textCapacity` is cut off.
    package mutating func append(_ bytes: Span<UInt8>) -> TextRange {
        let offset = text.count
        let count = min(bytes.count, Self.textCapacity - offset)
        for index in 0..<count { text.append(bytes[index]) }
        return TextRange(offset: UInt32(offset), count: UInt32(count))
    }

    /// Adds a string's UTF-8 to the text.
    package mutating func append(_ string: String) -> TextRange {
        let offset = text.count
        text.append(contentsOf: string.utf8.prefix(Self.textCapacity - offset))
        return TextRange(offset: UInt32(offset), count: UInt32(text.count - offset))
    }

    /// Opens a range that the caller fills byte by byte with `appendByte`; close it with `range(from:)`.
    package var textEnd: UInt32 { UInt32(text.count) }

    package mutating func appendByte(_ byte: UInt8) {
        if text.count < Self.textCapacity { text.append(byte) }
    }

    package func range(from offset: UInt32) -> TextRange {
        TextRange(offset: offset, count: UInt32(text.count) - offset)
    }

    /// The range's bytes; empty for `.none`.
    package func bytes(_ range: TextRange) -> ArraySlice<UInt8> {
        guard range.isPresent else { return [] }
        return text[Int(range.offset)..<Int(range.offset + range.count)]
    }

    /// The range as text, bytes that are no UTF-8 replaced; nil for `.none`.
    package func string(_ range: TextRange) -> String? {
        guard range.isPresent else { return nil }
        return String(decoding: bytes(range), as: UTF8.self)
    }
}
