private import CLinux
package import EventModel
private import Glibc
package import LinuxSystem
private import Synchronization
package import SystemPackage

/// The thread that reads the group of the containers' marks. It looks at each file while the event's descriptor is open,
/// closes it, and hands on only what a rule names.
package final class FanotifyReader: Sendable {
    private let group: FanotifyGroup
    private let superblocks: MarkedSuperblocks
    private let stop: WakeEvent
    private let handler: @Sendable (FileAccess) -> Void
    private let wanted: Mutex<Wanted>

    /// The file that our own canary opens.
    private let canary: FileID?

    private let events = Atomic<UInt64>(0)
    private let canaries = Atomic<UInt64>(0)
    private let overflows = Atomic<UInt64>(0)
    /// Events whose object could not be opened any more, by errno.
    private let vanished = Mutex<[CInt: UInt64]>([:])

    /// - Parameters:
    ///   - canary: a marked file whose opens are counted and not told.
    ///   - handler: called on the reader's thread for each access that a rule may want.
    package init(
        group: FanotifyGroup, superblocks: MarkedSuperblocks, plan: MarkPlan, canary: FileID? = nil,
        handler: @escaping @Sendable (FileAccess) -> Void
    ) throws(SystemError) {
        self.group = group
        self.superblocks = superblocks
        self.canary = canary
        self.handler = handler
        wanted = Mutex(Wanted(plan))
        stop = try WakeEvent()
    }

    /// The files that rules name.
    private final class Wanted: Sendable {
        /// Last path components of those in procfs, `environ`, with the paths below the root.
        let procfsEntries: Set<String>
        let procfsLeaves: Set<String>
        /// Inodes of those in sysfs; the numbers are the same in every instance.
        let sysfsInodes: [UInt64: String]

        init(_ plan: MarkPlan) {
            procfsEntries = plan.procfs
            procfsLeaves = Set(plan.procfs.map { String($0.split(separator: "/").last ?? "") })
            var inodes: [UInt64: String] = [:]
            for entry in plan.sysfs {
                if let inode = (try? FileStatus.of("/sys/" + entry, following: false))?.file.inode {
                    inodes[inode] = entry
                }
            }
            sysfsInodes = inodes
        }
    }

    /// From any thread: what is handed on from now on.
    package func setPlan(_ plan: MarkPlan) {
        let new = Wanted(plan)
        wanted.withLock { $0 = new }
    }

    package var eventCount: UInt64 { events.load(ordering: .relaxed) }
    /// Opens of the canary's file.
    package var canaryCount: UInt64 { canaries.load(ordering: .relaxed) }
    /// Queue overflows: how many events were lost the kernel does not say.
    package var overflowCount: UInt64 { overflows.load(ordering: .relaxed) }
    /// Events that were consumed without their object, by errno (ESRCH: the process was gone).
    package var lostObjects: [Errno: UInt64] {
        vanished.withLock { table in
            Dictionary(uniqueKeysWithValues: table.map { (Errno(rawValue: $0.key), $0.value) })
        }
    }

    package func requestStop() { stop.signal() }

    package func run() {
        while true {
            let ready = waitReadable([group.rawDescriptor, stop.rawDescriptor], milliseconds: 1000)
            if ready & 2 != 0 { return }
            while readOne() {}
        }
    }

    /// False when nothing waits.
    private func readOne() -> Bool {
        var event = na_fanotify_event()
        let result = unsafe na_fanotify_read(group.rawDescriptor, &event)
        if result == 0 { return false }
        if result < 0 {
            // The event is consumed and its object untold. None of these ends the watch: a reader that stopped here has
            // blinded whole hosts.
            countLost(-result)
            if result == -ESRCH { handler(goneAccess(0)) }
            return true
        }
        events.wrappingAdd(1, ordering: .relaxed)
        if event.pidfd >= 0 { _ = OwnedDescriptor(adopting: event.pidfd) }
        if event.mask & UInt64(NA_FAN_Q_OVERFLOW) != 0 { overflows.wrappingAdd(1, ordering: .relaxed) }
        guard event.descriptor >= 0 else {
            if event.mask & UInt64(NA_FAN_Q_OVERFLOW) == 0 {
                countLost(-event.descriptor)
                if event.descriptor == -ESRCH, event.mask & UInt64(NA_FAN_OPEN) != 0 { handler(goneAccess(event.pid)) }
            }
            return true
        }
        let file = OwnedDescriptor(adopting: event.descriptor)
        if let access = look(file, event) { handler(access) }
        return true
    }

    private func goneAccess(_ pid: Int32) -> FileAccess {
        FileAccess(
            pid: pid, isWrite: false, time: realtimeNanoseconds(), received: monotonicNanoseconds(), object: nil,
            filesystem: .procfs, name: "", path: "")
    }

    private func countLost(_ error: CInt) {
        vanished.withLock { $0[error, default: 0] += 1 }
    }

    private func look(_ file: borrowing OwnedDescriptor, _ event: na_fanotify_event) -> FileAccess? {
        guard let status = try? file.status() else { return nil }
        if status.file == canary {
            canaries.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        guard let superblock = superblocks[status.file.device] else { return nil }
        let wanted = self.wanted.withLock { $0 }
        let isWrite = event.mask & UInt64(NA_FAN_MODIFY) != 0
        var access = FileAccess(
            pid: event.pid, isWrite: isWrite, time: realtimeNanoseconds(), received: monotonicNanoseconds(),
            object: FileObject(
                deviceMajor: status.file.device.major, deviceMinor: status.file.device.minor,
                inode: status.file.inode, mode: status.mode, nodeMajor: 0, nodeMinor: 0),
            filesystem: superblock.kind, name: "", path: "")
        switch superblock.kind {
        case .sysfs:
            guard let entry = wanted.sysfsInodes[status.file.inode] else { return nil }
            access.name = "/sys/" + entry
            access.path = path(file)
        case .procfs:
            // environ is 0400 and few other files are: every other open of this procfs ends here.
            guard status.isRegular, status.mode & 0o7777 == 0o400 else { return nil }
            access.path = path(file)
            let inside = pathInside(access.path, file, [event.pid, superblock.pid])
            guard
                let found = inside.flatMap({ entry($0, wanted) }) ?? entry(of: status.file, superblock, wanted)
            else { return nil }
            access.name = "/proc/" + found.entry
            access.entry = ProcfsEntry(
                pid: found.pid, hostPID: superblock.isHost ? found.pid : 0, pidNamespace: superblock.pidNamespace)
        default:
            return nil
        }
        return access
    }

    private func path(_ file: borrowing OwnedDescriptor) -> String {
        (try? readLink("/proc/self/fd/\(file.rawValue)")) ?? ""
    }

    /// The wanted entry that a path inside the procfs stands for: `1/environ`, also through `1/task/1/environ`.
    private func entry(_ inside: String, _ wanted: Wanted) -> (entry: String, pid: Int32)? {
        var parts = inside.split(separator: "/")
        guard let leaf = parts.last, wanted.procfsLeaves.contains(String(leaf)), let pid = Int32(parts[0]) else {
            return nil
        }
        if parts.count == 4, parts[1] == "task" { parts.removeSubrange(1...2) }
        let entry = parts.joined(separator: "/")
        return wanted.procfsEntries.contains(entry) ? (entry, pid) : nil
    }

    /// The wanted entry that is this very file, whatever it was called: a container may have bound it to another name and
    /// taken that away again. The event holds the file open, so that looking it up by its own name finds the same inode.
    private func entry(
        of file: FileID, _ superblock: MarkedSuperblocks.Superblock, _ wanted: Wanted
    ) -> (entry: String, pid: Int32)? {
        guard let mountPoint = superblock.mountPoint, let root = try? ForeignRoot(pid: superblock.pid) else {
            return nil
        }
        for entry in wanted.procfsEntries {
            guard let pid = entry.split(separator: "/").first.flatMap({ Int32($0) }),
                let object = try? root.object(at: mountPoint + "/" + entry),
                let status = try? object.status(), status.file == file
            else { continue }
            return (entry, pid)
        }
        return nil
    }

    /// The file's path from the root of its procfs. The path that the kernel shows begins at the mount's root, and a
    /// container may have bound a directory or a single file of its procfs anywhere: mountinfo tells where that began.
    ///
    /// - Parameter pids: the actor, and another process of its mount namespace for when the actor is gone.
    private func pathInside(_ shown: String, _ file: borrowing OwnedDescriptor, _ pids: [Int32]) -> String? {
        let id = mountID(file)
        for pid in pids where id != nil && pid > 0 {
            guard let mount = (try? ProcFilesystem().mounts(pid))?.first(where: { $0.mountID == id }) else { continue }
            let root = mount.root == "/" ? "" : mount.root
            let point = mount.mountPoint == "/" ? "" : mount.mountPoint
            let below = shown.hasPrefix(point) ? shown.dropFirst(point.count) : Substring(shown)
            return root + below
        }
        // The process is gone, or the mount is in no mountinfo of its: what the kernel shows ends in the procfs' own
        // names, and those are the last two or four components.
        let parts = shown.split(separator: "/")
        if parts.count >= 4, parts[parts.count - 3] == "task" { return parts.suffix(4).joined(separator: "/") }
        return parts.suffix(2).joined(separator: "/")
    }

    private func mountID(_ file: borrowing OwnedDescriptor) -> Int? {
        guard let bytes = try? readFile("/proc/self/fdinfo/\(file.rawValue)", limit: 4096) else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("mnt_id:") {
            return Int(line.dropFirst("mnt_id:".count).drop { $0 == " " || $0 == "\t" })
        }
        return nil
    }
}
