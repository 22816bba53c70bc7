import EventModel
import Glibc
import LinuxSystem

/// What the process that collects says at its end, over the pair whose other end its starter holds. Its exit cannot be
/// waited for: a thread that hangs in a file system of the container's (FUSE) keeps it from ending, even by SIGKILL.
struct CollectionReport: Equatable {
    var status: ExitStatus
    /// Of the tarball.
    var bytes: UInt64 = 0
    var path: String?
    /// For people; several lines.
    var text: String

    /// Four parts: status, bytes, path (empty without a tarball), text; a line feed after the first, second and third.
    private var encoded: [UInt8] { Array("\(status.rawValue)\n\(bytes)\n\(path ?? "")\n\(text)".utf8) }

    init(status: ExitStatus, bytes: UInt64 = 0, path: String? = nil, text: String) {
        self.status = status
        self.bytes = bytes
        self.path = path
        self.text = text
    }

    private init?(_ bytes: some Sequence<UInt8>) {
        let parts = String(decoding: Array(bytes), as: UTF8.self)
            .split(separator: "\n", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, let status = Int32(parts[0]).flatMap(ExitStatus.init(rawValue:)),
            let size = UInt64(parts[1])
        else { return nil }
        self.init(status: status, bytes: size, path: parts[2].isEmpty ? nil : String(parts[2]), text: String(parts[3]))
    }

    private static let limit = 16 * 1024

    func send(_ socket: CInt) {
        let bytes = encoded.prefix(Self.limit)
        _ = unsafe bytes.withUnsafeBytes { buffer in
            unsafe Glibc.send(socket, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
    }

    /// Nil: nothing is there yet, or the other side has gone without a word.
    static func receive(_ socket: CInt) -> CollectionReport? {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = unsafe recv(socket, &buffer, buffer.count, CInt(MSG_DONTWAIT))
        return count > 0 ? CollectionReport(buffer[..<count]) : nil
    }
}
