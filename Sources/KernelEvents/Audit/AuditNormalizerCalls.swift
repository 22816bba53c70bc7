import EventModel

/// Which calls of which architecture are which event, and where their arguments are.
///
/// The numbers are the kernel's (arch/x86/entry/syscalls/syscall_{64,32}.tbl, include/uapi/asm-generic/unistd.h).
enum AuditNormalizerCalls {
    static let x86_64: UInt32 = 0xC000_003E
    static let i386: UInt32 = 0x4000_0003
    static let aarch64: UInt32 = 0xC000_00B7
    private static let x32Bit: UInt32 = 0x4000_0000

    /// io_uring_enter, the same number on every architecture.
    static let uringEnter: UInt32 = 426

    static func type(architecture: UInt32, number: UInt32) -> EventType? {
        switch architecture {
        case x86_64:
            // x32 passes every kernel rule (docs/kernel-facts.md, audit), but a rule's other fields can bring its records.
            number & x32Bit == 0 ? ofX86(number) : ofX32(number & ~x32Bit)
        case i386: ofI386(number)
        case aarch64: ofAarch64(number)
        default: nil
        }
    }

    private static func ofX86(_ number: UInt32) -> EventType? {
        switch number {
        case 2: .open
        case 59: .execve
        case 85: .creat
        case 133: .mknod
        case 165: .mount
        case 166: .umount2
        case 257: .openat
        case 259: .mknodat
        case 304: .openByHandleAt
        case 322: .execveat
        default: common(number)
        }
    }

    /// x32 has numbers of its own for what passes pointers to pointers.
    private static func ofX32(_ number: UInt32) -> EventType? {
        switch number {
        case 520: .execve
        case 545: .execveat
        default: ofX86(number)
        }
    }

    private static func ofI386(_ number: UInt32) -> EventType? {
        switch number {
        case 5: .open
        case 8: .creat
        case 11: .execve
        case 14: .mknod
        case 21: .mount
        case 52: .umount2
        case 295: .openat
        case 297: .mknodat
        case 342: .openByHandleAt
        case 358: .execveat
        default: common(number)
        }
    }

    private static func ofAarch64(_ number: UInt32) -> EventType? {
        switch number {
        case 33: .mknodat
        case 39: .umount2
        case 40: .mount
        case 56: .openat
        case 221: .execve
        case 265: .openByHandleAt
        case 281: .execveat
        default: common(number)
        }
    }

    /// Calls from 424 on have one number on all architectures. 467 is open_tree_attr (6.15).
    private static func common(_ number: UInt32) -> EventType? {
        switch number {
        case 428, 467: .openTree
        case 429: .moveMount
        case 430: .fsopen
        case 431: .fsconfig
        case 432: .fsmount
        case 437: .openat2
        case 442: .mountSetattr
        default: nil
        }
    }

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
        case .creat, .mknod: UInt32(truncatingIfNeeded: arguments[1])
        case .mknodat: UInt32(truncatingIfNeeded: arguments[2])
        default: nil
        }
    }

    /// Whether a relative name counts from the working directory, as far as a0…a3 tell.
    static func isRelativeToWorkingDirectory(_ type: EventType, _ arguments: InlineArray<4, UInt64>) -> Bool {
        switch type {
        case .openat, .openat2, .mknodat, .execveat, .openTree, .moveMount, .mountSetattr:
            // AT_FDCWD is an int: 64-bit callers pass it with or without the sign in the upper half.
            Int32(truncatingIfNeeded: arguments[0]) == -100
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
