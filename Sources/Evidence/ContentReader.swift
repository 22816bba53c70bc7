private import CLinux
private import Glibc
import LinuxSystem
private import SystemPackage

/// A descriptor that a job on another thread owns together with its caller: it stays what it is as long as either uses it.
final class SharedDescriptor: Sendable {
    let descriptor: OwnedDescriptor

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    init(duplicating other: borrowing OwnedDescriptor) throws(SystemError) {
        descriptor = OwnedDescriptor(adopting: try checked(na_duplicate(other.rawValue), "fcntl"))
    }
}

/// A regular file opened for reading, by a way that suits its file system.
struct ContentReader {
    let window: FileWindow
    private let file: SharedDescriptor
    /// Nil: read directly.
    private let timed: TimedReader?

    enum Outcome {
        /// Bytes read into the buffer; fewer than asked only where the file ends.
        case read(Int)
        case failed(SystemError)
        case timedOut
    }

    /// How long one read may take.
    static let timeout: UInt64 = 2_000_000_000

    /// Opens what the O_PATH descriptor stands for. Nil: timed out.
    ///
    /// - Parameter facts: status of the same object; another object or type is an error.
    static func open(
        _ object: SharedDescriptor, facts: ObjectFacts, limit: UInt64, tail: UInt64?, timed: TimedReader?
    ) -> Result<ContentReader, SystemError>? {
        let begin: @Sendable () -> Result<(FileWindow, SharedDescriptor), SystemError> = {
            do throws(SystemError) {
                let file = OwnedDescriptor(
                    adopting: try checked(na_reopen_for_reading(object.descriptor.rawValue), "open"))
                let now = try ObjectFacts(file)
                guard now.type == .file, now.file == facts.file else {
                    throw SystemError("open", errno: .staleNFSFileHandle)
                }
                let window = FileWindow(file, size: facts.size, limit: limit, tail: tail)
                return .success((window, SharedDescriptor(file)))
            } catch {
                return .failure(error)
            }
        }
        guard let timed else { return begin().map { ContentReader(window: $0.0, file: $0.1, timed: nil) } }
        return timed.run(timeout: timeout, begin)?.map { ContentReader(window: $0.0, file: $0.1, timed: timed) }
    }

    /// Reads from `offset` of the window on.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Outcome {
        let position = Int64(clamping: window.start + offset)
        guard let timed else { return unsafe Self.read(file.descriptor, into: buffer, at: position) }
        let count = buffer.count
        let file = file
        let answer: Result<[UInt8], SystemError>? = timed.run(timeout: Self.timeout) {
            // A buffer of its own: an abandoned job may write to it at any time.
            do throws(SystemError) {
                return .success(try file.descriptor.readBytes(count, at: position))
            } catch {
                return .failure(error)
            }
        }
        switch answer {
        case nil: return .timedOut
        case .failure(let error): return .failed(error)
        case .success(let bytes):
            unsafe buffer.copyBytes(from: bytes)
            return .read(bytes.count)
        }
    }

    private static func read(
        _ file: borrowing OwnedDescriptor, into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) -> Outcome {
        var done = 0
        while done < buffer.count {
            let count = unsafe pread(
                file.rawValue, buffer.baseAddress?.advanced(by: done), buffer.count - done,
                off_t(position &+ Int64(done)))
            if count < 0 {
                let error = Errno(rawValue: Glibc.errno)
                if error == .interrupted { continue }
                return .failed(SystemError("read", errno: error))
            }
            if count == 0 { break }
            done += count
        }
        return .read(done)
    }

    /// Status after reading; nil where it cannot be had in time.
    func factsNow() -> ObjectFacts? {
        let file = file
        let ask: @Sendable () -> ObjectFacts? = { try? ObjectFacts(file.descriptor) }
        guard let timed else { return ask() }
        return timed.run(timeout: Self.timeout, ask) ?? nil
    }

    /// Takes what was read out of the page cache.
    func dropCached() {
        if timed == nil { na_drop_cached(file.descriptor.rawValue) }
    }
}
