import EventModel

/// Which calls of which architecture are which event, and where their arguments are.
enum AuditNormalizerCalls {
    static let x86_64: UInt32 = 0xC000_003E
    static let i386: UInt32 = 0x4000_0003
    static let aarch64: UInt32 = 0xC000_00B7
    static let x32Bit: UInt32 = 0x4000_0000

    /// io_uring_enter, the same number on every architecture.
    static let uringEnter: UInt32 = 426

    /// IORING_OP_OPENAT and IORING_OP_OPENAT2.
    static func type(uringOperation: UInt32) -> EventType? {
        switch uringOperation {
        case 18: .openat
        case 28: .openat2
        default: nil
        }
    }

    /// The open flags in a0…a3; nil where they are elsewhere (openat2's come in a record of their own).
    static func openFlags(_ type: EventType, _ arguments: InlineArray<4, UInt64>) -> UInt64? {
        switch type {
        case .open: arguments[1]
        case .openat, .openByHandleAt: arguments[2]
        // O_WRONLY, O_CREAT, O_TRUNC: what creat is defined as.
        case .creat: 0o1 | 0o100 | 0o1000
        default: nil
        }
    }

    static func creationMode(_ type: EventType, _ arguments: InlineArray<4, UInt64>) -> UInt32? {
        switch type {
        case .creat, .mknod, .chmod, .fchmod: UInt32(truncatingIfNeeded: arguments[1])
        case .mknodat, .fchmodat: UInt32(truncatingIfNeeded: arguments[2])
        default: nil
        }
    }

    /// Whether a relative name counts from the working directory, as far as a0…a3 tell.
    static func isRelativeToWorkingDirectory(_ type: EventType, _ arguments: InlineArray<4, UInt64>) -> Bool {
        switch type {
        case .openat, .openat2, .mknodat, .execveat, .openTree, .moveMount, .mountSetattr, .unlinkat, .mkdirat,
            .fchmodat:
            isWorkingDirectory(arguments[0])
        case .symlinkat: isWorkingDirectory(arguments[1])
        case .linkat, .renameat, .renameat2: isWorkingDirectory(arguments[2])
        default: true
        }
    }

    /// AT_FDCWD is an int: 64-bit callers pass it with or without the sign in the upper half.
    static func isWorkingDirectory(_ argument: UInt64) -> Bool { Int32(truncatingIfNeeded: argument) == -100 }

    /// The same of the other name that the call has, `KernelEvent.target`.
    static func isTargetRelativeToWorkingDirectory(_ type: EventType, _ arguments: InlineArray<4, UInt64>) -> Bool {
        switch type {
        case .linkat, .renameat, .renameat2: isWorkingDirectory(arguments[0])
        default: true
        }
    }

    static func isMount(_ type: EventType) -> Bool {
        switch type {
        case .mount, .umount2, .fsopen, .fsconfig, .fsmount, .moveMount, .openTree, .mountSetattr: true
        default: false
        }
    }
}
