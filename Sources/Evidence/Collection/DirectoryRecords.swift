private import CLinux

/// The records that getdents64 fills a buffer with.
enum DirectoryRecords {
    /// Their names, but for `.` and `..`.
    static func names(in buffer: [UInt8], _ filled: Int) -> [[UInt8]] {
        var names: [[UInt8]] = []
        unsafe buffer.withUnsafeBytes { bytes in
            var offset = 0
            while true {
                var name: UnsafePointer<CChar>?
                var length = 0
                var type: UInt32 = 0
                let next = unsafe na_directory_next(
                    bytes.baseAddress, min(filled, bytes.count), offset, &name, &length, &type)
                guard next > offset, let start = unsafe name else { return }
                let found = unsafe Array(UnsafeRawBufferPointer(start: start, count: length))
                let isDot = found.elementsEqual(".".utf8) || found.elementsEqual("..".utf8)
                // The kernel lets no file system report a slash; one that did would lead elsewhere.
                if !isDot, !found.isEmpty, !found.contains(UInt8(ascii: "/")) { names.append(found) }
                offset = next
            }
        }
        return names
    }
}
