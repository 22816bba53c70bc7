import EventModel
import Evidence
import FoundationEssentials
import Glibc
import LinuxSystem

/// `collection.json`, the first member of a tarball: who collected what, when and on which host.
struct CollectionContext {
    var command: [String]
    var target: String
    /// Nanoseconds since the epoch.
    var started: UInt64
    var limits: CollectionLimits
    var includesSecrets: Bool

    private struct Record: Encodable {
        var version = 1
        var program = "nodeagent \(NodeAgent.version)"
        var command: [String]
        var target: String
        var started: String
        /// Seconds since boot at that time.
        var uptime: String?
        var host: String
        var boot_id: String?
        var machine_id: String?
        var kernel: String?
        var uid: UInt32
        var max_bytes: UInt64
        var max_file_bytes: UInt64
        /// `keyed hashes` or `in clear`.
        var secrets: String
    }

    func add(to archive: EvidenceArchive) throws {
        let record = Record(
            command: command, target: target, started: Timestamp(started).rfc3339,
            uptime: Self.line("/proc/uptime").map { String($0.prefix { $0 != " " }) }, host: hostname(),
            boot_id: Self.line("/proc/sys/kernel/random/boot_id"), machine_id: Self.line("/etc/machine-id"),
            kernel: Self.line("/proc/version"), uid: getuid(), max_bytes: limits.archiveBytes,
            max_file_bytes: limits.fileBytes, secrets: includesSecrets ? "in clear" : "keyed hashes")
        try archive.add(
            Artifact("collection.json", source: "nodeagent collect", kind: .collection),
            bytes: Array(try JSONEncoder.printed.encode(record)) + [UInt8(ascii: "\n")], started: started)
    }

    private static func line(_ path: String) -> String? {
        guard let bytes = try? readFile(path, limit: 4096) else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
