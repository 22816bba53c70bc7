private import Glibc
private import SystemPackage

extension OwnedDescriptor {
    /// pread(2): `count` bytes from `offset` on, fewer only where the file ends. The descriptor's position stays.
    package func readBytes(_ count: Int, at offset: Int64) throws(SystemError) -> [UInt8] {
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let read = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(
                    rawValue, buffer.baseAddress?.advanced(by: done), buffer.count - done,
                    off_t(offset &+ Int64(done)))
            }
            if read < 0 {
                let error = Errno(rawValue: Glibc.errno)
                if error == .interrupted { continue }
                throw SystemError("pread", errno: error)
            }
            if read == 0 { break }
            done += read
        }
        bytes.removeLast(count - done)
        return bytes
    }
}
