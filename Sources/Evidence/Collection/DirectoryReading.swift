private import CLinux
import LinuxSystem
private import Synchronization
private import SystemPackage

/// The jobs of a walk: opening a directory and reading its entries, and opening these. Opening a directory for reading makes
/// fanotify permission events, and looking a name up asks the server of a FUSE or NFS file system: either may hang.
enum DirectoryReading {
    static let timeout: UInt64 = 2_000_000_000

    /// A directory that was opened for its entries.
    struct Opened: Sendable {
        let directory: SharedDescriptor
        let status: ObjectStatus
    }

    static func open(
        _ name: [UInt8], below directory: SharedDescriptor, _ walk: OwnedDescriptor.Walk, _ reader: TimedReader
    ) throws(SystemError) -> Opened {
        try reader.answer("opening") { () throws(SystemError) in
            let opened = try OpenedObject(
                try OwnedDescriptor(directory: name, below: directory.descriptor, walk))
            let status = opened.status
            return Opened(directory: SharedDescriptor(opened.taken()), status: status)
        }
    }

    /// The next names, in the directory's order; none at its end.
    static func names(
        _ directory: SharedDescriptor, _ reader: TimedReader
    ) throws(SystemError) -> [[UInt8]] {
        try reader.answer("reading its entries") { () throws(SystemError) in
            var buffer = [UInt8](repeating: 0, count: 32 * 1024)
            while true {
                let filled = try checked(
                    unsafe na_directory_read(directory.descriptor.rawValue, &buffer, buffer.count), "getdents64")
                let names = DirectoryRecords.names(in: buffer, filled)
                if filled == 0 || !names.isEmpty { return names }
            }
        }
    }
}

/// Some entries of a directory, each opened as itself (O_PATH) by one job.
final class EntryBatch: Sendable {
    enum Entry: Sendable {
        case opened(SharedDescriptor, ObjectStatus)
        case failed(SystemError)
    }

    /// Bounds the descriptors that a walk has at a time.
    static let size = 32

    private let done = Mutex<[Entry]>([])

    /// Opens `entries`, in their order. One that hangs gets an error, and another job goes on behind it.
    static func open(
        _ entries: ArraySlice<(name: [UInt8], walk: OwnedDescriptor.Walk)>, below directory: SharedDescriptor,
        _ reader: TimedReader
    ) -> [Entry] {
        var opened: [Entry] = []
        while opened.count < entries.count {
            let batch = EntryBatch()
            let rest = entries.dropFirst(opened.count)
            let attempt = reader.attempt(timeout: DirectoryReading.timeout) { batch.run(rest, directory) }
            opened += batch.done.withLock { $0 }.prefix(rest.count)
            switch attempt {
            case .done: break
            case .timedOut(let nanoseconds):
                if opened.count < entries.count { opened.append(.failed(.hung("opening", after: nanoseconds))) }
            case .refused(let hanging):
                while opened.count < entries.count { opened.append(.failed(.refused(hanging: hanging))) }
            }
        }
        return opened
    }

    private func run(
        _ entries: ArraySlice<(name: [UInt8], walk: OwnedDescriptor.Walk)>, _ directory: SharedDescriptor
    ) {
        for (name, walk) in entries {
            let entry: Entry
            do throws(SystemError) {
                let object = try OwnedDescriptor(object: name, below: directory.descriptor, walk)
                let status = try ObjectStatus(of: object)
                entry = .opened(SharedDescriptor(object), status)
            } catch {
                entry = .failed(error)
            }
            done.withLock { $0.append(entry) }
        }
    }
}
