import ContainerInventory
import EventModel
import KernelEvents
import LinuxSystem
import Logging
import Synchronization

/// The slow rounds of the sensor: reading /proc again after a gap, telling losses, watching the record budget. It decides
/// from numbers it is given, so that each decision is a test away.
final class Housekeeper: Sendable {
    struct Losses: Equatable, Sendable {
        /// Audit records dropped for our socket, exactly.
        var socket: UInt64 = 0
        /// Records that the kernel lost before any socket (its backlog was full). Ours only while we are the audit daemon.
        var kernel: UInt64 = 0
        /// Overflows of the fanotify queue; how many events each lost is not told.
        var overflows: UInt64 = 0
    }

    private struct State {
        var gaps: UInt64 = 0
        var losses = Losses()
        var containers: Set<ContainerCgroup> = []
        var nextFullRead: UInt64 = 0
        var runtimes: Set<FileID>?
        /// The last survey did not end.
        var hangs = false
        /// Processes whose cgroups are to be looked at; nil when they have been.
        var followed: [ProcessKey]?
        var looks = CgroupLooks()
    }

    private let processReader: ProcessReader
    private let containerReader: ContainerReader
    private let tree: CgroupTree
    private let log: Logger
    private let report: @Sendable (Pipeline.Report) -> Void
    private let stop: WakeEvent
    private let wake: WakeEvent
    private let state: Mutex<State>
    private let timed = TimedReader()
    private let users = TimedReader()

    private static let second: UInt64 = 1_000_000_000
    /// For a survey; one takes milliseconds.
    private static let patience: UInt64 = 5_000_000_000
    private static let fullReadInterval: UInt64 = 60_000_000_000

    init(
        processReader: ProcessReader, containerReader: ContainerReader, tree: CgroupTree, log: Logger,
        report: @escaping @Sendable (Pipeline.Report) -> Void
    ) throws(SystemError) {
        self.processReader = processReader
        self.containerReader = containerReader
        self.tree = tree
        self.log = log
        self.report = report
        stop = try WakeEvent()
        wake = try WakeEvent()
        state = Mutex(State())
    }

    func requestStop() { stop.signal() }

    /// A cgroup came or went: the containers are compared with the tree, at most five times a second.
    func cgroupsChanged() { wake.signal() }

    /// `tend` is called about once a second.
    func run(_ tend: () -> Void) {
        var nextTend = monotonicNanoseconds() + Self.second
        while true {
            let now = monotonicNanoseconds()
            let pause = nextTend > now ? (nextTend - now) / 1_000_000 + 1 : 0
            let ready = waitReadable([stop.rawDescriptor, wake.rawDescriptor], milliseconds: Int32(pause))
            if ready & 1 != 0 { return }
            if ready & 2 != 0 {
                wake.clear()
                survey()
                if waitReadable([stop.rawDescriptor], milliseconds: 200) != 0 { return }
            }
            if monotonicNanoseconds() >= nextTend {
                nextTend = monotonicNanoseconds() + Self.second
                tend()
            }
        }
    }

    /// Compares the containers' cgroups with those of the last survey. Also the first thing done at start.
    func survey() {
        guard timed.hangingCount == 0 else { return }
        let before = state.withLock { $0.containers }
        // A privileged container can put permission marks on the cgroup tree and never answer: whoever opens a directory
        // of it waits then (docs/kernel-facts.md).
        let survey = timed.run(timeout: Self.patience) { [tree, containerReader] in
            Survey(of: tree, after: before, reader: containerReader)
        }
        tellAnswer(survey != nil)
        guard let survey else { return }
        state.withLock { $0.containers = survey.present }
        for cgroup in before.subtracting(survey.present) { report(.cgroupRemoved(cgroup.path)) }
        if !survey.found.isEmpty { report(.found(survey.found)) }
        // Apart: a user can make his own directories hang.
        guard users.hangingCount == 0 else { return }
        let rootless = users.run(timeout: Self.patience) { [containerReader] in containerReader.scanRootless() } ?? []
        if !rootless.isEmpty { report(.found(rootless)) }
    }

    private struct Survey: Sendable {
        let present: Set<ContainerCgroup>
        let found: [ContainerDiscovery]

        init(of tree: CgroupTree, after before: Set<ContainerCgroup>, reader: ContainerReader) {
            present = Set(tree.containers())
            let new = present.subtracting(before)
            // Only a cgroup that went: no state file can name a container that is not known.
            guard !new.isEmpty || present.count >= before.count else {
                found = []
                return
            }
            found =
                new.compactMap { cgroup in
                    let pid = tree.processes(in: cgroup.path).first
                    // A directory with 64 digits for a name and nobody in it is what is left of something.
                    guard pid != nil || cgroup.runtime != .unknown else { return nil }
                    return ContainerDiscovery(
                        id: cgroup.id, runtime: cgroup.runtime, cgroupPath: cgroup.path, pid: pid ?? 0,
                        outer: cgroup.outer)
                } + reader.scan()
        }
    }

    private func tellAnswer(_ answers: Bool) {
        let changed = state.withLock { state in
            defer { state.hangs = !answers }
            return state.hangs == answers
        }
        guard changed else { return }
        report(
            .alert(
                answers
                    ? .internal("Containers are surveyed again", "the cgroup tree and the runtimes' files answer again")
                    : .internal(
                        "Containers are not surveyed",
                        "the cgroup tree or a runtime's files have not answered for \(Self.patience / Self.second) seconds; containers are found by their processes alone",
                        priority: .critical)))
    }

    /// Reads all of /proc again when events were lost, and once a minute.
    func reconcile(gaps: UInt64) {
        let now = monotonicNanoseconds()
        let isDue = state.withLock { state in
            let isDue = gaps != state.gaps || now >= state.nextFullRead
            state.gaps = gaps
            if isDue { state.nextFullRead = now + Self.fullReadInterval }
            return isDue
        }
        guard isDue, let processes = try? processReader.readAll() else { return }
        report(.processes(processes))
        survey()
    }

    /// The processes whose cgroups the next `lookAtCgroups` reads. From any thread.
    func follow(_ processes: [ProcessKey]) { state.withLock { $0.followed = processes } }

    /// No source of the kernel tells of a move between cgroups: containers' processes are looked at, and what changed
    /// is handed to the inventory.
    func lookAtCgroups() {
        let (followed, taken) = state.withLock { state in
            defer { state.followed = nil }
            return (state.followed, state.looks)
        }
        guard let followed else { return }
        var looks = taken
        let changed = looks.round(followed, reader: processReader)
        state.withLock { [looks] in $0.looks = looks }
        if !changed.isEmpty { report(.cgroups(changed)) }
    }

    func tellLosses(_ losses: Losses) {
        let before = state.withLock { state in
            defer { state.losses = losses }
            return state.losses
        }
        if losses.socket > before.socket {
            report(
                .alert(
                    .internal(
                        "Audit records lost",
                        "\(losses.socket - before.socket) audit records were lost: the socket's buffer was full")))
        }
        if losses.kernel > before.kernel {
            report(
                .alert(
                    .internal(
                        "Audit records lost",
                        "the kernel lost \(losses.kernel - before.kernel) audit records: its backlog was full")))
        }
        if losses.overflows > before.overflows {
            report(
                .alert(
                    .internal(
                        "File events lost",
                        "the fanotify queue overflowed \(losses.overflows - before.overflows) times: accesses in containers went unseen"
                    )))
        }
    }

    /// After an upgrade the runtime's old inode is nobody's: the new one is to be known before it sets a container up.
    func followRuntimes(_ paths: [String]) {
        let found = HostIdentity.findRuntimes(paths)
        let isNew = state.withLock { state in
            defer { state.runtimes = found }
            return state.runtimes.map { $0 != found } ?? false
        }
        if isNew { report(.runtimes(found)) }
    }
}
