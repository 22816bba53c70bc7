private import CLinux
import LinuxSystem

/// A regular file opened for reading, and the part of it that is stored. Each read is a job that may hang: the file may lie
/// on FUSE or NFS, and on any file system a fanotify permission mark can make a read wait for its owner's word.
struct ContentReader: Sendable {
    let window: FileWindow
    private let file: SharedDescriptor
    private let isLocal: Bool
    /// Bytes of the window's first part that a `PieceBuffer` holds; nil: not read.
    private var first: Result<Int, SystemError>?
    /// Status after the last byte was read.
    private var after: ObjectFacts?

    enum Outcome {
        /// Bytes that the buffer has now; fewer than asked only where the file ends.
        case read(Int)
        case failed(SystemError)
        case timedOut
        case refused(hanging: Int)
    }

    /// How long one read may take.
    static let timeout: UInt64 = 2_000_000_000

    init(window: FileWindow, file: SharedDescriptor, isLocal: Bool) {
        self.window = window
        self.file = file
        self.isLocal = isLocal
    }

    /// Reads the first piece; of a file that has no more, the status after it as well.
    mutating func begin(with pieces: PieceBuffer) {
        let parts = window.parts
        if let part = parts.first {
            let count = Int(min(part.length, UInt64(PieceBuffer.size)))
            let (file, offset) = (file, window.start + part.offset)
            first = Result { () throws(SystemError) in try pieces.fill(count, from: file.descriptor, at: offset) }
        }
        if parts.count < 2, parts.first?.length ?? 0 <= UInt64(PieceBuffer.size) {
            after = try? ObjectFacts(file.descriptor)
        }
    }

    /// Reads from `offset` of the window on.
    func read(_ count: Int, into pieces: PieceBuffer, at offset: UInt64, _ reader: TimedReader) -> Outcome {
        let answer: Result<Int, SystemError>
        if let first, offset == window.parts.first?.offset {
            answer = first
        } else {
            let (file, position) = (file, window.start + offset)
            let attempt = reader.attempt(timeout: Self.timeout) {
                Result { () throws(SystemError) in try pieces.fill(count, from: file.descriptor, at: position) }
            }
            switch attempt {
            case .done(let done): answer = done
            case .timedOut: return .timedOut
            case .refused(let hanging): return .refused(hanging: hanging)
            }
        }
        return switch answer {
        case .success(let got): .read(got)
        case .failure(let error): .failed(error)
        }
    }

    /// Status after reading; nil where it cannot be had in time.
    func factsNow(_ reader: TimedReader) -> ObjectFacts? {
        if let after { return after }
        let file = file
        return reader.run(timeout: Self.timeout) { try? ObjectFacts(file.descriptor) } ?? nil
    }

    /// Takes what was read out of the page cache.
    func dropCached() {
        if isLocal { na_drop_cached(file.descriptor.rawValue) }
    }
}
