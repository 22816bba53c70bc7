private import CLinux
private import Glibc
package import LinuxSystem
private import SystemPackage

/// What was done to containers and not yet undone, in a file that outlives the agent: a header and 256 slots, allocated
/// before the first action, so that neither a full disk nor a kill between two calls loses what is needed to undo.
///
/// Each step of an action takes a slot of its own, so a torn write leaves the step before it. The newest slot of an action
/// that is not undone is never written over. Whoever has it open holds its lock; there is one at a time on a host.
package final class ActionJournal {
    package static let fileName = "actions.journal"
    package static let slots = JournalSlot.count
    private static let version: UInt32 = 1
    private static let headerMagic = Array("NAACTION".utf8)

    private let file: OwnedDescriptor
    private let boot: BootID
    private var sequence: UInt64 = 0
    private var next = 0
    /// Slots that hold the newest step of an action that needs undoing.
    private var held: [UInt64: Int] = [:]
    private var newest: [UInt64: JournalRecord] = [:]
    package private(set) var lastAction: UInt64 = 0
    /// Slots that could not be read: torn, or written by something else.
    package let damaged: Int

    /// Opens the file in the runtime directory, or makes it.
    ///
    /// - Throws: EWOULDBLOCK when another process has it open; EPERM when the file could be written by others.
    package init(directory: String, boot: BootID) throws(SystemError) {
        let path = "\(directory)/\(Self.fileName)"
        let flags = O_RDWR | O_CREAT | O_NONBLOCK | CInt(NA_O_NOFOLLOW) | CInt(NA_O_CLOEXEC)
        let opened = unsafe open(path, flags, mode_t(0o600))
        guard opened >= 0 else { throw SystemError("open", path, errno: Errno(rawValue: Glibc.errno)) }
        file = OwnedDescriptor(adopting: opened)
        self.boot = boot
        let status = try file.status()
        guard status.isRegular, status.owner == geteuid(), status.mode & 0o022 == 0 else {
            throw SystemError("open (remove it if it is not nodeagent's)", path, errno: .notPermitted)
        }
        _ = try checked(na_lock_exclusive(file.rawValue), "flock", path)
        let size = (1 + Self.slots) * JournalSlot.size
        _ = try checked(na_preallocate(file.rawValue, Int64(size)), "posix_fallocate", path)

        let bytes = try file.readBytes(size, at: 0)
        let found = JournalSlot.readAll(bytes.dropFirst(JournalSlot.size), boot: boot)
        damaged = found.damaged
        for (slot, record, number) in found.steps {
            lastAction = max(lastAction, record.action)
            guard number >= sequence || newest[record.action] == nil else { continue }
            newest[record.action] = record
            held[record.action] = slot
            if number >= sequence {
                sequence = number
                next = (slot + 1) % Self.slots
            }
        }
        for (action, record) in newest where !record.needsUndo {
            newest[action] = nil
            held[action] = nil
        }
        let header = Self.header(boot)
        if Array(bytes.prefix(header.count)) != header { try write(header, at: 0) }
    }

    /// The newest step of each action that may have left a container frozen, oldest action first.
    package var unfinished: [JournalRecord] { newest.values.sorted { $0.action < $1.action } }

    /// Writes a step. On return it survives the end of this process; `sync` makes it survive the machine's.
    ///
    /// - Throws: ENAMETOOLONG when path and id do not fit; ENOSPC when every slot is needed.
    package func append(_ record: JournalRecord) throws(SystemError) {
        // A sequence at its end was never ours: start over below it would hide the newest, so nothing is written.
        let (number, overflow) = sequence.addingReportingOverflow(1)
        guard !overflow, let bytes = JournalSlot.encode(record, sequence: number, boot: boot) else {
            throw SystemError("encode", Self.fileName, errno: overflow ? .overflow : .fileNameTooLong)
        }
        let needed = Set(held.values)
        let inOrder = (next..<(next + Self.slots)).lazy.map { $0 % Self.slots }
        guard let slot = inOrder.first(where: { !needed.contains($0) }) else {
            throw SystemError("append", Self.fileName, errno: .noSpace)
        }
        try write(bytes, at: (1 + slot) * JournalSlot.size)
        sequence = number
        next = (slot + 1) % Self.slots
        lastAction = max(lastAction, record.action)
        newest[record.action] = record.needsUndo ? record : nil
        held[record.action] = record.needsUndo ? slot : nil
    }

    package func sync() throws(SystemError) {
        guard fdatasync(file.rawValue) == 0 else {
            throw SystemError("fdatasync", Self.fileName, errno: Errno(rawValue: Glibc.errno))
        }
    }

    private static func header(_ boot: BootID) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: JournalSlot.size)
        header.replaceSubrange(0..<8, with: headerMagic)
        JournalSlot.put(version, at: 8, in: &header)
        JournalSlot.put(UInt32(JournalSlot.size), at: 12, in: &header)
        JournalSlot.put(UInt32(slots), at: 16, in: &header)
        header.replaceSubrange(24..<40, with: boot.bytes)
        return header
    }

    private func write(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe pwrite(
                    file.rawValue, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset + done))
            }
            if count < 0 {
                let error = Errno(rawValue: Glibc.errno)
                if error == .interrupted { continue }
                throw SystemError("pwrite", Self.fileName, errno: error)
            }
            done += count
        }
    }
}
