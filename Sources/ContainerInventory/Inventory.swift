package import EventModel
private import LinuxSystem

/// Who is who: the process table, the containers, and the answer to "who did it". Used on one thread.
///
/// Times called `now` are CLOCK_MONOTONIC nanoseconds.
package struct Inventory: Sendable {
    package struct Limits: Sendable {
        /// Living and dead processes together.
        package var processes = 65_536
        package var containers = 8_192
        /// How long a process is answered for after its exit.
        package var processRetention: UInt64 = 30_000_000_000
        /// How long a container is answered for after its last process or cgroup went.
        package var containerRetention: UInt64 = 60_000_000_000
        package init() {}
    }

    /// Totals since start, for metrics; `processes` and `containers` are the present numbers.
    package struct Counters: Sendable, Equatable {
        package var processes = 0
        package var deadProcesses = 0
        package var containers = 0
        package var processEvictions: UInt64 = 0
        package var containerEvictions: UInt64 = 0
        package var containersDiscovered: UInt64 = 0
        package var containersExpired: UInt64 = 0
        package var certain: UInt64 = 0
        package var inherited: UInt64 = 0
        package var ambiguous: UInt64 = 0
        package var unknown: UInt64 = 0
        /// Processes that a reconciliation found or missed, beyond those that the connector told of.
        package var reconciledNew: UInt64 = 0
        package var reconciledGone: UInt64 = 0
        /// A pid that belonged to another process than the table thought.
        package var pidReuses: UInt64 = 0
    }

    package private(set) var host: HostIdentity
    let reader: ProcessReader
    let limits: Limits
    var table: ProcessTable
    var containerTable: ContainerTable
    var users: UserNames
    var groups = UserNames(path: "/etc/group")
    /// Found outside their container's cgroup and not told yet; and parents of such, to be looked at. Both bounded.
    var leavings: [CgroupLeaving] = []
    var suspects: [Int32] = []
    var tally = Counters()
    /// Every exec is told with the kernel's time, by the process connector; a poller of /proc finds some.
    package var tellsExecs = true
    /// CLOCK_REALTIME minus CLOCK_MONOTONIC, nanoseconds: the times of events are the former's.
    package var clockOffset: UInt64

    package init(
        host: HostIdentity, reader: ProcessReader, limits: Limits = Limits(), passwordFile: String = "/etc/passwd"
    ) {
        self.host = host
        self.reader = reader
        self.limits = limits
        table = ProcessTable(limit: limits.processes)
        containerTable = ContainerTable(limit: limits.containers)
        users = UserNames(path: passwordFile)
        users.refresh()
        groups.refresh()
        clockOffset = realtimeNanoseconds() &- monotonicNanoseconds()
    }

    /// The living containers, those that are made but not started among them.
    package var containers: [Container] {
        containerTable.entries.values.compactMap { $0.hasEnded ? nil : $0.container }
    }

    package func container(_ id: ContainerID) -> Container? { containerTable[id] }

    package var counters: Counters {
        var counters = tally
        counters.processes = table.living.count
        counters.deadProcesses = table.dead.count
        counters.containers = containerTable.entries.values.count { !$0.hasEnded }
        counters.processEvictions = table.evictions
        counters.containerEvictions = containerTable.evictions
        counters.containersDiscovered = containerTable.discovered
        return counters
    }

    /// After an upgrade of a runtime's package (`HostIdentity.findRuntimes`).
    package mutating func setRuntimeBinaries(_ binaries: Set<FileID>) { host.runtimeBinaries = binaries }

    /// Containers seen for the first time, or whose own command has begun, that have to be described.
    package mutating func takeDiscoveries() -> [ContainerDiscovery] { containerTable.takeDiscoveries() }

    /// The description of a container that is known (`add`, or a discovery); of others it is dropped.
    package mutating func set(_ container: Container, now: UInt64) { containerTable.set(container, now: now) }

    /// Containers that runtime state files (`ContainerReader.scan`) or the cgroup tree tell of.
    package mutating func add(_ discoveries: [ContainerDiscovery], now: UInt64) {
        for discovery in discoveries {
            var discovery = discovery
            guard !claimsAnothers(discovery.id, discovery.rootlessUser, in: discovery.cgroupPath) else { continue }
            giveWay(discovery.id, to: discovery.rootlessUser, in: discovery.cgroupPath)
            if discovery.firstSeen == 0 { discovery.firstSeen = now &+ clockOffset }
            let cgroup = ContainerCgroup.classify(discovery.cgroupPath)
            if let cgroup { discovery.outer = outerContainer(of: cgroup) }
            let isEvidence = cgroup == nil
            containerTable.see(discovery, isSettled: false, isEvidence: isEvidence, now: now)
            if isEvidence { adopt(discovery, now: now) }
        }
    }

    /// Gives a container that became known its processes that were known before it.
    private mutating func adopt(_ discovery: ContainerDiscovery, now: UInt64) {
        var stand: ContainerID?
        if let named = table.living[discovery.pid]?.containerID, named != discovery.id,
            named.rawValue.hasPrefix("pidns-"), containerTable[named]?.runtime == .unknown
        {
            stand = named
        }
        for entry in Array(table.living.values) {
            let isIn =
                entry.containerID == nil && entry.setup == nil
                && (entry.key.pid == discovery.pid || containerTable.byEvidence(entry.cgroupPath)?.id == discovery.id)
            guard isIn || (stand != nil && entry.containerID == stand) else { continue }
            var adopted = entry
            adopted.containerID = discovery.id
            // Where it lies is learned at the next look.
            adopted.stay = CgroupStay()
            store(adopted, before: entry.containerID, now: now)
        }
        if let stand { containerTable.remove(stand) }
    }

    /// The cgroup of a container went; its entry stays for `containerRetention`.
    package mutating func cgroupRemoved(_ path: String, now: UInt64) {
        if let id = ContainerCgroup.classify(path)?.id {
            // Its leaves (crun's `container`, systemd's services) come and go before it.
            guard containerTable[id]?.cgroupPath == path else { return }
            containerTable.end(id, now: now)
        } else if let id = containerTable.evidence[path] {
            containerTable.end(id, now: now)
        }
    }

    /// Lets go what ended long enough ago, and asks again for what was described in part (`takeDiscoveries`). Once a second.
    package mutating func expire(now: UInt64) {
        clockOffset = realtimeNanoseconds() &- monotonicNanoseconds()
        users.refresh()
        groups.refresh()
        containerTable.retryDescriptions()
        if now > limits.processRetention { table.expire(before: now - limits.processRetention) }
        if now > limits.containerRetention {
            tally.containersExpired += UInt64(containerTable.expire(before: now - limits.containerRetention))
        }
    }

    // MARK: Changes

    package mutating func apply(_ change: ProcessChange, now: UInt64) {
        switch change {
        case .fork(let child, let parent): fork(child, parent, now: now)
        case .exec(let pid, let facts, let time): exec(pid, facts, time: time, now: now)
        case .exit(let pid): end(pid, now: now)
        }
    }

    /// Every process that exists: at start, and after the connector lost something. Adds what is new, ends what is gone.
    package mutating func load(_ processes: [ProcessFacts], now: UInt64) {
        let isFirst = table.count == 0
        var present: Set<Int32> = []
        // Parents before children, so that what a child inherits is there.
        for facts in processes.sorted(by: { $0.key.startTime < $1.key.startTime }) {
            present.insert(facts.key.pid)
            if !isFirst, table.living[facts.key.pid] == nil { tally.reconciledNew += 1 }
            observe(facts, isReconciling: true, now: now)
        }
        for pid in table.living.keys where !present.contains(pid) {
            // Born while the list was made?
            if reader.exists(pid) { continue }
            tally.reconciledGone += 1
            end(pid, now: now)
        }
        for facts in processes { findUndeclared(facts, now: now) }
    }

    private mutating func fork(_ child: Int32, _ parent: Int32, now: UInt64) {
        let parentEntry = table.living[parent] ?? ProcessEntry(key: ProcessKey(pid: parent, startTime: 0), parentPID: 0)
        if var known = table.living[child] {
            // Read by `attribute` before the connector told of it; else a process whose exit was lost.
            if known.key.startTime != 0, known.parentPID == parent {
                if known.setup == nil, known.executable != nil, known.executable == parentEntry.executable {
                    known.setup = parentEntry.setup
                    _ = table.keep(known)
                }
                return
            }
            end(child, now: now)
        }
        let entry = ProcessEntry(child: child, of: parentEntry)
        guard table.keep(entry) else { return }
        if let id = entry.containerID { containerTable.addProcess(id, now: now) }
    }

    private mutating func exec(_ pid: Int32, _ facts: ProcessFacts?, time: UInt64, now: UInt64) {
        var entry = table.living[pid] ?? ProcessEntry(key: ProcessKey(pid: pid, startTime: 0), parentPID: 0)
        var facts = facts
        if let read = facts, entry.key.startTime != 0, read.key.startTime != entry.key.startTime {
            // Read too late: the pid is another process' by now.
            facts = nil
            tally.pidReuses += 1
        }
        let before = entry.containerID
        execute(&entry, facts: facts, time: time, now: now)
        store(entry, before: before, now: now)
    }

    /// A process as it was read: new, or changed since (also by an exec that the connector has not told of yet). Returns
    /// what is known of it then.
    @discardableResult
    mutating func observe(_ facts: ProcessFacts, isReconciling: Bool = false, now: UInt64) -> ProcessEntry {
        let pid = facts.key.pid
        if let known = table.living[pid], known.key.startTime != 0, known.key.startTime != facts.key.startTime {
            tally.pidReuses += 1
            end(pid, now: now)
        }
        guard var entry = table.living[pid] else {
            return observeNew(facts, now: now)
        }
        let before = entry.containerID
        // A setup state ends by an exec that the connector tells of. runc's init runs from a private mount of runc or from a
        // sealed copy, and by CLONE_PARENT its fork names another parent than the process it inherited that from: a fresh
        // look at it shows another path than the table has, and no exec.
        let isRuntimeStill =
            entry.setup != nil
            && (facts.executable.map(host.runtimeBinaries.contains) ?? false
                || facts.executablePath.hasPrefix("/memfd:"))
        let hasExecuted =
            facts.executable != nil && !isRuntimeStill
            && (facts.executable != entry.executable || facts.executablePath != entry.executablePath)
        if hasExecuted {
            execute(&entry, facts: facts, time: 0, now: now)
        } else {
            let (comm, words) = (entry.comm, entry.commandLine)
            entry.take(facts)
            // What it was started with, and not what it has written over its own arguments since. Where execs are told,
            // and none was lost.
            if tellsExecs, !isReconciling, !words.isEmpty { (entry.comm, entry.commandLine) = (comm, words) }
            join(&entry, facts: facts, isExec: false, now: now)
        }
        store(entry, before: before, now: now)
        return entry
    }

    private mutating func observeNew(_ facts: ProcessFacts, now: UInt64) -> ProcessEntry {
        var entry = ProcessEntry(key: facts.key, parentPID: facts.parentPID)
        let parent = table.living[facts.parentPID]
        if let parent, let setup = parent.setup, facts.executable != nil, facts.executable == parent.executable {
            // A runtime's child whose fork is not told of yet.
            entry.setup = setup
            entry.take(facts)
            join(&entry, facts: facts, isExec: false, now: now)
        } else {
            execute(&entry, facts: facts, time: 0, now: now)
        }
        store(entry, before: nil, now: now)
        return entry
    }

    private mutating func store(_ entry: ProcessEntry, before: ContainerID?, now: UInt64) {
        let isNew = table.living[entry.key.pid] == nil
        guard table.keep(entry) else { return }
        guard isNew || entry.containerID != before else { return }
        if !isNew, let before { containerTable.removeProcess(before, now: now) }
        if let id = entry.containerID { containerTable.addProcess(id, now: now) }
    }

    private mutating func end(_ pid: Int32, now: UInt64) {
        if let id = table.end(pid, now: now)?.containerID { containerTable.removeProcess(id, now: now) }
    }

    // MARK: Exec and membership

    private mutating func execute(_ entry: inout ProcessEntry, facts: ProcessFacts?, time: UInt64, now: UInt64) {
        let previous = entry.setup
        entry.noteProgram(before: facts, time: time)
        let isInContainer = entry.containerID != nil || facts.map { resolve($0).id != nil } ?? false
        entry.setup = SetupState.afterExec(previous, facts: facts, isInContainer: isInContainer, host: host)
        if let previous, entry.setup == nil {
            entry.ended = ProcessEntry.EndedSetup(
                state: previous, time: time, executablePath: facts?.executablePath ?? "")
        } else if time != 0, entry.setup == nil, let ended = entry.ended, ended.time == 0,
            ended.executablePath == facts?.executablePath
        {
            // The exec that a fresh read found first: now with the kernel's time.
            entry.ended?.time = time
        }
        guard let facts else {
            entry.forgetProgram()
            if let previous { startUnseen(&entry, setup: previous, now: now) }
            return
        }
        // What could not be read any more is not what it was before.
        entry.forgetProgram()
        entry.take(facts)
        join(&entry, facts: facts, isExec: true, now: now)
        if let previous, entry.setup == nil {
            leaveSetup(&entry, facts: facts, setup: previous, now: now)
            // A cgroup that names no container is known for one only now.
            let isInContainer = entry.containerID != nil
            follow(&entry, facts: facts, isInContainer: isInContainer, isExec: true, now: now)
        }
    }

    /// The container that the process' cgroup names, the one around it, and why it is in doubt.
    func resolve(_ facts: ProcessFacts) -> (id: ContainerID?, outer: ContainerID?, doubt: String?) {
        let known = containerTable.byEvidence(facts.cgroupPath)
        guard let cgroup = facts.cgroup else { return (known?.id, nil, nil) }
        if let known, known.path.utf8.count > cgroup.path.utf8.count { return (known.id, nil, nil) }
        // The container that is in this very cgroup, under the name that was left for it.
        if let known, known.path == cgroup.path, known.id != cgroup.id { return (known.id, nil, nil) }
        let outer = outerContainer(of: cgroup)
        let user = RootlessUser.uid(ofCgroup: cgroup.path)
        if let user, claimsAnothers(cgroup.id, user, in: cgroup.path) {
            return (nil, nil, "a cgroup of user \(user) carries the id of \(cgroup.id.short)")
        }
        if let outer, let other = containerTable[cgroup.id], other.cgroupPath != cgroup.path {
            // The outer container names its own sub-cgroups: it cannot take on another one's identity.
            return (outer, nil, "a cgroup below \(outer.short) carries the id of container \(cgroup.id.short)")
        }
        return (cgroup.id, outer, nil)
    }

    /// By the path, or by the evidence of raw runc's and `ctr`'s containers, whose paths do not name them.
    private func outerContainer(of cgroup: ContainerCgroup) -> ContainerID? {
        if let outer = cgroup.outer { return outer }
        guard let known = containerTable.byEvidence(cgroup.path), known.id != cgroup.id else { return nil }
        return known.id
    }

    /// Takes over the membership that the process' cgroup shows.
    private mutating func join(_ entry: inout ProcessEntry, facts: ProcessFacts, isExec: Bool, now: UInt64) {
        guard facts.isCgroupKnown else { return }
        let (id, outer, doubt) = resolve(facts)
        follow(&entry, facts: facts, isInContainer: id != nil, isExec: isExec, now: now)
        // Outside every container's cgroup: what the table knows stays, a process that left is still its container's.
        guard let id else { return }
        if let doubt { entry.ambiguity = doubt }
        if let old = entry.containerID, old != id, entry.setup == nil {
            if outer != old {
                entry.ambiguity = "joined the cgroup of \(id.short) from container \(old.short)"
            }
        }
        entry.containerID = id
        let isInit = facts.namespacedPID == 1
        let settled = entry.setup == nil && isInit
        // Paths of engines only: what is known by evidence has been seen already.
        if let cgroup = facts.cgroup, cgroup.id == id {
            var discovery = ContainerDiscovery(
                id: id, runtime: cgroup.runtime, cgroupPath: cgroup.path, pid: facts.key.pid, outer: outer,
                firstSeen: now &+ clockOffset)
            // Who ran the runtime that makes it, or that has just made it, knows better than the path.
            if let setup = entry.setup ?? entry.ended?.state, setup.arguments?.id == id,
                setup.arguments?.verb != .exec
            {
                discovery.rootlessUser = setup.user(inCgroup: cgroup.path)
                discovery.arguments = setup.arguments
            }
            giveWay(id, to: discovery.rootlessUser, in: cgroup.path)
            containerTable.see(discovery, isSettled: settled, isEvidence: false, now: now)
        } else if let known = containerTable.entries[id] {
            var discovery = known.discovery
            discovery.pid = facts.key.pid
            containerTable.see(discovery, isSettled: settled, isEvidence: false, now: now)
        }
    }

    /// The first exec after a runtime's work, of a command that was gone before it could be read: the runtime said for which
    /// container. `exec` into a container starts no container.
    private mutating func startUnseen(_ entry: inout ProcessEntry, setup: SetupState, now: UInt64) {
        guard let arguments = setup.arguments else { return }
        let user = setup.user(inCgroup: "/")
        guard let id = id(arguments.id, of: user, verb: arguments.verb) else { return }
        if entry.containerID == nil {
            entry.containerID = id
            entry.isCgroupKnown = false
        }
        guard entry.containerID == id, arguments.verb != .exec else { return }
        var discovery =
            containerTable.entries[id]?.discovery
            ?? ContainerDiscovery(
                id: id, runtime: Self.runtime(arguments, setup: setup), cgroupPath: "/",
                firstSeen: now &+ clockOffset, rootlessUser: user)
        discovery.runtimeID = arguments.id
        discovery.pid = entry.key.pid
        discovery.arguments = arguments
        containerTable.see(discovery, isSettled: true, isEvidence: false, now: now)
    }

    /// The first exec after a runtime's work: the strongest evidence of a container there is, whatever its cgroup is called.
    private mutating func leaveSetup(
        _ entry: inout ProcessEntry, facts: ProcessFacts, setup: SetupState, now: UInt64
    ) {
        // A hook runs in the runtime's own mount namespace: the host's process.
        guard let mountNamespace = facts.mountNamespace else {
            // Read while it was dying: its namespaces are gone, and its cgroup reads as the root.
            startUnseen(&entry, setup: setup, now: now)
            return
        }
        guard mountNamespace != setup.mountNamespace else { return }
        var discovery: ContainerDiscovery
        var isEvidence = false
        if let id = entry.containerID, let known = containerTable.entries[id] {
            discovery = known.discovery
        } else {
            let arguments = setup.arguments
            let path = facts.cgroupPath
            let hasOwnCgroup = facts.isCgroupKnown && Self.isOwnCgroup(path, apartFrom: setup.cgroupPath)
            let last = path.split(separator: "/").last.flatMap { ContainerID(validating: $0) }
            let name = arguments?.id ?? (hasOwnCgroup ? last : nil)
            let user = setup.user(inCgroup: path)
            let own = name.flatMap { id($0, of: user, verb: arguments?.verb ?? .create) }
            guard let id = own ?? namespaceID(facts) else { return }
            isEvidence = hasOwnCgroup
            discovery = ContainerDiscovery(
                id: id, runtime: arguments == nil ? .unknown : Self.runtime(arguments, setup: setup),
                cgroupPath: hasOwnCgroup ? path : "/", firstSeen: now &+ clockOffset)
            discovery.rootlessUser = user
            discovery.runtimeID = name ?? id
            entry.containerID = id
        }
        discovery.pid = facts.key.pid
        if setup.arguments?.id == discovery.runtimeID,
            setup.user(inCgroup: facts.cgroupPath) == discovery.rootlessUser
        {
            discovery.arguments = setup.arguments
        }
        // `exec` into a container shows another process' view of it, not its init's.
        let isSettled = setup.arguments?.verb != .exec
        containerTable.see(discovery, isSettled: isSettled, isEvidence: isEvidence, now: now)
    }

    /// A cgroup that holds the container alone: not the root, not the caller's, none above it, no slice.
    static func isOwnCgroup(_ path: String, apartFrom caller: String) -> Bool {
        path.utf8.count > 1 && path != caller && !caller.hasPrefix(path + "/") && !path.hasSuffix(".slice")
    }

    private static func runtime(_ arguments: RuntimeArguments?, setup: SetupState) -> ContainerRuntime {
        if let root = arguments?.root {
            if root.hasPrefix("/run/containerd/") { return .containerd }
            if root.contains("/docker/") { return .docker }
        }
        return setup.executablePath.hasSuffix("crun") ? .crun : .runc
    }

    private func namespaceID(_ facts: ProcessFacts) -> ContainerID? {
        guard let namespace = facts.pidNamespace, namespace != host.pidNamespace else { return nil }
        return ContainerID(validating: "pidns-\(namespace.rawValue)")
    }

    /// At start: a container that no path and no state file names (raw runc with a root of its own). Its init has another
    /// pid namespace, mount namespace and root than the host; its runtime, when it still waits, tells the rest.
    private mutating func findUndeclared(_ facts: ProcessFacts, now: UInt64) {
        guard facts.namespacedPID == 1, let mountNamespace = facts.mountNamespace, facts.pidNamespace != nil,
            facts.pidNamespace != host.pidNamespace, mountNamespace != host.mountNamespace,
            var entry = table.living[facts.key.pid], entry.key == facts.key, entry.containerID == nil,
            entry.setup == nil
        else { return }
        let runtime = table.living[facts.parentPID]?.setup
        // Without a runtime at hand, a sandbox that keeps the host's root (a browser's) is no container.
        guard runtime != nil || (facts.root != nil && facts.root != host.root) else { return }
        let parentPath = table.living[facts.parentPID]?.cgroupPath ?? "/"
        let setup =
            runtime
            ?? SetupState(mountNamespace: host.mountNamespace, cgroupPath: parentPath, executablePath: "")
        leaveSetup(&entry, facts: facts, setup: setup, now: now)
        store(entry, before: nil, now: now)
    }
}
