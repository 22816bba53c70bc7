private import CLinux
import EventModel
private import Glibc
import LinuxSystem
import SystemPackage

/// The archive's file while it is written: `NAME.partial`, mode 0600, locked, below the directory's descriptor. It gets its
/// name when all of it is on the disk.
///
/// The lock (flock) tells a live run's partial file from one that a killed run left: the kernel drops it with the process. A
/// file that was left is taken over, cut to nothing.
final class OutputFile {
    let path: String
    let name: String
    let partialName: String
    let directoryDescriptor: OwnedDescriptor
    /// The partial file and the directory it lies in.
    let ownFiles: Set<FileID>
    let takesOverStalePartial: Bool
    private let file: OwnedDescriptor
    private let floor: UInt64
    private var hash = RunningHash()
    private(set) var written: UInt64 = 0
    private var checkedAt: UInt64 = 0
    /// What ended writing; nothing is written after it.
    private(set) var failure: Errno?
    private(set) var isBelowFloor = false
    private enum State { case open, renamed, removed }
    private var state = State.open

    /// - Parameter floor: bytes that must stay free; nil: `CollectionLimits.defaultFloor`.
    init(_ output: EvidenceOutput, floor: UInt64?) throws(EvidenceError) {
        let (directory, name) = output.location
        let path = directory == "." ? name : directory == "/" ? "/" + name : "\(directory)/\(name)"
        guard !name.isEmpty, name != ".", name != "..", name.utf8.count <= 247 else {
            throw EvidenceError(.output, "\(path) is no file name for an archive; name a new file or a directory.")
        }
        do {
            directoryDescriptor = try OwnedDescriptor(opening: directory, flags: O_RDONLY | CInt(NA_O_DIRECTORY))
        } catch {
            throw EvidenceError(
                .output, "The output directory \(directory) cannot be opened (\(error.errno)); name one that is there.")
        }
        guard !Self.isThere(name, below: directoryDescriptor) else {
            throw EvidenceError(.exists, "\(path) is there already; name another file, or move it away.")
        }
        var available: UInt64 = 0
        var total: UInt64 = 0
        _ = unsafe na_space(directoryDescriptor.rawValue, &available, &total)
        let least = floor ?? CollectionLimits.defaultFloor(total: total)
        guard available >= least else {
            throw EvidenceError(
                .noSpace,
                "The file system of \(directory) has \(available >> 20) MiB left and \(least >> 20) MiB must stay free; "
                    + "free \((least - available) >> 20 + 1) MiB or more, or name a directory elsewhere "
                    + "(--output DIR).")
        }
        let partial = name + ".partial"
        var isStale = false
        file = try Self.create(partial, below: directoryDescriptor, path: path + ".partial", &isStale)
        takesOverStalePartial = isStale
        do {
            ownFiles = [try file.status().file, try directoryDescriptor.status().file]
        } catch {
            throw EvidenceError(.output, "\(path).partial: \(error)")
        }
        self.path = path
        self.name = name
        partialName = partial
        self.floor = least
    }

    deinit { remove() }

    private static func create(
        _ partial: String, below directory: borrowing OwnedDescriptor, path: String, _ isStale: inout Bool
    ) throws(EvidenceError) -> OwnedDescriptor {
        // Twice: the owner of a partial file may remove it between the two looks at it.
        for _ in 0..<2 {
            let created = unsafe na_create_new(directory.rawValue, partial)
            guard created >= 0 || created == -EEXIST else {
                throw EvidenceError(
                    .output,
                    "\(path) cannot be made (\(Errno(rawValue: -created))); name a directory that can be written "
                        + "(--output DIR).")
            }
            let file: OwnedDescriptor
            if created >= 0 {
                file = OwnedDescriptor(adopting: created)
            } else {
                do {
                    file = try OwnedDescriptor(
                        opening: partial, below: directory, flags: O_RDWR | O_NONBLOCK | CInt(NA_O_NOFOLLOW))
                } catch {
                    if error.errno == .noSuchFileOrDirectory { continue }
                    throw notOurs(path)
                }
                var status = na_object_status()
                // What another user made, or holds by a second name, could be read by that user.
                guard unsafe na_object_status(file.rawValue, 0, &status) == 0, status.mode & 0o170077 == 0o100000,
                    status.uid == geteuid(), status.links <= 1
                else { throw notOurs(path) }
            }
            guard na_lock_exclusive(file.rawValue) == 0 else {
                throw EvidenceError(
                    .exists, "Another collection is writing \(path); wait until it has ended, or name another file.")
            }
            // The owner may have removed it, or given it its name, before the lock was ours.
            guard let named = fileID(partial, below: directory), named == (try? file.status().file) else { continue }
            if created < 0, ftruncate(file.rawValue, 0) != 0 { throw notOurs(path) }
            isStale = created < 0
            return file
        }
        throw EvidenceError(.exists, "Another collection is using \(path); name another file.")
    }

    private static func fileID(_ name: String, below directory: borrowing OwnedDescriptor) -> FileID? {
        let flags = CInt(NA_O_PATH) | CInt(NA_O_NOFOLLOW)
        return try? OwnedDescriptor(opening: name, below: directory, flags: flags).status().file
    }

    private static func notOurs(_ path: String) -> EvidenceError {
        EvidenceError(
            .exists, "\(path) is there already and was not left by a collection; remove it, or name another file.")
    }

    private static func isThere(_ name: String, below directory: borrowing OwnedDescriptor) -> Bool {
        do {
            _ = try OwnedDescriptor(opening: name, below: directory, flags: CInt(NA_O_PATH) | CInt(NA_O_NOFOLLOW))
            return true
        } catch {
            return error.errno != .noSuchFileOrDirectory
        }
    }

    /// Appends to the file and its hash. False: `failure` says why; nothing is written any more.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard failure == nil, state == .open else { return false }
        var done = 0
        while done < bytes.count {
            let count = unsafe Glibc.write(
                file.rawValue, bytes.baseAddress?.advanced(by: done), min(bytes.count - done, 1 << 20))
            if count < 0 {
                let error = Errno(rawValue: Glibc.errno)
                if error == .interrupted { continue }
                failure = error
                return false
            }
            done += count
        }
        unsafe hash.update(bytes)
        written += UInt64(bytes.count)
        if written - checkedAt >= 16 << 20 { checkSpace() }
        return true
    }

    /// Looks whether the file system has come below the floor.
    func checkSpace() {
        checkedAt = written
        var available: UInt64 = 0
        var total: UInt64 = 0
        if unsafe na_space(directoryDescriptor.rawValue, &available, &total) == 0, available < floor {
            isBelowFloor = true
        }
    }

    /// Why writing failed, for people.
    func error(_ operation: String = "write") -> EvidenceError {
        let cause = failure ?? .ioError
        guard cause == .noSpace || cause == .diskQuotaExceeded else {
            return EvidenceError(.output, "\(path).partial: \(operation): \(cause); the collection has been given up.")
        }
        return EvidenceError(
            .noSpace,
            "The file system is full after \(written >> 20) MiB of \(path).partial; the collection has been given up. "
                + "It needs more than \(written >> 20) MiB: name a directory elsewhere (--output DIR), or take less "
                + "(--max-size).")
    }

    /// Syncs the file, gives it its name without replacing another, syncs the directory. Returns its SHA-256 in hex.
    func commit() throws(EvidenceError) -> String {
        guard fsync(file.rawValue) == 0 else {
            failure = Errno(rawValue: Glibc.errno)
            throw error("fsync")
        }
        let result = unsafe na_rename_new(directoryDescriptor.rawValue, partialName, name)
        guard result == 0 else {
            // All of it is there: whatever happens, it is kept.
            state = .renamed
            throw EvidenceError(
                result == -EEXIST ? .exists : .output,
                "\(path) could not be made (\(Errno(rawValue: -result))); the whole collection is in \(path).partial: "
                    + "rename that.")
        }
        state = .renamed
        guard fsync(directoryDescriptor.rawValue) == 0 else {
            throw EvidenceError(
                .output, "\(path) is whole, but its directory could not be synced (\(Errno(rawValue: Glibc.errno))).")
        }
        return hash.digest.hex
    }

    /// Removes the partial file, unless it has got its name.
    func remove() {
        guard state == .open else { return }
        state = .removed
        _ = unsafe unlinkat(directoryDescriptor.rawValue, partialName, 0)
    }
}
