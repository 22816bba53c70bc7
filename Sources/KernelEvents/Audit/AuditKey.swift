/// A field's key, as the number that its first eight bytes and its length make: one comparison a key, no string.
package struct AuditKey: Equatable, Sendable, BitwiseCopyable {
    private var word: UInt64
    private var count: UInt16

    @inline(__always)
    init(_ payload: Span<UInt8>, from start: Int, count: Int) {
        var word: UInt64 = 0
        var index = start
        let end = min(start + min(count, 8), payload.count)
        while index < end {
            word = word << 8 | UInt64(payload[index])
            index += 1
        }
        self.word = word
        self.count = UInt16(truncatingIfNeeded: count)
    }

    @inline(__always)
    package init(_ name: StaticString) {
        var word: UInt64 = 0
        var index = 0
        let length = name.utf8CodeUnitCount
        while index < length, index < 8 {
            word = unsafe word << 8 | UInt64(name.utf8Start[index])
            index &+= 1
        }
        self.word = word
        count = UInt16(truncatingIfNeeded: length)
    }

    /// Whether the kernel logs the field as an untrusted string: in quotes when it is plain, else in bare hex digits.
    package var isUntrusted: Bool {
        for key in [
            "exe", "comm", "name", "cwd", "path", "proctitle", "key", "data", "ocomm", "cmd", "acct", "sw", "file",
            "watch", "vm",
        ] as [StaticString] where self == AuditKey(key) {
            return true
        }
        // An argument of EXECVE: a0, a1, … a12[3]. SYSCALL's a0 to a3 have the same names and are numbers: there the
        // record's type decides, and nobody asks.
        return count >= 2 && word >> (8 * UInt64(min(count, 8) - 1)) == UInt64(UInt8(ascii: "a"))
            && (word >> (8 * UInt64(min(count, 8) - 2)) & 0xff) &- UInt64(UInt8(ascii: "0")) <= 9
    }
}
