private import LinuxSystem

/// The host's user names by uid, out of its passwd file (passwd(5)), or its groups' by gid, out of group(5); read again
/// when the file is replaced.
package struct UserNames: Sendable {
    private static let mostBytes = 4 << 20

    private let path: String
    private var names: [UInt32: String] = [:]
    private var lastStatus: FileStatus?

    package init(path: String = "/etc/passwd") { self.path = path }

    /// Nil for an id that the file does not name, and for `UInt32.max` (unset).
    package func name(of uid: UInt32) -> String? {
        guard uid != .max else { return nil }
        return names[uid]
    }

    /// Reads the file if it is another one than last time. Tools replace it by rename, so inode and size tell.
    package mutating func refresh() {
        guard let status = try? FileStatus.of(path), status != lastStatus else { return }
        lastStatus = status
        guard let bytes = try? readFile(path, limit: Self.mostBytes) else { return }
        let entries = textLines(bytes).compactMap { line -> (UInt32, String)? in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 3, !fields[0].isEmpty, let number = UInt32(fields[2]) else { return nil }
            return (number, String(fields[0]))
        }
        names = Dictionary(entries) { first, _ in first }
    }
}
