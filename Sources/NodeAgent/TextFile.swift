import Glibc
import LinuxSystem

/// A file that an operator wrote, as text.
enum TextFile {
    /// The whole file, without a byte order mark. Not waiting: a FIFO or a terminal is no configuration.
    ///
    /// - Throws: `ConfigurationError` when it cannot be read, is no regular file, has more than `limit` bytes or is not UTF-8.
    static func read(_ path: String, limit: Int) throws(ConfigurationError) -> String {
        let whole = ConfigurationPlace(file: path)
        let contents: [UInt8]?
        do {
            contents = try regularFile(path, limit: limit + 1)
        } catch {
            throw ConfigurationError(whole, "cannot be read: \(error.errno)")
        }
        guard let bytes = contents else { throw ConfigurationError(whole, "expected a regular file") }
        guard bytes.count <= limit else { throw ConfigurationError(whole, "larger than \(limit) bytes") }
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(firstInvalid(bytes, path), "expected UTF-8")
        }
        if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
        return text
    }

    /// Nil when it is something else.
    private static func regularFile(_ path: String, limit: Int) throws(SystemError) -> [UInt8]? {
        let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        guard try file.status().isRegular else { return nil }
        return try file.readAll(limit: limit)
    }

    /// Where the first byte lies that is no UTF-8.
    private static func firstInvalid(_ bytes: [UInt8], _ path: String) -> ConfigurationPlace {
        var place = ConfigurationPlace(file: path, line: 1, column: 1)
        var parser = Unicode.UTF8.ForwardParser()
        var rest = bytes.makeIterator()
        while case .valid(let scalar) = parser.parseScalar(from: &rest) {
            place.column += 1
            if scalar.first == UInt8(ascii: "\n") {
                place.line += 1
                place.column = 1
            }
        }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        place.text = String(decoding: lines[place.line - 1], as: UTF8.self)
        return place
    }
}
