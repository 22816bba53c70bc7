private import CArchive
private import CLinux
private import Glibc
import LinuxSystem
private import SystemPackage

/// A tar compressed with zstd, read through libarchive without extracting. The file is hostile.
@safe final class TarReader {
    struct Member {
        /// Without the slash that ends a directory's name.
        var path: [UInt8]
        /// Nil: none that a collection stores.
        var type: MemberType?
        var size: UInt64
        /// Of `size`, by the member's own map.
        var holes: UInt64
        var symlink: [UInt8]?
        var hardLink: [UInt8]?
    }

    enum Step {
        case member(Member)
        case end
        /// The archive is damaged, cut, or none; what libarchive says.
        case broken(String)
    }

    enum DataStep {
        case end
        case stopped
        case broken(String)
    }

    private let archive: OpaquePointer
    private let source: TarSource

    init(_ path: String) throws(SystemError) {
        let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK)
        let status = try file.status()
        guard status.isRegular else {
            throw SystemError("open", path, errno: status.isDirectory ? .isDirectory : .invalidArgument)
        }
        source = TarSource(file)
        guard let archive = unsafe archive_read_new() else {
            throw SystemError("archive_read_new", errno: .noMemory)
        }
        unsafe self.archive = archive
        let client = unsafe Unmanaged.passUnretained(source).toOpaque()
        guard unsafe archive_read_support_filter_zstd(archive) == ARCHIVE_OK,
            unsafe archive_read_support_format_tar(archive) == ARCHIVE_OK
        else { throw SystemError("libarchive", errno: .notSupported) }
        // What it meets in the first bytes is told by the first step.
        _ = unsafe archive_read_open(
            archive, client, nil,
            { _, client, buffer in
                guard let client = unsafe client, let buffer = unsafe buffer else { return -1 }
                let source = unsafe Unmanaged<TarSource>.fromOpaque(client).takeUnretainedValue()
                return unsafe source.next(buffer)
            }, nil)
    }

    deinit { unsafe archive_read_free(archive) }

    func next() -> Step {
        var entry: OpaquePointer?
        var result = ARCHIVE_RETRY
        for _ in 0..<16 where result == ARCHIVE_RETRY { result = unsafe archive_read_next_header(archive, &entry) }
        if result == ARCHIVE_EOF { return .end }
        guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let entry = unsafe entry else { return .broken(trouble) }
        var path =
            unsafe Self.bytes(archive_entry_pathname(entry)) ?? Self.bytes(archive_entry_pathname_utf8(entry)) ?? []
        while path.last == UInt8(ascii: "/") { path.removeLast() }
        let size = unsafe UInt64(max(0, archive_entry_size(entry)))
        return unsafe .member(
            Member(
                path: path, type: Self.type(archive_entry_filetype(entry)), size: size,
                holes: Self.holes(entry, size: size),
                symlink: Self.bytes(archive_entry_symlink(entry)) ?? Self.bytes(archive_entry_symlink_utf8(entry)),
                hardLink: Self.bytes(archive_entry_hardlink(entry)) ?? Self.bytes(archive_entry_hardlink_utf8(entry))))
    }

    private static func holes(_ entry: OpaquePointer, size: UInt64) -> UInt64 {
        guard unsafe archive_entry_sparse_reset(entry) > 0 else { return 0 }
        var data: UInt64 = 0
        var offset: Int64 = 0
        var length: Int64 = 0
        while unsafe archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK {
            let (sum, isOver) = data.addingReportingOverflow(UInt64(max(0, length)))
            data = isOver ? .max : sum
        }
        return size - min(data, size)
    }

    /// Hands the member's data to `body`, each piece with its offset, until it returns false.
    func data(_ body: (UInt64, UnsafeRawBufferPointer) -> Bool) -> DataStep {
        while true {
            var bytes: UnsafeRawPointer?
            var count = 0
            var offset: Int64 = 0
            let result = unsafe archive_read_data_block(archive, &bytes, &count, &offset)
            if result == ARCHIVE_EOF { return .end }
            if result == ARCHIVE_RETRY { continue }
            guard result == ARCHIVE_OK || result == ARCHIVE_WARN, count >= 0, offset >= 0 else {
                return .broken(trouble)
            }
            guard count > 0 else { continue }
            guard unsafe body(UInt64(offset), UnsafeRawBufferPointer(start: bytes, count: count)) else {
                return .stopped
            }
        }
    }

    /// SHA-256 of the whole file, read to its end.
    func fileHash() -> (sha256: String, bytes: UInt64) { source.finish() }

    private var trouble: String {
        if let errno = source.failure { return "read: \(errno)" }
        return unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "unknown error"
    }

    private static func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8]? {
        guard let text = unsafe text else { return nil }
        return unsafe UnsafeBufferPointer(start: text, count: strlen(text)).map(UInt8.init(bitPattern:))
    }

    private static func type(_ mode: UInt32) -> MemberType? {
        switch mode & 0o170000 {
        case 0, S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .symlink
        case S_IFIFO: .fifo
        case S_IFCHR: .char
        case S_IFBLK: .block
        default: nil
        }
    }
}

/// The file below libarchive: bytes in order, hashed as they are read.
@safe private final class TarSource {
    private let file: OwnedDescriptor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 4096)
    private var hash = RunningHash()
    private var count: UInt64 = 0
    private(set) var failure: Errno?

    init(_ file: consuming OwnedDescriptor) { self.file = file }

    deinit { unsafe buffer.deallocate() }

    /// Bytes read, 0 at the end, -1 after an error.
    func next(_ start: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        guard failure == nil else { return -1 }
        while true {
            let got = unsafe read(file.rawValue, buffer.baseAddress, buffer.count)
            if got < 0 {
                let error = Errno(rawValue: Glibc.errno)
                if error == .interrupted { continue }
                failure = error
                return -1
            }
            unsafe hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
            count += UInt64(got)
            unsafe start.pointee = UnsafeRawPointer(buffer.baseAddress)
            return got
        }
    }

    func finish() -> (sha256: String, bytes: UInt64) {
        var ignored: UnsafeRawPointer?
        while unsafe next(&ignored) > 0 {}
        return (hash.digest.hex, count)
    }
}
