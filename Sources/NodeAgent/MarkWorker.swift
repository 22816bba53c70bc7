import EventModel
import KernelEvents
import LinuxSystem
import Logging
import Synchronization

/// Keeps the marks on containers' procfs and sysfs: looks at a runtime's processes while they set a container up, so that
/// the marks stand before its first instruction, and again whenever something is mounted in one.
///
/// Opening a mount point of a container can hang (FUSE). The watchdog (`isStuck`) lets the sensor start a new worker then;
/// the stuck thread is given up.
final class MarkWorker: Sendable {
    enum Request: Sendable {
        /// A runtime's process: watch its mounts until it starts the container's program or ends.
        case setup(pid: Int32)
        /// A container's process: look at its mounts now.
        case scan(pid: Int32)
        /// A process that set a container up executed the container's program at `time`, the kernel's (CLOCK_MONOTONIC
        /// nanoseconds): were the marks in place?
        case started(pid: Int32, time: UInt64)
        /// A mount that a container's process holds by a descriptor (fsmount).
        case descriptor(pid: Int32, number: Int32)
    }

    private struct Watched {
        var until: UInt64
        var interval: UInt64
        var next: UInt64
        var hasStarted = false
    }

    /// Containers that started, by whether their marks were in place before their program's first instruction.
    struct Starts: Sendable {
        var marked: UInt64 = 0
        var unmarked: UInt64 = 0
    }

    private let marks: ContainerMarks
    private let proc: ProcFilesystem
    private let hostMountNamespace: NamespaceID
    private let wake: WakeEvent
    private let stop: WakeEvent
    private let requests: Mailbox<Request>
    private let busySince = Atomic<UInt64>(0)
    private let markCount = Atomic<UInt64>(0)
    private let markedStarts = Atomic<UInt64>(0)
    private let unmarkedStarts = Atomic<UInt64>(0)
    private let unfinished = Atomic<Int>(0)
    private let log: Logger

    /// How long a runtime may take to set a container up before its processes are watched no more.
    private static let setupLimit: UInt64 = 30_000_000_000
    private static let firstInterval: UInt64 = 1_000_000
    private static let longestInterval: UInt64 = 50_000_000

    init(
        marks: ContainerMarks, proc: ProcFilesystem, hostMountNamespace: NamespaceID, log: Logger
    ) throws(SystemError) {
        self.marks = marks
        self.proc = proc
        self.hostMountNamespace = hostMountNamespace
        self.log = log
        wake = try WakeEvent()
        stop = try WakeEvent()
        requests = Mailbox(capacity: 4096, consumer: wake)
    }

    func send(_ request: Request) {
        unfinished.wrappingAdd(1, ordering: .relaxed)
        requests.send(request)
    }

    /// Every request has been looked at once.
    var isIdle: Bool { unfinished.load(ordering: .acquiring) <= 0 }
    func requestStop() { stop.signal() }

    /// One look has lasted longer than a second: a file system of a container does not answer.
    var isStuck: Bool {
        let since = busySince.load(ordering: .relaxed)
        return since != 0 && monotonicNanoseconds() > since + 1_000_000_000
    }
    /// Superblocks marked so far, those that are gone again included.
    var count: UInt64 { markCount.load(ordering: .relaxed) }
    var starts: Starts {
        Starts(
            marked: markedStarts.load(ordering: .relaxed), unmarked: unmarkedStarts.load(ordering: .relaxed))
    }

    func run() {
        var watched: [Int32: Watched] = [:]
        var starts = StartMarks()
        var waiting: [Request] = []
        while true {
            let ready = waitReadable([wake.rawDescriptor, stop.rawDescriptor], milliseconds: pause(watched))
            if ready & 2 != 0 { return }
            wake.clear()
            requests.take(into: &waiting)
            let now = monotonicNanoseconds()
            for request in waiting {
                switch request {
                case .setup(let pid):
                    starts.begin(pid)
                    watched[pid] = Watched(until: now + Self.setupLimit, interval: Self.firstInterval, next: now)
                case .scan(let pid):
                    guard let outcome = scan(pid) else { break }
                    if watched[pid]?.hasStarted == false {
                        starts.looked(at: pid, outcome, time: monotonicNanoseconds())
                    }
                    for text in outcome.refused { log.warning("not marked: process \(pid): \(text)") }
                case .started(let pid, let time):
                    watched[pid]?.hasStarted = true
                    let isMarked = starts.started(pid, at: time) { scan(pid) }
                    log.trace("marks: process \(pid) started, marked before: \(isMarked)")
                    if isMarked {
                        markedStarts.wrappingAdd(1, ordering: .relaxed)
                    } else {
                        unmarkedStarts.wrappingAdd(1, ordering: .relaxed)
                    }
                case .descriptor(let pid, let number):
                    _ = guarded(pid) { () throws(SystemError) in try marks.mark(descriptor: number, of: pid) }
                }
                unfinished.wrappingSubtract(1, ordering: .releasing)
            }
            for (pid, entry) in watched where entry.next <= now {
                watched[pid] = look(pid, entry, &starts, now)
            }
        }
    }

    private func pause(_ watched: [Int32: Watched]) -> Int32 {
        guard let next = watched.values.map(\.next).min() else { return 1000 }
        let now = monotonicNanoseconds()
        return next <= now ? 0 : Int32(min(1000, (next - now) / 1_000_000 + 1))
    }

    /// One look at a process in setup; nil when it need not be looked at again.
    private func look(_ pid: Int32, _ entry: Watched, _ starts: inout StartMarks, _ now: UInt64) -> Watched? {
        guard now < entry.until, let namespace = try? proc.namespace(pid, "mnt") else { return nil }
        var entry = entry
        if namespace != hostMountNamespace, let outcome = scan(pid) {
            if !entry.hasStarted { starts.looked(at: pid, outcome, time: monotonicNanoseconds()) }
            // A refusal here is a mount that moved between the look and the mark (pivot_root): the next look finds it.
            if outcome.isWhole { return nil }
        }
        entry.interval = min(Self.longestInterval, entry.interval + entry.interval / 16)
        entry.next = now + entry.interval
        return entry
    }

    private func scan(_ pid: Int32) -> ContainerMarks.Outcome? {
        guarded(pid) { () throws(SystemError) in try marks.mark(processesOf: pid) }
    }

    /// Runs what may hang in a container's file system, with the time noted at which it began.
    private func guarded(
        _ pid: Int32, _ body: () throws(SystemError) -> ContainerMarks.Outcome
    ) -> ContainerMarks.Outcome? {
        busySince.store(monotonicNanoseconds(), ordering: .relaxed)
        defer { busySince.store(0, ordering: .relaxed) }
        // A process that is gone needs no marks.
        let outcome: ContainerMarks.Outcome
        do {
            outcome = try body()
        } catch {
            log.trace("marks: process \(pid): \(error)")
            return nil
        }
        log.trace("marks: process \(pid): \(outcome)")
        markCount.wrappingAdd(UInt64(outcome.marked), ordering: .relaxed)
        return outcome
    }
}
