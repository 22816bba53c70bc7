/// Open flags as the kernel counts them on x86_64 (include/uapi/asm-generic/fcntl.h; i386 and riscv64 have the same).
enum OpenFlag {
    static let accessMode: UInt64 = 0o3
    static let path: UInt64 = 0o10000000
    /// What creat(2) stands for: O_CREAT|O_WRONLY|O_TRUNC.
    static let creat: UInt64 = 0o1101

    /// More than one bit first, so that O_SYNC is not told as O_DSYNC and O_TMPFILE not as O_DIRECTORY.
    private static let table: [(bits: UInt64, name: String)] = [
        (0o4010000, "O_SYNC"), (0o20200000, "O_TMPFILE"), (0o100, "O_CREAT"), (0o200, "O_EXCL"), (0o400, "O_NOCTTY"),
        (0o1000, "O_TRUNC"), (0o2000, "O_APPEND"), (0o4000, "O_NONBLOCK"), (0o10000, "O_DSYNC"), (0o20000, "O_ASYNC"),
        (0o40000, "O_DIRECT"), (0o100000, "O_LARGEFILE"), (0o200000, "O_DIRECTORY"), (0o400000, "O_NOFOLLOW"),
        (0o1000000, "O_NOATIME"), (0o2000000, "O_CLOEXEC"), (0o10000000, "O_PATH"),
    ]

    /// `O_RDWR|O_CLOEXEC`; bits without a name are hexadecimal.
    static func appendNames(_ flags: UInt64, to store: inout ValueStore) {
        switch flags & accessMode {
        case 0: store.append("O_RDONLY")
        case 1: store.append("O_WRONLY")
        case 2: store.append("O_RDWR")
        default: store.append("O_ACCMODE")
        }
        var rest = flags & ~accessMode
        for index in table.indices {
            let (bits, name) = table[index]
            guard rest & bits == bits else { continue }
            store.append(UInt8(ascii: "|"))
            store.append(name)
            rest &= ~bits
        }
        if rest != 0 { appendHexadecimal(rest, to: &store) }
    }

    private static func appendHexadecimal(_ number: UInt64, to store: inout ValueStore) {
        store.append("|0x")
        var shift = (63 - UInt64(number.leadingZeroBitCount)) & ~3
        while true {
            let digit = UInt8((number >> shift) & 15)
            store.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            if shift == 0 { return }
            shift -= 4
        }
    }
}
