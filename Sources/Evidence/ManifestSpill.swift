private import CLinux
private import Glibc
import LinuxSystem
private import SystemPackage

/// The manifest's rows while the archive is written: a file without a name, since a million rows do not fit into the memory
/// that a collection may use, and a tar header wants to know the size.
final class ManifestSpill {
    private let file: OwnedDescriptor
    private var pending: [UInt8] = []
    private var flushed: UInt64 = 0
    private static let pendingLimit = 64 << 10

    init(_ output: OutputFile) throws(EvidenceError) {
        let descriptor = na_unnamed_file(output.directoryDescriptor.rawValue)
        guard descriptor >= 0 else {
            throw EvidenceError(
                .output, "\(output.path): no room for the manifest (\(Errno(rawValue: -descriptor))).")
        }
        file = OwnedDescriptor(adopting: descriptor)
        pending.reserveCapacity(Self.pendingLimit + 4096)
    }

    var count: UInt64 { flushed + UInt64(pending.count) }

    func append(line: [UInt8]) throws(SystemError) {
        pending.append(contentsOf: line)
        pending.append(UInt8(ascii: "\n"))
        if pending.count >= Self.pendingLimit { try flush() }
    }

    private func flush() throws(SystemError) {
        try file.writeAll(pending)
        flushed += UInt64(pending.count)
        pending.removeAll(keepingCapacity: true)
    }

    /// At most `count` bytes from `offset` on.
    func read(_ count: Int, at offset: UInt64) throws(SystemError) -> [UInt8] {
        if !pending.isEmpty { try flush() }
        return try file.readBytes(count, at: Int64(clamping: offset))
    }
}
