private import Crypto
private import EventModel
private import Glibc
package import LinuxSystem
private import SystemPackage

/// SHA-256 of executables, each file once however many processes run it.
package final class ExecutableHashes {
    private struct Key: Hashable {
        var file: FileID
        var size: UInt64
        var modified: UInt64
    }
    private var known: [Key: String] = [:]
    private let reader: TimedReader
    /// Larger files are not hashed.
    private static let sizeLimit: UInt64 = 512 << 20

    package init(reader: TimedReader) { self.reader = reader }

    /// 64 hexadecimal digits, or in words why there are none.
    package func sha256(_ object: borrowing OwnedDescriptor, _ status: ObjectStatus) -> String {
        let key = Key(file: status.file, size: status.size, modified: status.modified)
        if let text = known[key] { return text }
        let text = compute(object, status)
        known[key] = text
        return text
    }

    private func compute(_ object: borrowing OwnedDescriptor, _ status: ObjectStatus) -> String {
        guard status.size <= Self.sizeLimit else { return "none: \(status.size) bytes, more than \(Self.sizeLimit)" }
        let sizeLimit = Self.sizeLimit
        do throws(SystemError) {
            let object = try SharedDescriptor(duplicating: object)
            return try reader.answer(timeout: 10_000_000_000, "reading") { () throws(SystemError) in
                let file = try object.descriptor.reopened()
                var hash = SHA256()
                var chunk = [UInt8](repeating: 0, count: 256 * 1024)
                var total: UInt64 = 0
                while total <= sizeLimit {
                    let count = unsafe read(file.rawValue, &chunk, chunk.count)
                    if count < 0 { throw SystemError("read", errno: .init(rawValue: errno)) }
                    if count == 0 { break }
                    hash.update(data: chunk[..<count])
                    total += UInt64(count)
                }
                return hexadecimal(hash.finalize())
            }
        } catch {
            return "none: \(error.reason)"
        }
    }
}
