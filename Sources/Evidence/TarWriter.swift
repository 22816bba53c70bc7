private import CArchive
private import Glibc

/// What a tar header says of a member.
struct TarHeader: Sendable {
    var member: [UInt8]
    var type: MemberType
    /// Permission bits with set-user-ID, set-group-ID and sticky.
    var mode: UInt32 = 0o600
    var owner: UInt32 = 0
    var group: UInt32 = 0
    var size: UInt64 = 0
    /// Seconds since the epoch, and nanoseconds.
    var modified: (Int64, UInt32)
    var accessed: (Int64, UInt32)?
    var changed: (Int64, UInt32)?
    var born: Int64?
    var device: (major: UInt32, minor: UInt32)?
    /// Of a symbolic link.
    var target: [UInt8]?
    /// Of a hard link: the member that has the content.
    var hardLink: [UInt8]?
    var attributes: [ExtendedAttribute] = []
    /// Where the data lies; nil: everywhere.
    var runs: [DataRun]?
}

/// A pax archive, compressed with zstd, written by libarchive into an `OutputFile`. A method that returns false has met a
/// failure of the output.
@safe final class TarWriter {
    private let archive: OpaquePointer
    private let output: OutputFile
    private var isClosed = false
    /// What libarchive says of a failure that is not the file's.
    private(set) var trouble: String?

    init(_ output: OutputFile) throws(EvidenceError) {
        guard let archive = unsafe archive_write_new() else {
            throw EvidenceError(.output, "There is no memory for the archive.")
        }
        unsafe self.archive = archive
        self.output = output
        // Names are raw bytes. In the C locale, which this program never leaves, libarchive keeps them so and marks a member
        // with hdrcharset=BINARY where its name is not ASCII. Asked for outright it would mark every member, and GNU tar would
        // complain of each.
        let client = unsafe Unmanaged.passUnretained(output).toOpaque()
        // ARCHIVE_OK alone: ARCHIVE_WARN of the filter means that an external program would be run.
        guard unsafe archive_write_set_format_pax(archive) == ARCHIVE_OK,
            unsafe archive_write_set_format_option(archive, "pax", "xattrheader", "SCHILY") == ARCHIVE_OK,
            unsafe archive_write_add_filter_zstd(archive) == ARCHIVE_OK,
            unsafe archive_write_set_filter_option(archive, "zstd", "compression-level", "3") == ARCHIVE_OK,
            unsafe archive_write_set_bytes_per_block(archive, 64 << 10) == ARCHIVE_OK,
            unsafe archive_write_set_bytes_in_last_block(archive, 1) == ARCHIVE_OK,
            unsafe archive_write_open(
                archive, client, nil,
                { archive, client, bytes, count in
                    guard let client = unsafe client else { return -1 }
                    let output = unsafe Unmanaged<OutputFile>.fromOpaque(client).takeUnretainedValue()
                    return unsafe output.write(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : -1
                }, nil) == ARCHIVE_OK
        else {
            unsafe archive_write_free(archive)
            throw EvidenceError(.output, "libarchive cannot write zstd; a libarchive built with libzstd is needed.")
        }
    }

    deinit {
        // Freeing closes, and closing writes: not into a file that has been given up.
        if !isClosed { unsafe archive_write_fail(archive) }
        unsafe archive_write_free(archive)
    }

    func begin(_ header: TarHeader) -> Bool {
        guard let entry = unsafe archive_entry_new() else { return false }
        defer { unsafe archive_entry_free(entry) }
        unsafe Self.withText(header.member) { unsafe archive_entry_copy_pathname(entry, $0) }
        unsafe archive_entry_set_filetype(entry, Self.fileType(header.type))
        unsafe archive_entry_set_perm(entry, header.mode & 0o7777)
        unsafe archive_entry_set_uid(entry, Int64(header.owner))
        unsafe archive_entry_set_gid(entry, Int64(header.group))
        unsafe archive_entry_set_size(entry, Int64(clamping: header.size))
        unsafe archive_entry_set_mtime(entry, time_t(header.modified.0), CLong(header.modified.1))
        if let (seconds, nanoseconds) = header.accessed {
            unsafe archive_entry_set_atime(entry, time_t(seconds), CLong(nanoseconds))
        }
        if let (seconds, nanoseconds) = header.changed {
            unsafe archive_entry_set_ctime(entry, time_t(seconds), CLong(nanoseconds))
        }
        if let born = header.born { unsafe archive_entry_set_birthtime(entry, time_t(born), 0) }
        if let device = header.device {
            unsafe archive_entry_set_rdevmajor(entry, dev_t(device.major))
            unsafe archive_entry_set_rdevminor(entry, dev_t(device.minor))
        }
        if let target = header.target {
            unsafe Self.withText(target) { unsafe archive_entry_copy_symlink(entry, $0) }
        }
        if let link = header.hardLink {
            unsafe Self.withText(link) { unsafe archive_entry_copy_hardlink(entry, $0) }
        }
        for attribute in header.attributes {
            unsafe Self.withText(attribute.name) { name in
                unsafe attribute.value.withUnsafeBytes { value in
                    unsafe archive_entry_xattr_add_entry(entry, name, value.baseAddress, value.count)
                }
            }
        }
        if let runs = header.runs {
            for run in runs {
                unsafe archive_entry_sparse_add_entry(entry, Int64(clamping: run.offset), Int64(clamping: run.length))
            }
            // Without an entry the member would be stored as data; one of no length says that all of it is a hole.
            if runs.isEmpty { unsafe archive_entry_sparse_add_entry(entry, 0, 0) }
        }
        let result = unsafe archive_write_header(archive, entry)
        // ARCHIVE_WARN: the name is no ASCII and was stored as it is.
        return note(result == ARCHIVE_OK || result == ARCHIVE_WARN)
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = unsafe archive_write_data(archive, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            guard count > 0 else { return note(false) }
            done += count
        }
        return true
    }

    /// The next `count` bytes of the member are a hole that its header has told of.
    ///
    /// libarchive wants them all and looks at none, so it is handed address space that has no memory.
    func skip(_ count: UInt64) -> Bool {
        guard count > 0 else { return true }
        let size = Int(min(count, 1 << 30))
        let nothing = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE | CInt(MAP_ANONYMOUS) | CInt(MAP_NORESERVE), -1, 0)
        guard let nothing = unsafe nothing, unsafe nothing != MAP_FAILED else { return note(false) }
        defer { unsafe munmap(nothing, size) }
        var left = count
        while left > 0 {
            let part = Int(min(left, UInt64(size)))
            guard unsafe write(UnsafeRawBufferPointer(start: nothing, count: part)) else { return false }
            left -= UInt64(part)
        }
        return true
    }

    func end() -> Bool { note(unsafe archive_write_finish_entry(archive) == ARCHIVE_OK) }

    func close() -> Bool {
        isClosed = true
        return note(unsafe archive_write_close(archive) == ARCHIVE_OK)
    }

    private func note(_ isGood: Bool) -> Bool {
        if !isGood, trouble == nil {
            trouble = unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "unknown"
        }
        return isGood
    }

    private static func fileType(_ type: MemberType) -> UInt32 {
        switch type {
        case .file, .none, .socket: S_IFREG
        case .directory: S_IFDIR
        case .symlink: S_IFLNK
        case .fifo: S_IFIFO
        case .char: S_IFCHR
        case .block: S_IFBLK
        }
    }

    private static func withText(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Void) {
        let text = bytes.map { CChar(bitPattern: $0) } + [0]
        unsafe text.withUnsafeBufferPointer { buffer in
            if let start = buffer.baseAddress { unsafe body(start) }
        }
    }
}
