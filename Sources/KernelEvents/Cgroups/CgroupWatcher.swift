private import CLinux
private import Glibc
package import LinuxSystem
private import Synchronization
private import SystemPackage

/// The thread that notices cgroups being made and removed. It tells only that something changed below a hierarchy: the
/// listener looks at the tree itself, which is the truth also after a loss.
package final class CgroupWatcher: Sendable {
    /// How this kernel lets cgroups be watched.
    package enum Method: String, Sendable {
        /// fanotify with directory names, one mark for a hierarchy (not on 6.1: cgroup file systems have no fsid there).
        case fanotify
        /// inotify, one watch for a directory.
        case inotify
    }

    package let method: Method
    private let descriptor: OwnedDescriptor
    private let roots: [String]
    private let stop: WakeEvent
    private let changed: @Sendable () -> Void
    private let overflows = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - roots: mount points of the hierarchies to watch, `/sys/fs/cgroup`.
    ///   - method: nil for the best that this kernel takes; inotify can watch any directory.
    ///   - changed: called on the watcher's thread after each batch of events.
    package init(
        roots: [String], method: Method? = nil, changed: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        self.roots = roots
        self.changed = changed
        stop = try WakeEvent()
        if method != .inotify, let group = Self.fanotifyGroup(roots) {
            self.method = .fanotify
            descriptor = OwnedDescriptor(adopting: group)
        } else {
            self.method = .inotify
            let watch = inotify_init1(CInt(IN_CLOEXEC | IN_NONBLOCK))
            guard watch >= 0 else { throw SystemError("inotify_init1", errno: Errno(rawValue: Glibc.errno)) }
            descriptor = OwnedDescriptor(adopting: watch)
        }
    }

    private static func fanotifyGroup(_ roots: [String]) -> CInt? {
        let group = na_fanotify_init(UInt32(NA_FAN_REPORT_DFID_NAME))
        guard group >= 0 else { return nil }
        for root in roots {
            let mask = UInt64(NA_FAN_CREATE | NA_FAN_DELETE | NA_FAN_ONDIR)
            guard let directory = try? OwnedDescriptor(opening: root, flags: CInt(NA_O_PATH)),
                na_fanotify_add(group, UInt32(NA_FAN_MARK_FILESYSTEM), mask, directory.rawValue) == 0
            else {
                _ = OwnedDescriptor(adopting: group)
                return nil
            }
        }
        return group
    }

    package var overflowCount: UInt64 { overflows.load(ordering: .relaxed) }
    package func requestStop() { stop.signal() }

    package func run() {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        var watches: [CInt: String] = [:]
        if method == .inotify { for root in roots { watch(root, &watches) } }
        while true {
            let ready = waitReadable([descriptor.rawValue, stop.rawDescriptor], milliseconds: 1000)
            if ready & 2 != 0 { return }
            guard ready & 1 != 0 else { continue }
            switch method {
            case .fanotify: drainNames(&buffer)
            case .inotify: drainWatches(&buffer, &watches)
            }
            changed()
        }
    }

    private func drainNames(_ buffer: inout [UInt8]) {
        while true {
            let count = unsafe na_fanotify_read_names(descriptor.rawValue, &buffer, buffer.count)
            if count <= 0 { return }
            var offset = 0
            var event = na_fanotify_name_event()
            while true {
                let next = unsafe na_fanotify_next_name(buffer, count, offset, &event)
                if next == 0 { break }
                if event.mask & UInt64(NA_FAN_Q_OVERFLOW) != 0 { overflows.wrappingAdd(1, ordering: .relaxed) }
                offset = next
            }
        }
    }

    /// Watches a directory and everything below it. What was made between the listing and the watch is found by the
    /// listing that follows the watch.
    private func watch(_ path: String, _ watches: inout [CInt: String]) {
        let mask = UInt32(IN_CREATE) | UInt32(IN_DELETE) | UInt32(IN_ONLYDIR) | UInt32(IN_DONT_FOLLOW)
        let descriptor = unsafe inotify_add_watch(descriptor.rawValue, path, mask)
        guard descriptor >= 0 else { return }
        watches[descriptor] = path
        guard let names = try? directoryEntries(path) else { return }
        for name in names {
            let child = path + "/" + name
            if let status = try? FileStatus.of(child, following: false), status.isDirectory { watch(child, &watches) }
        }
    }

    private func drainWatches(_ buffer: inout [UInt8], _ watches: inout [CInt: String]) {
        while true {
            let count = unsafe read(descriptor.rawValue, &buffer, buffer.count)
            if count <= 0 { return }
            var offset = 0
            let header = MemoryLayout<inotify_event>.size
            while offset + header <= count {
                let event = unsafe buffer.withUnsafeBytes {
                    unsafe $0.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                }
                let end = offset + header + Int(event.len)
                guard end <= count else { break }
                if event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
                    overflows.wrappingAdd(1, ordering: .relaxed)
                    for root in roots { watch(root, &watches) }
                } else if event.mask & UInt32(IN_IGNORED) != 0 {
                    watches[event.wd] = nil
                } else if event.mask & UInt32(IN_CREATE) != 0, event.mask & UInt32(IN_ISDIR) != 0,
                    let parent = watches[event.wd]
                {
                    let name = String(decoding: buffer[(offset + header)..<end].prefix { $0 != 0 }, as: UTF8.self)
                    watch(parent + "/" + name, &watches)
                }
                offset = end
            }
        }
    }
}
