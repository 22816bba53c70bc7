private import LinuxSystem

/// The host's user names by uid, out of its passwd file (passwd(5)); read again when the file is replaced.
package struct UserNames: Sendable {
    private let path: String
    private var names: [UInt32: String] = [:]
    private var lastStatus: FileStatus?

    package init(path: String = "/etc/passwd") { self.path = path }

    /// Nil for a uid that the file does not name, and for `UInt32.max` (unset).
    package func name(of uid: UInt32) -> String? {
        guard uid != .max else { return nil }
        return names[uid]
    }

    /// Reads the file if it is another one than last time. Tools replace it by rename, so inode and size tell.
    package mutating func refresh() {
        guard let status = try? FileStatus.of(path), status != lastStatus else { return }
        lastStatus = status
        guard let entries = try? PasswordEntry.read(path) else { return }
        names = Dictionary(entries.map { ($0.uid, $0.name) }) { first, _ in first }
    }
}
