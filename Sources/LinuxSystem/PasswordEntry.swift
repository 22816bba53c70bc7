/// One line of a passwd file (passwd(5)).
package struct PasswordEntry: Sendable, Equatable {
    package var name: String
    package var uid: UInt32
    package var gid: UInt32
    package var home: String

    private static let mostBytes = 4 << 20

    /// The entries of a passwd file, in its order; lines that are none are left out. Names and homes may repeat.
    ///
    /// - Throws: when the file cannot be read.
    package static func read(_ path: String) throws(SystemError) -> [PasswordEntry] {
        parse(try readFile(path, limit: mostBytes))
    }

    package static func parse(_ bytes: [UInt8]) -> [PasswordEntry] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count >= 4, !fields[0].isEmpty, let uid = number(fields[2]), let gid = number(fields[3]) else {
                return nil
            }
            let home = fields.count > 5 ? String(decoding: fields[5], as: UTF8.self) : ""
            return PasswordEntry(name: String(decoding: fields[0], as: UTF8.self), uid: uid, gid: gid, home: home)
        }
    }

    private static func number(_ field: ArraySlice<UInt8>) -> UInt32? { UInt32(String(decoding: field, as: UTF8.self)) }
}
