import CLinux
import Foundation
import Glibc
import LinuxSystem

/// An agent's control socket that answers one request with a given line, and keeps what it was asked.
final class ControlSocket: Sendable {
    private let socket: OwnedDescriptor

    init(in directory: URL) throws {
        let path = directory.appendingPathComponent("control.sock").path
        socket = OwnedDescriptor(adopting: try unsafe checked(na_listen_unix(path), "bind", path))
    }

    /// The request; nil when nobody asked within ten seconds.
    func answer(_ line: String) -> String? {
        guard waitReadable([socket.rawValue], milliseconds: 10_000) != 0 else { return nil }
        let connection = OwnedDescriptor(adopting: na_accept(socket.rawValue, 5))
        var request: [UInt8] = []
        while request.last != UInt8(ascii: "\n"), let byte = try? connection.readAll(limit: 1).first {
            request.append(byte)
        }
        try? connection.writeAll(Array((line + "\n").utf8))
        return String(decoding: request, as: UTF8.self)
    }
}
