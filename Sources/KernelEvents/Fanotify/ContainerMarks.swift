private import CLinux
package import EventModel
private import Glibc
package import LinuxSystem

/// Sets the marks on the procfs and sysfs instances of containers, from the host, without entering any namespace.
///
/// A path below `/proc/PID/root` is the container's to steer: a mark on it once landed on the host's root file system
/// (docs/kernel-facts.md, "fanotify"). So nothing is marked by path. Every mount of the wanted types in the process'
/// mountinfo is opened with openat2 inside the container's root, without links; then the file system's type and device
/// must be those of that mountinfo row and not the host's; and the descriptor is what is marked.
package struct ContainerMarks: Sendable {
    private let group: FanotifyGroup
    private let superblocks: MarkedSuperblocks
    private var plan: MarkPlan
    private let proc: ProcFilesystem
    private let hostProcfs: DeviceNumber
    private let hostSysfs: DeviceNumber
    /// The host's own files with a mark, held open: an inode of procfs lives as long as something holds it.
    private var hostFiles: [WatchedHostFile] = []

    /// What a scan of one process' mounts did.
    package struct Outcome: Sendable, Equatable {
        /// Superblocks marked, the ones that were marked before included.
        package var marked = 0
        /// The same, those of the mounts, by their devices.
        package var devices: Set<DeviceNumber> = []
        /// The process' mounts have a procfs, a sysfs that is not the host's.
        package var sawProcfs = false
        package var sawSysfs = false
        /// Mount points that did not pass the checks, for people.
        package var refused: [String] = []
        /// Both kinds were there, and all of them are marked.
        package var isWhole: Bool { sawProcfs && sawSysfs && refused.isEmpty }

        package init() {}
    }

    private final class WatchedHostFile: Sendable {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    package init(
        group: FanotifyGroup, superblocks: MarkedSuperblocks, plan: MarkPlan, proc: ProcFilesystem = ProcFilesystem()
    ) throws(SystemError) {
        self.group = group
        self.superblocks = superblocks
        self.plan = plan
        self.proc = proc
        hostProcfs = try FileStatus.of("/proc").file.device
        hostSysfs = try FileStatus.of("/sys").file.device
    }

    /// Other files from now on. What is marked stays so: the reader passes over what nobody asks for.
    ///
    /// - Returns: what could not be marked on the host itself.
    package mutating func setPlan(_ new: MarkPlan) -> [String] {
        plan = new
        return markHostFiles()
    }

    /// The few files of the host's own instances: a container with the host's network has the host's sysfs, one with
    /// `-v /proc:/host/proc` its procfs. Only single files, since marking the host's whole procfs would feed the agent its
    /// own reads. Returns what could not be marked.
    package mutating func markHostFiles() -> [String] {
        var failures: [String] = []
        // Held until their marks are there anew.
        let before = hostFiles
        defer { withExtendedLifetime(before) {} }
        hostFiles = []
        superblocks[hostProcfs] = MarkedSuperblocks.Superblock(
            kind: .procfs, pidNamespace: (try? proc.namespace(getpid(), "pid"))?.rawValue ?? 0, isHost: true, pid: 0)
        superblocks[hostSysfs] = MarkedSuperblocks.Superblock(kind: .sysfs, pidNamespace: 0, isHost: true, pid: 0)
        for entry in plan.procfs.sorted() {
            for alias in Self.aliases(of: entry) {
                markHostFile("/proc/" + alias, UInt64(NA_FAN_OPEN), &failures)
            }
        }
        for entry in plan.sysfs.sorted() where (try? FileStatus.of("/sys/" + entry)) != nil {
            markHostFile("/sys/" + entry, UInt64(NA_FAN_MODIFY), &failures)
        }
        return failures
    }

    /// `1/environ` is also `1/task/1/environ`.
    private static func aliases(of entry: String) -> [String] {
        let parts = entry.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, Int32(parts[0]) != nil else { return [entry] }
        return [entry, "\(parts[0])/task/\(parts[0])/\(parts[1])"]
    }

    private mutating func markHostFile(_ path: String, _ mask: UInt64, _ failures: inout [String]) {
        do {
            let file = try OwnedDescriptor(opening: path, flags: CInt(NA_O_PATH) | CInt(NA_O_NOFOLLOW))
            try group.markInode(of: file, mask: mask)
            hostFiles.append(WatchedHostFile(file))
        } catch {
            failures.append("\(path): \(error)")
        }
    }

    /// Marks every procfs and sysfs instance that the process' mount namespace shows. Marking twice is harmless.
    /// Blocks as long as the container's file systems do (FUSE): for a thread with a deadline.
    package func mark(processesOf pid: Int32) throws(SystemError) -> Outcome {
        var outcome = Outcome()
        guard !plan.isEmpty else { return outcome }
        let mounts = try proc.mounts(pid)
        let root = try ForeignRoot(pid: pid)
        var seen: Set<DeviceNumber> = []
        for mount in mounts {
            let kind: FilesystemKind
            switch mount.filesystemType {
            case "proc": kind = .procfs
            case "sysfs": kind = .sysfs
            default: continue
            }
            // A new mount namespace begins with the host's own instances.
            guard mount.device != hostProcfs, mount.device != hostSysfs, seen.insert(mount.device).inserted else {
                continue
            }
            if kind == .procfs { outcome.sawProcfs = true } else { outcome.sawSysfs = true }
            if kind == .sysfs && plan.sysfs.isEmpty || kind == .procfs && plan.procfs.isEmpty { continue }
            do {
                let object = try root.object(at: mount.mountPoint)
                guard try isInstance(object, of: mount, kind) else {
                    outcome.refused.append("\(mount.mountPoint): is not the \(mount.filesystemType) of its mount")
                    seen.remove(mount.device)
                    continue
                }
                try mark(object, mount.device, kind, pid, root: mount.root == "/" ? mount.mountPoint : nil)
                outcome.marked += 1
                outcome.devices.insert(mount.device)
            } catch {
                // Another mount of the same superblock may still be reachable.
                seen.remove(mount.device)
                outcome.refused.append("\(mount.mountPoint): \(error)")
            }
        }
        return outcome
    }

    /// Marks what a descriptor of the process stands for, when it is a procfs or sysfs of its own: a mount that was made by
    /// fsmount and is attached nowhere is in no mountinfo.
    package func mark(descriptor: Int32, of pid: Int32) throws(SystemError) -> Outcome {
        var outcome = Outcome()
        // A magic link: the kernel's own way to the open object, which no path of the container steers.
        let object = try OwnedDescriptor(opening: proc.path(pid, "fd/\(descriptor)"), flags: CInt(NA_O_PATH))
        let kind = FilesystemMagic.kind(try object.filesystemMagic())
        let device = try object.status().file.device
        guard kind == .procfs && !plan.procfs.isEmpty || kind == .sysfs && !plan.sysfs.isEmpty,
            device != hostProcfs, device != hostSysfs
        else { return outcome }
        try mark(object, device, kind, pid, root: "")
        outcome.marked = 1
        return outcome
    }

    /// - Parameter root: where the process has the instance's root mounted, empty for nowhere; nil when `object` is a part.
    private func mark(
        _ object: borrowing OwnedDescriptor, _ device: DeviceNumber, _ kind: FilesystemKind, _ pid: Int32, root: String?
    ) throws(SystemError) {
        let mask = kind == .procfs ? NA_FAN_OPEN : NA_FAN_OPEN | NA_FAN_MODIFY
        try group.markFilesystem(of: object, mask: UInt64(mask))
        let known = superblocks[device]
        // The process that mounted something is often gone at once; one that showed the root and lives is kept.
        var witness: Int32?
        if let known, known.mountPoint != nil,
            (try? proc.mounts(known.pid))?.contains(where: { $0.device == device }) == true
        {
            witness = known.pid
        }
        superblocks[device] = MarkedSuperblocks.Superblock(
            kind: kind,
            pidNamespace: kind != .procfs ? 0 : root == nil ? known?.pidNamespace ?? 0 : pidNamespace(object),
            isHost: false, pid: witness ?? pid,
            mountPoint: witness == nil && root?.isEmpty == false ? root : known?.mountPoint)
    }

    private func isInstance(
        _ object: borrowing OwnedDescriptor, of mount: MountInfo, _ kind: FilesystemKind
    ) throws(SystemError) -> Bool {
        guard FilesystemMagic.kind(try object.filesystemMagic()) == kind else { return false }
        let device = try object.status().file.device
        return device == mount.device && device != hostProcfs && device != hostSysfs
    }

    /// The pid namespace that a procfs instance counts in: that of its process 1. The walk starts at the checked
    /// descriptor and crosses only what the kernel made.
    private func pidNamespace(_ object: borrowing OwnedDescriptor) -> UInt64 {
        var status = na_file_status()
        guard unsafe na_status(object.rawValue, "1/ns/pid", 1, &status) == 0 else { return 0 }
        return status.inode
    }
}
