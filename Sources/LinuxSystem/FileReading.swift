private import CLinux
private import Glibc
private import SystemPackage

extension OwnedDescriptor {
    /// Reads from the current position to the end, at most `limit` bytes. The size that stat tells is not asked: for
    /// almost every file of /proc and /sys it is wrong.
    package func readAll(limit: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(limit, 16 * 1024))
        while bytes.count < limit {
            let wanted = min(chunk.count, limit - bytes.count)
            let count = unsafe read(rawValue, &chunk, wanted)
            if count < 0 {
                let error = Errno(rawValue: Glibc.errno)
                if error == .interrupted { continue }
                throw SystemError("read", errno: error)
            }
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes
    }

    /// Writes all of `bytes`.
    package func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe write(rawValue, buffer.baseAddress?.advanced(by: done), buffer.count - done)
            }
            if count < 0 {
                let error = Errno(rawValue: Glibc.errno)
                if error == .interrupted { continue }
                throw SystemError("write", errno: error)
            }
            done += count
        }
    }
}

/// A host file that no container can shape: its bytes, at most `limit`; without following a last symbolic link, and
/// without waiting for a FIFO's writer.
package func readFile(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | CInt(NA_O_NOFOLLOW))
    return try file.readAll(limit: limit)
}

/// The lines of a file of the kernel's, those that are not empty. By bytes: for `String` a carriage return and the newline
/// after it are one character, and a name that ends in the former would swallow the next line.
package func textLines(_ bytes: [UInt8]) -> [Substring] {
    bytes.split(separator: UInt8(ascii: "\n")).map { Substring(String(decoding: $0, as: UTF8.self)) }
}

/// The target of a symbolic link, at most 4,096 bytes, bytes that are no UTF-8 replaced.
package func readLink(_ path: String) throws(SystemError) -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink(path, &buffer, buffer.count)
    guard count >= 0 else { throw SystemError("readlink", path, errno: Errno(rawValue: Glibc.errno)) }
    return String(decoding: buffer[..<count].lazy.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// Where a path leads, links followed: absolute, without `..`.
package func truePath(_ path: String) throws(SystemError) -> String {
    let object = try OwnedDescriptor(opening: path, flags: CInt(NA_O_PATH))
    return try readLink("/proc/self/fd/\(object.rawValue)")
}

/// The names in a directory of the host, without `.` and `..`, at most `limit`; in the order of the file system.
package func directoryEntries(_ path: String, limit: Int = .max) throws(SystemError) -> [String] {
    guard let directory = unsafe opendir(path) else {
        throw SystemError("opendir", path, errno: Errno(rawValue: Glibc.errno))
    }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while names.count < limit, let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}

/// Writes `bytes` to `path` so that a reader sees the old file or the new one: `path.partial`, synced, renamed.
package func replaceFile(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemError) {
    let partial = path + ".partial"
    let descriptor = unsafe open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode_t(mode))
    guard descriptor >= 0 else { throw SystemError("open", partial, errno: Errno(rawValue: Glibc.errno)) }
    let file = OwnedDescriptor(adopting: descriptor)
    try file.writeAll(bytes)
    guard fsync(file.rawValue) == 0 else { throw SystemError("fsync", partial, errno: Errno(rawValue: Glibc.errno)) }
    guard unsafe rename(partial, path) == 0 else {
        throw SystemError("rename", partial, errno: Errno(rawValue: Glibc.errno))
    }
}
