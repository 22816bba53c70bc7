import CLinux
import EventModel
import Foundation
import Glibc
import KernelEvents
import LinuxSystem
import Synchronization
import Testing

/// Bytes as a dump shows them; `//` begins a remark.
private func bytes(_ dump: String) -> [UInt8] {
    dump.split(separator: "\n").flatMap { line in
        line.split(separator: "/", maxSplits: 1)[0].split(separator: " ").compactMap { UInt8($0, radix: 16) }
    }
}

/// Waits for something that another thread does, at most five seconds.
private func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<2500 {
        if condition() { return true }
        usleep(2000)
    }
    return condition()
}

/// Runs a source on a thread of its own while `body` runs; it has half a second to stop.
private func running(
    _ source: @escaping @Sendable () -> Void, stop: () -> Void, _ body: () throws -> Void
) throws {
    let thread = try NamedThread("source", source)
    let outcome = Result { try body() }
    let asked = monotonicNanoseconds()
    stop()
    thread.join()
    #expect(monotonicNanoseconds() - asked < 500_000_000)
    try outcome.get()
}

/// A directory of its own, gone with its value.
private struct TemporaryDirectory: ~Copyable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("nodeagent-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func make(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }

    func write(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }
}

/// Datagrams of the process connector, recorded on 6.18: `sh -c 'exec true'`, started by a process 0x1785.
@Suite struct ProcessEventTests {
    /// What every datagram begins with.
    private static func frame(_ sequence: String) -> String {
        """
        4c 00 00 00 03 00 00 00   // nlmsghdr: nlmsg_len 76, nlmsg_type NLMSG_DONE, nlmsg_flags
        \(sequence) 00 00 00 00   // nlmsg_seq, nlmsg_pid 0: the kernel
        01 00 00 00 01 00 00 00   // cn_msg: id.idx CN_IDX_PROC, id.val CN_VAL_PROC
        \(sequence) 01 00 00 00   // seq, ack
        28 00 00 00               // len 40, flags

        """
    }

    private static let fork =
        frame("08 a1 02 00") + """
            01 00 00 00 00 00 00 00   // proc_event: what PROC_EVENT_FORK, cpu 0
            d4 ce 44 99 29 07 00 00   // timestamp_ns
            85 17 00 00 85 17 00 00   // parent_pid, parent_tgid
            ae 17 00 00 ae 17 00 00   // child_pid, child_tgid
            00 00 00 00 00 00 00 00   // the union's rest
            """
    private static let exec =
        frame("11 71 02 00") + """
            02 00 00 00 01 00 00 00   // proc_event: what PROC_EVENT_EXEC, cpu 1
            42 82 48 9e 29 07 00 00   // timestamp_ns
            ae 17 00 00 ae 17 00 00   // process_pid, process_tgid
            00 00 00 00 00 00 00 00   // the union's rest
            00 00 00 00 00 00 00 00
            """
    private static let exit =
        frame("13 71 02 00") + """
            00 00 00 80 01 00 00 00   // proc_event: what PROC_EVENT_EXIT, cpu 1
            c5 89 63 9e 29 07 00 00   // timestamp_ns
            ae 17 00 00 ae 17 00 00   // process_pid, process_tgid
            00 00 00 00 11 00 00 00   // exit_code 0, exit_signal SIGCHLD
            85 17 00 00 85 17 00 00   // parent_pid, parent_tgid
            """
    /// The answer to a subscription.
    private static let acknowledgement =
        frame("07 a1 02 00") + """
            00 00 00 00 00 00 00 00   // proc_event: what PROC_EVENT_NONE, cpu 0
            56 eb 42 99 29 07 00 00   // timestamp_ns
            00 00 00 00 00 00 00 00   // err 0
            00 00 00 00 00 00 00 00
            00 00 00 00 00 00 00 00
            """

    private func parse(_ datagram: [UInt8]) -> na_process_event? {
        var event = na_process_event()
        return unsafe na_parse_process_event(datagram, datagram.count, &event) == 1 ? event : nil
    }

    @Test func readsAFork() throws {
        let event = try #require(parse(bytes(Self.fork)))
        #expect(event.what == UInt32(NA_PROC_FORK))
        #expect(event.pid == 0x17ae && event.tgid == 0x17ae && event.parent_tgid == 0x1785)
        #expect(event.cpu == 0 && event.sequence == 0x2a108)
        #expect(event.monotonic_ns == 0x0729_9944_ced4)
    }

    @Test func readsAnExec() throws {
        let event = try #require(parse(bytes(Self.exec)))
        #expect(event.what == UInt32(NA_PROC_EXEC))
        #expect(event.pid == 0x17ae && event.tgid == 0x17ae && event.parent_tgid == 0)
        #expect(event.cpu == 1 && event.sequence == 0x27111)
        #expect(event.monotonic_ns == 0x0729_9e48_8242)
    }

    @Test func readsAnExit() throws {
        let event = try #require(parse(bytes(Self.exit)))
        #expect(event.what == UInt32(NA_PROC_EXIT))
        #expect(event.pid == 0x17ae && event.tgid == 0x17ae)
    }

    /// Counted, so that its sequence makes no gap, and no event of a process.
    @Test func readsAnAcknowledgement() throws {
        let event = try #require(parse(bytes(Self.acknowledgement)))
        #expect(event.what == UInt32(NA_PROC_OTHER))
        #expect(event.sequence == 0x2a107)
    }

    @Test(arguments: [0x4, 0x40, 0x80, 0x100, 0x200, 0x4000_0000, 0x400])
    func passesOverWhatItDoesNotKnow(_ what: UInt32) throws {
        var datagram = bytes(Self.exec)
        for index in 0..<4 { datagram[36 + index] = UInt8(truncatingIfNeeded: what >> UInt32(8 * index)) }
        #expect(try #require(parse(datagram)).what == UInt32(NA_PROC_OTHER))
    }

    @Test func refusesAnotherConnector() {
        for offset in [16, 20] {
            var datagram = bytes(Self.exec)
            datagram[offset] = 2
            #expect(parse(datagram) == nil)
        }
    }

    /// Kernels before ours had a shorter union; what is not there counts as 0.
    @Test func readsAnyLength() {
        let whole = bytes(Self.fork)
        for length in 0...whole.count {
            let event = parse(Array(whole.prefix(length)))
            #expect((event == nil) == (length < 52), "\(length)")
            if let event, length < 68 { #expect(event.tgid != 0x17ae || length >= 66) }
        }
    }
}

/// Events of fanotify as read(2) gives them (fanotify(7)), through a pipe in the place of the group.
@Suite struct FanotifyEventTests {
    private static let metadata = """
        20 00 00 00 03 00 18 00   // fanotify_event_metadata: event_len 32, vers 3, reserved, metadata_len 24
        20 00 00 00 00 00 00 00   // mask FAN_OPEN
        ff ff ff ff 67 12 00 00   // fd -1, pid 4711

        """
    private static let pidfd = "04 00 08 00 ff ff ff ff   // fanotify_event_info_pidfd: type 4, len 8, FAN_NOPIDFD\n"

    private struct Read {
        var result: CInt
        var event: na_fanotify_event
    }

    private func read(_ event: [UInt8]) throws -> Read {
        var pair: [CInt] = [0, 0]
        try #require(unsafe pipe(&pair) == 0)
        let source = OwnedDescriptor(adopting: pair[0])
        do {
            let sink = OwnedDescriptor(adopting: pair[1])
            try sink.writeAll(event)
        }
        var read = Read(result: 0, event: na_fanotify_event())
        read.result = unsafe na_fanotify_read(source.rawValue, &read.event)
        return read
    }

    @Test func readsAnOpenWithoutAPidfd() throws {
        let read = try read(bytes(Self.metadata + Self.pidfd))
        #expect(read.result == 1)
        #expect(read.event.mask == UInt64(NA_FAN_OPEN))
        #expect(read.event.pid == 4711 && read.event.descriptor == -1 && read.event.pidfd == -1)
    }

    /// FAN_REPORT_FD_ERROR puts -errno where the descriptor would be: ESRCH.
    @Test func keepsTheErrorInThePlaceOfTheDescriptor() throws {
        var event = bytes(Self.metadata + Self.pidfd)
        event.replaceSubrange(16..<20, with: [0xFD, 0xFF, 0xFF, 0xFF])
        #expect(try read(event).event.descriptor == -ESRCH)
    }

    @Test func readsAnOverflow() throws {
        let event = bytes(
            """
            18 00 00 00 03 00 18 00   // event_len 24, vers 3, metadata_len 24
            00 40 00 00 00 00 00 00   // mask FAN_Q_OVERFLOW
            ff ff ff ff 00 00 00 00   // fd FAN_NOFD, pid 0
            """)
        let read = try read(event)
        #expect(read.result == 1)
        #expect(read.event.mask == UInt64(NA_FAN_Q_OVERFLOW) && read.event.descriptor == -1)
    }

    @Test func refusesAnotherVersion() throws {
        var event = bytes(Self.metadata + Self.pidfd)
        event[4] = 4
        #expect(try read(event).result == -EPROTO)
    }

    @Test func takesNothingFromAnEventThatIsCut() throws {
        #expect(try read(Array(bytes(Self.metadata).prefix(23))).result == 0)
        #expect(try read([]).result == 0)
        // An information record of no length must not be read for ever.
        var event = bytes(Self.metadata + Self.pidfd)
        event[26] = 0
        #expect(try read(event).event.pidfd == -1)
    }

    /// What FAN_REPORT_DFID_NAME tells of `mkdir new` on a cgroup file system.
    private static let named = """
        34 00 00 00 03 00 18 00   // event_len 52, vers 3, reserved, metadata_len 24
        00 01 00 40 00 00 00 00   // mask FAN_CREATE | FAN_ONDIR
        ff ff ff ff 67 12 00 00   // fd FAN_NOFD, pid 4711
        02 00 1c 00               // fanotify_event_info_fid: type DFID_NAME, len 28
        11 22 33 44 55 66 77 88   // fsid
        08 00 00 00 fe 00 00 00   // file_handle: handle_bytes 8, handle_type FILEID_KERNFS
        2a 00 00 00 01 00 00 00   // the directory's inode number and generation

        """

    private func next(_ buffer: [UInt8], at offset: Int = 0) -> (event: na_fanotify_name_event, next: Int) {
        var event = na_fanotify_name_event()
        let next = unsafe na_fanotify_next_name(buffer, buffer.count, offset, &event)
        return (event, Int(next))
    }

    private func name(_ event: na_fanotify_name_event) -> String {
        let bytes = unsafe withUnsafeBytes(of: event.name) { unsafe Array($0) }
        return String(decoding: bytes.prefix(Int(event.name_length)), as: UTF8.self)
    }

    /// As `named`, with a name of four bytes.
    private var withName: [UInt8] {
        var buffer = bytes(Self.named) + Array("new\0".utf8)
        buffer[0] = 56
        buffer[26] = 32
        return buffer
    }

    @Test func readsTheNameOfANewDirectory() {
        let (event, next) = next(withName)
        #expect(next == 56)
        #expect(event.mask == UInt64(NA_FAN_CREATE | NA_FAN_ONDIR) && event.pid == 4711)
        #expect(event.directory_handle == 0x1_0000_002a)
        #expect(name(event) == "new")
    }

    @Test func stepsThroughSeveralEvents() {
        let buffer = withName + withName
        let first = next(buffer)
        let second = next(buffer, at: first.next)
        #expect(name(second.event) == "new" && second.next == 112)
        #expect(next(buffer, at: second.next).next == 0)
    }

    /// The kernel writes no such thing; a length that leads out of the buffer is not followed all the same.
    @Test func staysInsideItsBuffer() {
        let whole = withName
        for length in 0..<whole.count { #expect(next(Array(whole.prefix(length))).next == 0) }
        var random = SplitMix64(state: 6)
        for _ in 0..<20_000 {
            var buffer = whole
            for _ in 0..<3 {
                buffer[Int.random(in: 0..<buffer.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let (event, next) = next(buffer)
            #expect(next <= buffer.count && event.name_length < 256)
        }
    }
}

/// The reader and the marks at work on files of this very process, which only root may mark. The group is the test's own:
/// nobody else is told or disturbed.
@Suite(.serialized, .enabled(if: geteuid() == 0, "fanotify marks need CAP_SYS_ADMIN")) struct FanotifyReaderTests {
    private final class Told: Sendable {
        private let accesses = Mutex<[FileAccess]>([])
        func add(_ access: FileAccess) { accesses.withLock { $0.append(access) } }
        var list: [FileAccess] { accesses.withLock { $0 } }
    }

    private static let pid = getpid()

    /// Runs `body` while `plan`'s files of the host are marked and read; it is given what was told so far.
    private func reading(
        _ procfs: Set<String>, _ body: (_ told: () -> [FileAccess], _ marks: ContainerMarks) throws -> Void
    ) throws {
        var plan = MarkPlan()
        plan.procfs = procfs
        let told = Told()
        let group = try FanotifyGroup(features: try FanotifyFeatures.probe())
        let superblocks = MarkedSuperblocks()
        var marks = try ContainerMarks(group: group, superblocks: superblocks, plan: plan)
        #expect(marks.markHostFiles() == [])
        #expect(superblocks.count == 2, "the host's procfs and sysfs")
        let reader = try FanotifyReader(group: group, superblocks: superblocks, plan: plan) { told.add($0) }
        try running({ reader.run() }, stop: { reader.requestStop() }) { try body({ told.list }, marks) }
        #expect(reader.overflowCount == 0 && reader.lostObjects.isEmpty)
    }

    private func isNothing(_ outcome: ContainerMarks.Outcome) -> Bool {
        outcome.marked == 0 && !outcome.sawProcfs && !outcome.sawSysfs && outcome.refused.isEmpty
    }

    private func open(_ path: String) throws {
        _ = try OwnedDescriptor(opening: path, flags: O_RDONLY)
    }

    /// The `task` alias, a link and a directory's descriptor lead to one file with one name.
    @Test func namesAFileByWhatItIsAndNotByTheWayToIt() throws {
        let pid = Self.pid
        let directory = try TemporaryDirectory()
        try FileManager.default.createSymbolicLink(
            atPath: directory.path + "/link", withDestinationPath: "/proc/\(pid)/environ")
        try reading(["\(pid)/environ"]) { told, _ in
            let process = try OwnedDescriptor(opening: "/proc/\(pid)", flags: O_RDONLY | O_DIRECTORY)
            let start = realtimeNanoseconds()
            let ways: [() throws -> Void] = [
                { try open("/proc/\(pid)/environ") },
                { try open("/proc/\(pid)/task/\(pid)/environ") },
                { try open("/proc/self/environ") },
                { try open(directory.path + "/link") },
                { _ = try OwnedDescriptor(opening: "environ", below: process, flags: O_RDONLY) },
            ]
            // One after another: the queue merges what one process does to one file.
            for (index, way) in ways.enumerated() {
                try way()
                #expect(eventually { told().count > index })
            }
            #expect(told().count == ways.count)
            for access in told() {
                #expect(access.name == "/proc/\(pid)/environ")
                #expect(access.pid == pid && !access.isWrite && access.filesystem == .procfs)
                #expect(access.entry?.pid == pid && access.entry?.hostPID == pid)
                #expect(access.entry?.pidNamespace == (try ProcFilesystem().namespace(pid, "pid").rawValue))
                #expect(access.object?.mode == 0o100400)
                #expect(access.time >= start && access.received <= monotonicNanoseconds())
            }
            #expect(told().map(\.path)[1] == "/proc/\(pid)/task/\(pid)/environ")
        }
    }

    /// Other files with the same bits, and another process' own.
    @Test func tellsOfNothingElse() throws {
        let pid = Self.pid
        try reading(["\(pid)/environ"]) { told, _ in
            try open("/proc/\(pid)/auxv")
            try open("/proc/\(pid)/status")
            try open("/proc/\(getppid())/environ")
            try open("/proc/\(pid)/environ")
            #expect(eventually { !told().isEmpty })
            #expect(told().count == 1)
        }
    }

    @Test func becomesAnEventWithBothNames() throws {
        let pid = Self.pid
        try reading(["\(pid)/environ"]) { told, _ in
            try open("/proc/\(pid)/task/\(pid)/environ")
            #expect(eventually { !told().isEmpty })
            var access = try #require(told().first)
            var event = KernelEvent()
            event.uid = 3
            event.result = -2
            access.fill(&event)
            #expect(event.source == .fanotify && event.type == .openat && event.isComplete)
            #expect(event.time == access.time && event.received == access.received && event.pid == pid)
            #expect(event.string(event.name) == "/proc/\(pid)/environ")
            #expect(event.string(event.rawName) == "/proc/\(pid)/task/\(pid)/environ")
            #expect(event.procfsEntry == access.entry && event.object == access.object)
            #expect(event.uid == .max && event.result == nil, "nothing of the event before is left")

            access.isWrite = true
            access.fill(&event)
            #expect(event.type == .write)

            // A process that was gone before its file could be looked at: only the actor is known.
            access.object = nil
            access.name = ""
            access.path = ""
            access.fill(&event)
            #expect(!event.isComplete)
            #expect(event.string(event.name) == nil && event.string(event.rawName) == nil)
        }
    }

    /// The host's own instances are never marked whole: the agent would read of its own reads.
    @Test func marksNoInstanceOfTheHost() throws {
        try reading(["\(Self.pid)/environ"]) { told, marks in
            #expect(isNothing(try marks.mark(processesOf: Self.pid)))
            let procfs = try OwnedDescriptor(opening: "/proc", flags: O_RDONLY | O_DIRECTORY)
            #expect(isNothing(try marks.mark(descriptor: procfs.rawValue, of: Self.pid)))
            let elsewhere = try OwnedDescriptor(opening: "/", flags: O_RDONLY | O_DIRECTORY)
            #expect(isNothing(try marks.mark(descriptor: elsewhere.rawValue, of: Self.pid)))
            try open("/proc/\(Self.pid)/auxv")
            #expect(told().isEmpty)
        }
    }

    @Test func tellsThatAProcessIsGone() throws {
        try reading(["\(Self.pid)/environ"]) { _, marks in
            let error = #expect(throws: SystemError.self) { try marks.mark(processesOf: Int32.max) }
            #expect(error?.operation == "open" && error?.object == "/proc/\(Int32.max)/mountinfo")
        }
    }

    /// What cannot be marked is told, with its path and the reason.
    @Test func tellsWhatOfTheHostItCannotMark() throws {
        var plan = MarkPlan()
        plan.procfs = ["\(Int32.max)/environ"]
        plan.sysfs = ["kernel/not-there"]
        let group = try FanotifyGroup(features: try FanotifyFeatures.probe())
        var marks = try ContainerMarks(group: group, superblocks: MarkedSuperblocks(), plan: plan)
        let failures = marks.markHostFiles()
        #expect(failures.count == 2, "the file and its task alias; a file of sysfs may come later")
        #expect(failures.allSatisfy { $0.hasPrefix("/proc/\(Int32.max)/") && $0.contains("No such file") })
    }
}

@Suite struct AuditListenersTests {
    /// Two readers of the multicast group beside us, one audit socket without a group, one reader of another protocol.
    @Test func countsTheOthersInTheMulticastGroup() throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            """
            sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
            000000009a40f829 0   0          00000000 0        0        0     2        0        4
            00000000f03d9f09 9   311        00000001 0        0        0     2        0        473
            00000000e88712cb 9   4711       00000001 0        0        0     2        0        475
            000000002835b006 9   -4097      00000001 0        0        0     2        0        87
            000000002d986e04 9   900        00000000 0        0        0     2        0        6
            00000000280f8309 15  901        00000001 0        0        0     2        0        15
            cut

            """, "netlink")
        #expect(AuditListeners.others(than: 4711, table: directory.path + "/netlink") == 2)
        #expect(AuditListeners.others(than: 1, table: directory.path + "/none") == 0)
    }
}

/// inotify watches any directory: what it does on cgroup file systems, it does here.
@Suite struct CgroupWatcherTests {
    private final class Watched: Sendable {
        private let count = Atomic<Int>(0)
        var changes: Int { count.load(ordering: .acquiring) }
        func change() { count.wrappingAdd(1, ordering: .acquiringAndReleasing) }
    }

    /// Runs `body` while a watcher looks at `root`; it is given the number of changes told so far.
    private func watching(_ root: String, _ body: (() -> Int) throws -> Void) throws {
        let watched = Watched()
        let watcher = try CgroupWatcher(roots: [root], method: .inotify) { watched.change() }
        #expect(watcher.method == .inotify)
        try running({ watcher.run() }, stop: { watcher.requestStop() }) {
            try awaitWatch(of: root) { watched.changes }
            try body { watched.changes }
        }
        #expect(watcher.overflowCount == 0)
    }

    /// The watches are set on the thread: a directory made again and again tells when they stand.
    private func awaitWatch(of root: String, _ changes: () -> Int) throws {
        let isWatched = eventually {
            unsafe mkdir(root + "/probe", 0o755)
            unsafe rmdir(root + "/probe")
            return changes() > 0
        }
        try #require(isWatched)
    }

    /// Expects that `act` is told within five seconds, after everything before it has been.
    private func expectTold(
        _ changes: () -> Int, sourceLocation: SourceLocation = #_sourceLocation, _ act: () throws -> Void
    ) throws {
        var before = changes()
        // Until nothing comes any more.
        while true {
            usleep(30_000)
            if changes() == before { break }
            before = changes()
        }
        try act()
        #expect(eventually { changes() > before }, sourceLocation: sourceLocation)
    }

    @Test func tellsOfDirectoriesMadeAndRemoved() throws {
        let directory = try TemporaryDirectory()
        try watching(directory.path) { changes in
            try expectTold(changes) { try directory.make("a") }
            try expectTold(changes) { try directory.remove("a") }
        }
    }

    @Test func watchesWhatWasThereBefore() throws {
        let directory = try TemporaryDirectory()
        try directory.make("slice/scope/inner")
        try watching(directory.path) { changes in
            try expectTold(changes) { try directory.make("slice/scope/inner/new") }
            try expectTold(changes) { try directory.remove("slice/scope/inner/new") }
        }
    }

    /// A whole branch made at once: its lower directories may stand before the upper one is watched.
    @Test func followsBranchesMadeAtOnce() throws {
        let directory = try TemporaryDirectory()
        try watching(directory.path) { changes in
            for branch in 0..<20 {
                try expectTold(changes) { try directory.make("pod\(branch)/container/init/supervisor") }
                try expectTold(changes) { try directory.make("pod\(branch)/container/init/supervisor/new") }
            }
        }
    }

    @Test func watchesANameThatIsUsedAgain() throws {
        let directory = try TemporaryDirectory()
        try watching(directory.path) { changes in
            for _ in 0..<3 {
                try expectTold(changes) { try directory.make("a/b") }
                try expectTold(changes) { try directory.make("a/b/c") }
                try expectTold(changes) { try directory.remove("a") }
            }
        }
    }

    /// A link leads nowhere, even where it names a directory.
    @Test func staysInItsTree() throws {
        let directory = try TemporaryDirectory()
        let outside = try TemporaryDirectory()
        try FileManager.default.createSymbolicLink(
            atPath: directory.path + "/early", withDestinationPath: outside.path)
        try watching(directory.path) { changes in
            try expectTold(changes) {
                try FileManager.default.createSymbolicLink(
                    atPath: directory.path + "/late", withDestinationPath: outside.path)
            }
            let before = changes()
            try outside.make("new")
            usleep(200_000)
            #expect(changes() == before)
        }
    }

    /// A root that is not there is watched by nobody, and the others are.
    @Test func doesWithoutARootThatIsNotThere() throws {
        let directory = try TemporaryDirectory()
        let watched = Watched()
        let watcher = try CgroupWatcher(
            roots: [directory.path + "/none", directory.path], method: .inotify
        ) { watched.change() }
        try running({ watcher.run() }, stop: { watcher.requestStop() }) {
            try awaitWatch(of: directory.path) { watched.changes }
        }
    }
}

/// The fallback without a process connector, on a tree in the place of /proc.
@Suite struct ProcessPollerTests {
    private final class Told: Sendable {
        private let events = Mutex<[ProcessEvent]>([])
        func add(_ event: ProcessEvent) { events.withLock { $0.append(event) } }
        /// Without the times, which are those of looking.
        var list: [ProcessEvent] {
            events.withLock { events in
                events.map { if case .exec(let pid, _) = $0 { .exec(pid: pid, time: 0) } else { $0 } }
            }
        }
    }

    /// Everything but `exe` is written before the process appears.
    private func start(
        _ pid: Int32, parent: Int32, executable: String, commandLine: String = "x\0", startTime: Int = 77,
        in directory: borrowing TemporaryDirectory
    ) throws {
        let hidden = "starting-\(pid)"
        try directory.make(hidden)
        let zeros = Array(repeating: "0", count: 17).joined(separator: " ")
        try directory.write("\(pid) (x) S \(parent) \(zeros) \(startTime) 0\n", "\(hidden)/stat")
        try directory.write(commandLine, "\(hidden)/cmdline")
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/\(hidden)/exe", withDestinationPath: executable)
        try FileManager.default.moveItem(
            atPath: "\(directory.path)/\(hidden)", toPath: "\(directory.path)/\(pid)")
    }

    @Test func tellsWhatChangesBetweenTwoLooks() throws {
        let directory = try TemporaryDirectory()
        try directory.write("one", "first")
        try directory.write("two", "second")
        let first = directory.path + "/first"
        let second = directory.path + "/second"
        try start(10, parent: 1, executable: first, in: directory)
        let told = Told()
        let poller = try ProcessPoller(proc: ProcFilesystem(root: directory.path)) { told.add($0) }
        try running({ poller.run() }, stop: { poller.requestStop() }) {
            // What is there at first is read by others; it is known and not told.
            #expect(eventually { poller.watermark > 0 })
            #expect(told.list.isEmpty)
            var expected: [ProcessEvent] = []

            try start(11, parent: 10, executable: first, in: directory)
            expected.append(.fork(child: 11, parent: 10))
            #expect(eventually { told.list == expected })

            // It had executed by the time it was seen.
            try start(12, parent: 10, executable: second, in: directory)
            expected += [.fork(child: 12, parent: 10), .exec(pid: 12, time: 0)]
            #expect(eventually { told.list == expected })

            // The link is put in the other's place at once, as an exec is one.
            try FileManager.default.createSymbolicLink(
                atPath: directory.path + "/next", withDestinationPath: second)
            #expect(unsafe rename(directory.path + "/next", directory.path + "/11/exe") == 0)
            expected.append(.exec(pid: 11, time: 0))
            #expect(eventually { told.list == expected })

            try FileManager.default.moveItem(atPath: directory.path + "/12", toPath: directory.path + "/gone")
            expected.append(.exit(pid: 12))
            #expect(eventually { told.list == expected })
            #expect(poller.eventCount == UInt64(expected.count) && poller.gapCount == 0)
        }
    }

    /// An exec has its executable a moment before its arguments: told too early, a runtime's command line would be empty.
    @Test func waitsForTheCommandLine() throws {
        let directory = try TemporaryDirectory()
        try directory.write("one", "first")
        try directory.write("two", "second")
        try start(10, parent: 1, executable: directory.path + "/first", in: directory)
        let told = Told()
        let poller = try ProcessPoller(proc: ProcFilesystem(root: directory.path)) { told.add($0) }
        try running({ poller.run() }, stop: { poller.requestStop() }) {
            #expect(eventually { poller.watermark > 0 })
            try start(
                11, parent: 10, executable: directory.path + "/second", commandLine: "", startTime: 78, in: directory)
            #expect(eventually { told.list == [.fork(child: 11, parent: 10)] })
            let now = monotonicNanoseconds()
            poller.requestWatermark()
            #expect(eventually { poller.watermark >= now })
            #expect(told.list.count == 1)
            try directory.write("runc\0run\0", "11/cmdline")
            #expect(eventually { told.list.last == .exec(pid: 11, time: 0) })
            // Without any for a hundred milliseconds: a program may do without.
            try start(
                12, parent: 10, executable: directory.path + "/second", commandLine: "", startTime: 79, in: directory)
            #expect(eventually { told.list.last == .exec(pid: 12, time: 0) })
        }
    }

    @Test func tellsAPidThatWasUsedAgain() throws {
        let directory = try TemporaryDirectory()
        try directory.write("one", "first")
        try directory.write("two", "second")
        try start(10, parent: 1, executable: directory.path + "/first", in: directory)
        let told = Told()
        let poller = try ProcessPoller(proc: ProcFilesystem(root: directory.path)) { told.add($0) }
        try running({ poller.run() }, stop: { poller.requestStop() }) {
            #expect(eventually { poller.watermark > 0 })
            try start(
                20, parent: 1, executable: directory.path + "/second", startTime: 99, in: directory)
            #expect(eventually { told.list == [.fork(child: 20, parent: 1), .exec(pid: 20, time: 0)] })
            // Another process of that number, which shows first by its executable.
            try start(
                21, parent: 10, executable: directory.path + "/first", startTime: 100, in: directory)
            #expect(eventually { told.list.last == .fork(child: 21, parent: 10) })
            for file in ["stat", "exe"] {
                #expect(unsafe rename("\(directory.path)/21/\(file)", "\(directory.path)/20/\(file)") == 0)
            }
            #expect(eventually { told.list.last == .fork(child: 20, parent: 10) })
            #expect(told.list.contains(.exit(pid: 20)))
        }
    }

    @Test func movesItsWatermarkWhenAsked() throws {
        let directory = try TemporaryDirectory()
        let poller = try ProcessPoller(proc: ProcFilesystem(root: directory.path)) { _ in }
        try running({ poller.run() }, stop: { poller.requestStop() }) {
            let now = monotonicNanoseconds()
            poller.requestWatermark()
            #expect(eventually { poller.watermark >= now })
        }
    }
}
