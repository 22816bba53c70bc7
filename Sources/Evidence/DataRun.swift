private import CLinux
import LinuxSystem

/// A part of a file that has data; what lies between two of them is a hole.
struct DataRun: Equatable, Sendable {
    var offset: UInt64
    var length: UInt64
    var end: UInt64 { offset + length }
}

/// Which part of a file is stored, and where that part has data.
struct FileWindow: Equatable, Sendable {
    /// In the file.
    var start: UInt64
    var length: UInt64
    /// Nil: data everywhere. Offsets count from `start`.
    var runs: [DataRun]?
    /// Why it is not the whole file, for people.
    var cut: String?

    var dataBytes: UInt64 { runs.map { $0.reduce(0) { $0 + $1.length } } ?? length }
    /// The parts to read, in order.
    var parts: [DataRun] { runs ?? (length > 0 ? [DataRun(offset: 0, length: length)] : []) }

    /// Holes that are smaller are read as zeros: a file of a million small holes must not become a million entries.
    static let smallestHole: UInt64 = 64 << 10
    static let mostRuns = 4096
    /// Beyond what ext4 can hold; tmpfs can hold far more, and every byte of a hole is counted by libarchive.
    static let longest: UInt64 = 16 << 40

    /// The window of a file of `size` bytes: at most `limit` bytes of data, from the beginning, or with `tail` the last ones.
    /// Holes are asked of the file system and cost nothing.
    init(_ file: borrowing OwnedDescriptor, size: UInt64, limit: UInt64, tail: UInt64?) {
        if let tail, size > min(tail, limit) {
            length = min(tail, limit)
            start = size - length
            cut = "the last \(length) of \(size) bytes"
        } else {
            start = 0
            length = min(size, Self.longest)
            cut = length < size ? "the first \(length) of \(size) bytes" : nil
        }
        let end = start + length
        var runs: [DataRun] = []
        var position = start
        var data: UInt64 = 0
        while position < end {
            let found = na_seek_data(file.rawValue, Int64(clamping: position))
            // ENXIO: a hole to the end. Any other answer: the file system knows of no holes.
            if found == -6 { break }
            guard found >= 0 else {
                runs.append(DataRun(offset: position - start, length: end - position))
                break
            }
            var first = max(UInt64(found), position)
            guard first < end else { break }
            let hole = na_seek_hole(file.rawValue, Int64(clamping: first))
            var last = hole > 0 ? min(max(UInt64(hole), first + 1), end) : end
            let isFull = runs.count >= Self.mostRuns
            if isFull { last = end }
            if let previous = runs.last, isFull || first - start - previous.end < Self.smallestHole {
                runs.removeLast()
                data -= previous.length
                first = start + previous.offset
            }
            position = last
            // What is left of the limit ends the window here.
            if last - first > limit - data {
                last = first + (limit - data)
                length = last - start
                cut = "the first \(length) of \(size) bytes"
                position = end
            }
            if last > first { runs.append(DataRun(offset: first - start, length: last - first)) }
            data += last - first
        }
        let isWhole = runs.count == 1 && runs[0].offset == 0 && runs[0].length == length
        self.runs = isWhole || length == 0 ? nil : runs
    }
}
