private import CLinux
private import Glibc
private import LinuxSystem
private import SystemPackage

/// The kernel's log from /dev/kmsg: every record there is, without waiting for the next.
package struct KernelMessages {
    private let writer: ArtifactWriter
    private static let limit = 4 << 20

    package init(_ writer: ArtifactWriter) { self.writer = writer }

    package func collect() throws(EvidenceError) {
        let path = "/dev/kmsg"
        let artifact = Artifact("host/kmsg", source: path, kind: .host)
        let started = realtimeNanoseconds()
        let limit = Self.limit
        let outcome = writer.outcome(timeout: 5_000_000_000, "reading") { Self.read(path, limit: limit) }
        try writer.add(artifact, outcome: outcome, limit: limit, started: started)
    }

    private static func read(_ path: String, limit: Int) -> ReadOutcome {
        var outcome = ReadOutcome()
        do throws(SystemError) {
            let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | CInt(NA_O_NOFOLLOW))
            var record = [UInt8](repeating: 0, count: 16 * 1024)
            while true {
                let count = unsafe Glibc.read(file.rawValue, &record, record.count)
                if count < 0 {
                    let error = errno
                    // EPIPE: records were overwritten before they were read; the next read goes on behind them.
                    if error == EINTR || error == EPIPE { continue }
                    if error == EAGAIN { break }
                    throw SystemError("read", errno: .init(rawValue: error))
                }
                if count == 0 { break }
                guard outcome.bytes.count + count <= limit else {
                    outcome.isTruncated = true
                    break
                }
                outcome.bytes.append(contentsOf: record[..<count])
            }
        } catch {
            outcome.error = error
        }
        return outcome
    }
}
