package import EventModel

/// One row of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).
package struct MountInfo: Equatable, Sendable {
    package var mountID: Int
    package var parentID: Int
    /// st_dev of files on this mount.
    package var device: DeviceNumber
    /// The directory or file of the file system that is this mount's root.
    package var root: String
    /// Below the root directory of the process, octal escapes undone.
    package var mountPoint: String
    package var options: Substring
    package var filesystemType: Substring
    package var source: String
    package var superOptions: Substring

    package var isReadOnly: Bool { options == "ro" || options.hasPrefix("ro,") }

    /// All rows of a mountinfo file. A row that does not parse is left out.
    package static func parse(_ bytes: [UInt8]) -> [MountInfo] {
        textLines(bytes).compactMap { MountInfo(row: $0) }
    }

    private init?(row: Substring) {
        let fields = row.split(separator: " ", omittingEmptySubsequences: false)
        guard fields.count >= 10, let mountID = Int(fields[0]), let parentID = Int(fields[1]),
            let device = DeviceNumber(decimal: fields[2]),
            let dash = fields[6...].firstIndex(of: "-"), fields.count > dash + 3
        else { return nil }
        self.mountID = mountID
        self.parentID = parentID
        self.device = device
        root = Self.unescape(fields[3])
        mountPoint = Self.unescape(fields[4])
        options = fields[5]
        filesystemType = fields[dash + 1]
        source = Self.unescape(fields[dash + 2])
        superOptions = fields[dash + 3]
    }

    /// `\040` and the like, which the kernel writes for space, tab, newline and backslash.
    private static func unescape(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension DeviceNumber {
    /// `8:1`, decimal on both sides, as mountinfo and sysfs print it.
    package init?(decimal text: some StringProtocol) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]) else { return nil }
        self.init(major: major, minor: minor)
    }
}
