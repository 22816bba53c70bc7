private import DequeModule
internal import EventModel

/// What the table keeps of one process.
struct ProcessEntry: Sendable {
    var key: ProcessKey
    var parentPID: Int32
    var comm = ""
    var executable: FileID?
    var executablePath = ""
    var commandLine: [String] = []
    var uid: UInt32 = .max
    var namespacedPID: Int32 = 0
    var capabilities: ProcessCapabilities?
    var executableTimes: FileTimes?
    var cgroupPath = "/"
    var mountNamespace: NamespaceID?
    var pidNamespace: NamespaceID?
    /// The container it belongs to. Stays when it leaves the container's cgroup.
    var containerID: ContainerID?
    var stay = CgroupStay()
    /// Its own cgroup was read; false while only its parent's is known.
    var isCgroupKnown = false
    /// Why more than one container fits; nil where one does.
    var ambiguity: String?
    var setup: SetupState?
    var ended: EndedSetup?
    /// Of a container's process: what it ran before its latest exec.
    var before: Program?
    /// CLOCK_MONOTONIC nanoseconds; nil while it lives.
    var exitedAt: UInt64?

    /// The setup state that its latest exec ended, to judge events that are older than that exec.
    struct EndedSetup: Sendable {
        var state: SetupState
        /// The kernel's time of the exec, CLOCK_MONOTONIC nanoseconds; 0 where not told.
        var time: UInt64
        /// What the exec ran.
        var executablePath: String
    }

    /// A program that a process ran. Who opens a file and executes something harmless is told as what he was then.
    struct Program: Sendable {
        var comm: String
        var executable: FileID?
        var executablePath: String
        var commandLine: [String]
        /// The kernel's time of the exec that ended it, CLOCK_MONOTONIC nanoseconds; 0 where not told yet.
        var until: UInt64
    }

    init(key: ProcessKey, parentPID: Int32) {
        self.key = key
        self.parentPID = parentPID
    }

    /// The child of a fork. Namespaces and cgroup are its parent's unless clone made new ones, as runtimes do.
    init(child: Int32, of parent: ProcessEntry) {
        self = parent
        key = ProcessKey(pid: child, startTime: 0)
        parentPID = parent.key.pid
        namespacedPID = 0
        isCgroupKnown = false
        ended = nil
        before = nil
        exitedAt = nil
        if parent.setup != nil {
            mountNamespace = nil
            pidNamespace = nil
        }
    }

    /// An exec makes what was known of the program another one's.
    mutating func forgetProgram() {
        executable = nil
        executableTimes = nil
        executablePath = ""
        commandLine = []
        comm = ""
    }

    /// Notes what an exec ends, once: a fresh read can find it before the connector tells of it, with its time.
    mutating func noteProgram(before facts: ProcessFacts?, time: UInt64) {
        guard containerID != nil, setup == nil else { return }
        let isKnown =
            facts.map { $0.executablePath == executablePath && $0.commandLine == commandLine } ?? (before?.until == 0)
        if isKnown, before?.until == 0 {
            before?.until = time
        } else if !executablePath.isEmpty {
            before = Program(
                comm: comm, executable: executable, executablePath: executablePath, commandLine: commandLine,
                until: time)
        }
    }

    /// As it was when an event was read.
    func running(_ program: Program) -> ProcessEntry {
        var entry = self
        entry.comm = program.comm
        entry.executable = program.executable
        entry.executablePath = program.executablePath
        entry.commandLine = program.commandLine
        return entry
    }

    mutating func take(_ facts: ProcessFacts) {
        key = facts.key
        parentPID = facts.parentPID
        comm = facts.comm
        if facts.executable != nil || !facts.executablePath.isEmpty {
            executable = facts.executable
            executablePath = facts.executablePath
            executableTimes = facts.executableTimes
        }
        if !facts.commandLine.isEmpty { commandLine = facts.commandLine }
        if facts.uid != .max { uid = facts.uid }
        capabilities = facts.capabilities ?? capabilities
        if facts.namespacedPID != 0 { namespacedPID = facts.namespacedPID }
        if facts.isCgroupKnown {
            cgroupPath = facts.cgroupPath
            isCgroupKnown = true
        }
        mountNamespace = facts.mountNamespace ?? mountNamespace
        pidNamespace = facts.pidNamespace ?? pidNamespace
    }

    var record: ProcessRecord {
        var record = ProcessRecord(
            key: key, parentPID: parentPID, comm: comm, executable: executable, executablePath: executablePath,
            commandLine: commandLine, containerID: containerID, isContainerSetup: setup != nil,
            namespacedPID: namespacedPID, uid: uid, exitedAt: exitedAt)
        record.capabilities = capabilities
        record.executableTimes = executableTimes
        return record
    }
}

/// The living processes by pid, and the dead for a while. Bounded: the oldest dead go first; when all that it may hold
/// live, a new one is not kept (attribution then reads /proc alone).
struct ProcessTable: Sendable {
    private(set) var living: [Int32: ProcessEntry] = [:]
    /// The latest process of a pid that ended.
    private(set) var dead: [Int32: ProcessEntry] = [:]
    private var deaths: Deque<Death> = []
    let limit: Int
    /// Dead processes that were let go before their time, and living ones that were not kept.
    private(set) var evictions: UInt64 = 0

    private struct Death: Sendable {
        var pid: Int32
        var time: UInt64
    }

    init(limit: Int) { self.limit = limit }

    var count: Int { living.count + dead.count }
    var deathCount: Int { deaths.count }

    /// The living process of this pid, else the one that ended last.
    subscript(pid: Int32) -> ProcessEntry? { living[pid] ?? dead[pid] }

    /// False when there was no room.
    mutating func keep(_ entry: ProcessEntry) -> Bool {
        if living[entry.key.pid] == nil, count >= limit {
            evictions += 1
            guard dropOldestDead() else { return false }
        }
        living[entry.key.pid] = entry
        return true
    }

    /// A container has another id: its processes, those that ended among them, are told of by the new one.
    mutating func renameContainer(_ id: ContainerID, to new: ContainerID) {
        for (pid, entry) in living where entry.containerID == id { living[pid]?.containerID = new }
        for (pid, entry) in dead where entry.containerID == id { dead[pid]?.containerID = new }
    }

    /// The entry that ended, nil for an unknown pid.
    mutating func end(_ pid: Int32, now: UInt64) -> ProcessEntry? {
        guard var entry = living.removeValue(forKey: pid) else { return nil }
        entry.exitedAt = now
        dead[pid] = entry
        deaths.append(Death(pid: pid, time: now))
        // A pid that is used again and again leaves several deaths for one entry.
        while deaths.count > 2 * limit { _ = dropOldestDead() }
        return entry
    }

    /// Lets go what ended before `time`.
    mutating func expire(before time: UInt64) {
        while let oldest = deaths.first, oldest.time < time { dropFirst() }
    }

    private mutating func dropOldestDead() -> Bool {
        let before = dead.count
        while dead.count == before, !deaths.isEmpty { dropFirst() }
        return dead.count < before
    }

    private mutating func dropFirst() {
        guard let death = deaths.popFirst() else { return }
        if dead[death.pid]?.exitedAt == death.time { dead[death.pid] = nil }
    }
}
