import EventModel

extension AuditNormalizerCalls {
    /// Which event a call is; nil for one that no rule can name.
    ///
    /// The numbers are the kernel's (arch/x86/entry/syscalls/syscall_{64,32}.tbl, include/uapi/asm-generic/unistd.h).
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
        case 32: .dup
        case 33: .dup2
        case 41: .socket
        case 42: .connect
        case 43: .accept
        case 44: .sendto
        case 46: .sendmsg
        case 49: .bind
        case 50: .listen
        case 56: .clone
        case 59: .execve
        case 62: .kill
        case 82: .rename
        case 83: .mkdir
        case 84: .rmdir
        case 85: .creat
        case 86: .link
        case 87: .unlink
        case 88: .symlink
        case 90: .chmod
        case 91: .fchmod
        case 101: .ptrace
        case 105: .setuid
        case 106: .setgid
        case 126: .capset
        case 133: .mknod
        case 165: .mount
        case 166: .umount2
        case 175: .initModule
        case 257: .openat
        case 258: .mkdirat
        case 259: .mknodat
        case 263: .unlinkat
        case 264: .renameat
        case 265: .linkat
        case 266: .symlinkat
        case 268: .fchmodat
        case 272: .unshare
        case 288: .accept4
        case 292: .dup3
        case 304: .openByHandleAt
        case 308: .setns
        case 313: .finitModule
        case 316: .renameat2
        case 319: .memfdCreate
        case 321: .bpf
        case 322: .execveat
        case 323: .userfaultfd
        default: common(number)
        }
    }

    /// x32 has numbers of its own for what passes pointers to pointers.
    private static func ofX32(_ number: UInt32) -> EventType? {
        switch number {
        case 518: .sendmsg
        case 520: .execve
        case 521: .ptrace
        case 545: .execveat
        default: ofX86(number)
        }
    }

    private static func ofI386(_ number: UInt32) -> EventType? {
        switch number {
        case 5: .open
        case 8: .creat
        case 9: .link
        case 10: .unlink
        case 11: .execve
        case 14: .mknod
        case 15: .chmod
        case 21: .mount
        case 23, 213: .setuid
        case 26: .ptrace
        case 37: .kill
        case 38: .rename
        case 39: .mkdir
        case 40: .rmdir
        case 41: .dup
        case 46, 214: .setgid
        case 52: .umount2
        case 63: .dup2
        case 83: .symlink
        case 94: .fchmod
        case 120: .clone
        case 128: .initModule
        case 185: .capset
        case 295: .openat
        case 296: .mkdirat
        case 297: .mknodat
        case 301: .unlinkat
        case 302: .renameat
        case 303: .linkat
        case 304: .symlinkat
        case 306: .fchmodat
        case 310: .unshare
        case 330: .dup3
        case 342: .openByHandleAt
        case 346: .setns
        case 350: .finitModule
        case 353: .renameat2
        case 356: .memfdCreate
        case 357: .bpf
        case 358: .execveat
        case 359: .socket
        case 361: .bind
        case 362: .connect
        case 363: .listen
        case 364: .accept4
        case 369: .sendto
        case 370: .sendmsg
        case 374: .userfaultfd
        default: common(number)
        }
    }

    private static func ofAarch64(_ number: UInt32) -> EventType? {
        switch number {
        case 23: .dup
        case 24: .dup3
        case 33: .mknodat
        case 34: .mkdirat
        case 35: .unlinkat
        case 36: .symlinkat
        case 37: .linkat
        case 38: .renameat
        case 39: .umount2
        case 40: .mount
        case 52: .fchmod
        case 53: .fchmodat
        case 56: .openat
        case 91: .capset
        case 97: .unshare
        case 105: .initModule
        case 117: .ptrace
        case 129: .kill
        case 144: .setgid
        case 146: .setuid
        case 198: .socket
        case 200: .bind
        case 201: .listen
        case 202: .accept
        case 203: .connect
        case 206: .sendto
        case 211: .sendmsg
        case 220: .clone
        case 221: .execve
        case 242: .accept4
        case 265: .openByHandleAt
        case 268: .setns
        case 273: .finitModule
        case 276: .renameat2
        case 279: .memfdCreate
        case 280: .bpf
        case 281: .execveat
        case 282: .userfaultfd
        default: common(number)
        }
    }

    /// Calls from 424 on have one number on all architectures. 452 is fchmodat2, 467 open_tree_attr (6.6, 6.15).
    private static func common(_ number: UInt32) -> EventType? {
        switch number {
        case 425: .ioUringSetup
        case 428, 467: .openTree
        case 429: .moveMount
        case 430: .fsopen
        case 431: .fsconfig
        case 432: .fsmount
        case 435: .clone3
        case 437: .openat2
        case 442: .mountSetattr
        case 452: .fchmodat
        default: nil
        }
    }
}
