private import EventModel

/// Where an archive is to lie.
package enum EvidenceOutput: Sendable {
    /// At this path, which must not be there.
    case file(String)
    /// In this directory, as `nodeagent-HOST-TARGET-YYYYmmddTHHMMSSZ.tar.zst`.
    ///
    /// - Parameter time: when the collection began, CLOCK_REALTIME nanoseconds.
    case directory(String, host: String, target: String, time: UInt64)

    /// The directory and the name in it.
    var location: (directory: String, name: String) {
        switch self {
        case .directory(let directory, let host, let target, let time):
            // 20260102T030405Z out of 2026-01-02T03:04:05.123456789Z
            let stamp = Timestamp(time).rfc3339.prefix { $0 != "." }.filter { $0 != "-" && $0 != ":" }
            let name = "nodeagent-\(Self.plain(host, 64))-\(Self.plain(target, 80))-\(stamp)Z.tar.zst"
            return (directory.isEmpty ? "." : directory, name)
        case .file(let path):
            guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
            let directory = path[..<slash]
            return (directory.isEmpty ? "/" : String(directory), String(path[path.utf8.index(after: slash)...]))
        }
    }

    /// Letters, digits, `.`, `_` and `-` only, at most `limit`: what goes into a file's name.
    private static func plain(_ text: String, _ limit: Int) -> String {
        let bytes = text.utf8.prefix(limit).map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                byte
            default: UInt8(ascii: "-")
            }
        }
        return bytes.isEmpty ? "unknown" : String(decoding: bytes, as: UTF8.self)
    }
}
