private import Glibc
import LinuxSystem
private import Synchronization
private import SystemPackage

/// Memory for a piece of a file, filled by a job and emptied by who waits for that job. The lock is held while a read fills
/// it: of a read that hangs the buffer is given up with its thread, and nobody else ever sees it change.
final class PieceBuffer: Sendable {
    static let size = 256 << 10
    private let bytes = Mutex([UInt8](repeating: 0, count: size))

    /// pread(2) of `count` bytes from `offset` on, at most `size`.
    ///
    /// - Returns: the bytes read; fewer only where the file ends.
    func fill(
        _ count: Int, from file: borrowing OwnedDescriptor, at offset: UInt64
    ) throws(SystemError) -> Int {
        let descriptor = file.rawValue
        let wanted = min(count, Self.size)
        let result: Result<Int, SystemError> = bytes.withLock { bytes in
            var done = 0
            while done < wanted {
                let position = off_t(Int64(clamping: offset) &+ Int64(done))
                let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                    unsafe pread(descriptor, buffer.baseAddress?.advanced(by: done), wanted - done, position)
                }
                if got < 0 {
                    let error = Errno(rawValue: errno)
                    if error == .interrupted { continue }
                    return .failure(SystemError("read", errno: error))
                }
                if got == 0 { break }
                done += got
            }
            return .success(done)
        }
        return try result.get()
    }

    /// Hands the first `count` bytes to `body`.
    func withBytes(
        _ count: Int, _ body: (UnsafeRawBufferPointer) throws(EvidenceError) -> Void
    ) throws(EvidenceError) {
        try bytes.withLock { (bytes) throws(EvidenceError) in
            let result: Result<Void, EvidenceError> = unsafe bytes.withUnsafeBytes { all in
                do throws(EvidenceError) {
                    return .success(try unsafe body(UnsafeRawBufferPointer(rebasing: all[..<count])))
                } catch {
                    return .failure(error)
                }
            }
            try result.get()
        }
    }
}
