import ContainerInventory
import Detection
import EventModel
import KernelEvents
import LinuxSystem
import Synchronization

/// The one thread that all events pass: it keeps the inventory, evaluates the rules and hands alerts on. It never waits
/// for a file, a socket or another thread; what could wait is sent to a worker and comes back through a mailbox.
///
/// An event that may match a rule ("candidate") is not judged at once: the sources tell of one act in any order. It waits
/// until the process connector has been read up to the moment the event arrived, and at most `patience` for its
/// container's description. So the verdict never depends on which socket was read first.
final class Pipeline: @unchecked Sendable {
    /// What other threads send in.
    struct Inputs: Sendable {
        let processes: Mailbox<ProcessChange>
        let files: Mailbox<FileAccess>
        let reports: Mailbox<Report>
    }

    enum Report: Sendable {
        case described(Container)
        /// /proc was read again: after a gap, and every so often.
        case processes([ProcessFacts])
        /// The cgroups of some processes were read anew.
        case cgroups([ProcessFacts])
        /// Containers that the cgroup tree or the runtimes' state files show.
        case found([ContainerDiscovery])
        case cgroupRemoved(String)
        /// The runtimes' binaries as they are now.
        case runtimes(Set<FileID>)
        case alert(Alert)
    }

    /// The rules that events are judged by; exchanged as a whole by a reload.
    struct RulesInUse: Sendable {
        var rules: RuleSet
        /// What is to be done about a rule's alerts, by the rule's place in `rules`.
        var actions: [Int: Set<Configuration.Response.Action>]
        /// Files below /sys whose opens count under whichever name.
        var watched: [AuditNormalizer.WatchedObject]
        /// Host files that rules name and audit watches.
        var files: [String]
        /// Programs that start are told of by the connector: no rule of audit does.
        var takesExecsFromConnector: Bool

        init(
            _ rules: RuleSet, actions: [Int: Set<Configuration.Response.Action>], plan: AuditPlan,
            _ ruleSet: AuditRuleSet
        ) {
            self.rules = rules
            self.actions = actions
            watched = ruleSet.watched
            files = plan.files.keys.filter { !$0.isDirectory }.map(\.path).sorted()
            takesExecsFromConnector = rules.wants(.execve) && !plan.calls.contains(.execve)
        }
    }

    /// What it sends out. Called on the pipeline's thread; none may block.
    struct Outputs: Sendable {
        var alert: @Sendable (Alert) -> Void
        /// Audit says something about audit.
        var auditNotice: @Sendable (AuditNotice) -> Void
        var discovered: @Sendable (ContainerDiscovery) -> Void
        var mark: @Sendable (MarkWorker.Request) -> Void
        var requestWatermark: @Sendable () -> Void
        /// CLOCK_MONOTONIC up to which process events have been handed in.
        var watermark: @Sendable () -> UInt64
        /// An alert of a rule that something is to be done about.
        var respond: @Sendable (ResponseRequest) -> Void
        /// The containers that live, after each change.
        var published: @Sendable ([Container]) -> Void
        /// The processes whose cgroups are to be looked at, every few seconds.
        var follow: @Sendable ([ProcessKey]) -> Void
    }

    private struct Candidate {
        var event: KernelEvent
        var rules: [Int]
        var deadline: UInt64
        /// A file of /proc that was gone before it could be looked at: the actor's command line may say which it was.
        var lacksName = false
        /// As audit gave them, for people who ask.
        var records: [String] = []
    }

    private var rules: RuleSet
    private var actions: [Int: Set<Configuration.Response.Action>]
    /// Files of /proc that rules name, `1/environ`.
    private var procfsEntries: Set<String>
    /// What a reload has handed in.
    private let newRules = Mutex<RulesInUse?>(nil)
    private let hasNewRules = Atomic<Bool>(false)
    private let history: EventHistory
    private let grounds: AlertGrounds
    private let canary: Canary
    private let recorder: Recorder
    private let audit: AuditReader?
    private let refusals: RefusedCalls
    private let inputs: Inputs
    private let outputs: Outputs
    private let wake: WakeEvent
    private let stopping = Atomic<Bool>(false)
    private let statistics: PipelineStatistics

    private var inventory: Inventory
    private var assembler: AuditAssembler
    private var normalizer: AuditNormalizer
    private var descriptors: DescriptorReading
    private var layers = ProgramLayers()
    private var takesExecsFromConnector: Bool
    private var repeats = RepeatFilter()
    private var candidates: [Candidate] = []
    /// Containers with a description, and those that the rules were told of.
    private var described: Set<ContainerID> = []
    private var announced: Set<ContainerID> = []
    /// Processes outside their container's cgroup, until the container is described.
    private var leavings: [CgroupLeaving] = []
    /// Processes whose open of a watched file of /proc came with all it should, and when: none of the opens without a
    /// process is theirs.
    private var told: [Int32: UInt64] = [:]
    // Buffers that are used again for each event.
    private var event = KernelEvent()
    private var matched: [Int] = []
    private var changes: [ProcessChange] = []
    private var accesses: [FileAccess] = []
    private var reports: [Report] = []
    /// A notice of audit came, and the rest of its event has not yet.
    private var awaitsAuthor = false
    private var nextExpiry: UInt64 = 0
    private var nextFollowing: UInt64 = 0

    /// How long a candidate waits for what other sources have to say about it.
    private static let patience: UInt64 = 50_000_000
    /// How long the description of a container that was just found may take: an alert without its name is worth little, and
    /// only the first moments of a container wait for it.
    private static let descriptionPatience: UInt64 = 500_000_000
    /// How long before an event without a process the process may have ended.
    private static let anonymousWindow: UInt64 = 500_000_000
    /// How often containers' processes are looked for in their cgroups.
    private static let followInterval: UInt64 = 5_000_000_000
    /// Candidates beyond this are judged at once with what is known.
    private static let candidateLimit = 512
    /// Records taken from audit before the other sources have their turn.
    private static let turn = 256

    init(
        rules inUse: RulesInUse, history: EventHistory, grounds: AlertGrounds, canary: Canary, recorder: Recorder,
        inventory: Inventory, audit: AuditReader?, refusals: RefusedCalls, inputs: Inputs, outputs: Outputs,
        wake: WakeEvent, statistics: PipelineStatistics
    ) throws(AuditAssemblerError) {
        rules = inUse.rules
        actions = inUse.actions
        self.history = history
        self.grounds = grounds
        self.canary = canary
        self.recorder = recorder
        self.inventory = inventory
        self.audit = audit
        self.refusals = refusals
        procfsEntries = inUse.rules.markPlan.procfs
        self.inputs = inputs
        self.outputs = outputs
        self.wake = wake
        self.statistics = statistics
        assembler = try AuditAssembler()
        normalizer = Self.normalizer(inUse)
        descriptors = DescriptorReading(files: inUse.files)
        takesExecsFromConnector = inUse.takesExecsFromConnector
        matched.reserveCapacity(rules.rules.count)
    }

    /// Events that the rules look at, those that say where marks are missing, and the canary's.
    private static func normalizer(_ inUse: RulesInUse) -> AuditNormalizer {
        AuditNormalizer(
            watched: inUse.watched,
            wanted: Set(
                EventType.allCases.filter { inUse.rules.wants($0) || $0.changesMounts || $0 == .mknodat }))
    }

    /// From any thread: events are judged by these rules from the next turn on.
    func use(_ inUse: RulesInUse) {
        newRules.withLock { $0 = inUse }
        hasNewRules.store(true, ordering: .releasing)
        wake.signal()
    }

    func requestStop() {
        stopping.store(true, ordering: .relaxed)
        wake.signal()
    }

    func run() {
        while !stopping.load(ordering: .relaxed) {
            if audit?.ring.count ?? 0 == 0 {
                _ = waitReadable([wake.rawDescriptor], milliseconds: candidates.isEmpty ? 100 : 1)
            }
            wake.clear()
            if hasNewRules.exchange(false, ordering: .acquiring) { takeRules() }
            takeProcesses()
            takeReports()
            takeFiles()
            takeRecords()
            judgeCandidates()
            tellLeavings()
            tellRepeats(at: realtimeNanoseconds())
            expire()
            statistics.turns.wrappingAdd(1, ordering: .relaxed)
        }
        tellRepeats(at: nil)
    }

    // MARK: Inputs

    /// What waits to be judged is judged by the new rules.
    private func takeRules() {
        guard let inUse = newRules.withLock({ $0.take() }) else { return }
        rules = inUse.rules
        actions = inUse.actions
        procfsEntries = inUse.rules.markPlan.procfs
        normalizer = Self.normalizer(inUse)
        descriptors = DescriptorReading(files: inUse.files)
        takesExecsFromConnector = inUse.takesExecsFromConnector
        let waiting = candidates
        candidates.removeAll(keepingCapacity: true)
        for var candidate in waiting {
            if !candidate.lacksName {
                guard isWanted(candidate.event) else { continue }
                candidate.rules = matched
            }
            candidates.append(candidate)
        }
    }

    private func takeProcesses() {
        inputs.processes.take(into: &changes)
        guard !changes.isEmpty else { return }
        let now = monotonicNanoseconds()
        for change in changes {
            inventory.apply(change, now: now)
            switch change {
            case .fork(let child, _):
                if inventory.isContainerSetup(child) { outputs.mark(.setup(pid: child)) }
            case .exec(let pid, let facts, let time):
                if takesExecsFromConnector, let facts { takeExec(facts, time, now) }
                if inventory.isContainerStart(pid, at: time) { outputs.mark(.started(pid: pid, time: time)) }
                if inventory.isContainerSetup(pid) {
                    outputs.mark(.setup(pid: pid))
                } else if let facts, let container = inventory.containerID(ofProcess: pid) {
                    history.add(exec: facts, in: container, time: realtimeNanoseconds())
                }
            case .exit:
                break
            }
        }
        announceDiscoveries()
    }

    private func announceDiscoveries() {
        for discovery in inventory.takeDiscoveries() {
            if discovery.pid != 0 { outputs.mark(.scan(pid: discovery.pid)) }
            outputs.discovered(discovery)
        }
    }

    private func takeReports() {
        inputs.reports.take(into: &reports)
        guard !reports.isEmpty else { return }
        let now = monotonicNanoseconds()
        for report in reports {
            switch report {
            case .described(let container):
                inventory.set(container, now: now)
                announce(container, now)
                outputs.published(inventory.containers)
            case .processes(let facts):
                inventory.load(facts, now: now)
                announceDiscoveries()
                outputs.published(inventory.containers)
            case .cgroups(let facts):
                inventory.look(facts, now: now)
            case .found(let discoveries):
                inventory.add(discoveries, now: now)
                announceDiscoveries()
            case .cgroupRemoved(let path):
                inventory.cgroupRemoved(path, now: now)
            case .runtimes(let binaries):
                inventory.setRuntimeBinaries(binaries)
            case .alert(let alert):
                outputs.alert(alert)
            }
        }
    }

    /// A container that is described for the first time is an event of its own: `evt.type = container`.
    private func announce(_ container: Container, _ now: UInt64) {
        described.insert(container.id)
        // While a runtime still sets it up, the kernel's view of it is the runtime's: it is described again at its start.
        guard inventory.hasStarted(container.id), announced.insert(container.id).inserted else { return }
        event.reset()
        event.source = .inventory
        event.type = .container
        event.time = container.firstSeen
        event.received = now
        event.pid = container.initProcess?.pid ?? 0
        guard isWanted(event) else { return }
        emit(Candidate(event: event, rules: matched, deadline: 0), inventory.attribution(of: container))
    }

    /// A process outside its container's cgroup is an event as well: `evt.type = cgroup_leave`. It waits for the
    /// container's description as candidates do.
    private func tellLeavings() {
        let now = monotonicNanoseconds()
        leavings += inventory.takeLeavings(now: now)
        guard !leavings.isEmpty else { return }
        let waiting = leavings
        leavings.removeAll(keepingCapacity: true)
        for leaving in waiting {
            guard described.contains(leaving.container) || now >= leaving.found + Self.descriptionPatience else {
                leavings.append(leaving)
                continue
            }
            event.reset()
            event.source = .inventory
            event.type = .cgroupLeave
            event.time = leaving.found &+ inventory.clockOffset
            event.received = now
            event.pid = leaving.process.key.pid
            event.cgroups = event.append(leaving.cgroups)
            guard isWanted(event) else { continue }
            emit(Candidate(event: event, rules: matched, deadline: 0), inventory.attribution(of: leaving))
        }
    }

    private func takeFiles() {
        inputs.files.take(into: &accesses)
        for access in accesses {
            access.fill(&event)
            statistics.accesses.wrappingAdd(1, ordering: .relaxed)
            if access.object != nil, access.entry != nil { told[access.pid] = access.received }
            if access.object == nil {
                keep(Candidate(event: event, rules: [], deadline: deadline(), lacksName: true))
            } else {
                guard isWanted(event) else { continue }
                keep(Candidate(event: event, rules: matched, deadline: deadline()))
            }
        }
    }

    private func takeRecords() {
        guard let audit else { return }
        var left = Self.turn
        let now = monotonicNanoseconds()
        while left > 0, audit.ring.count > 0 {
            audit.withFront { type, payload in
                if type == AuditRecordType.seccomp, let alert = refusals.note(payload) { outputs.alert(alert) }
                if let notice = AuditNotice(type: type, payload: payload) {
                    outputs.auditNotice(notice)
                    awaitsAuthor = notice == .changed || awaitsAuthor
                }
                assembler.add(type: type, payload: payload, now: now) { assembled in take(assembled, now) }
            }
            audit.ring.release()
            left -= 1
        }
        if left > 0 {
            assembler.expire(now: now) { assembled in take(assembled, now) }
        }
        statistics.publish(assembler.counters)
    }

    private func take(_ assembled: AuditEvent, _ now: UInt64) {
        if statistics.countsGroups.load(ordering: .relaxed), let group = assembled.ownGroup {
            statistics.add(assembled.recordCount, of: group)
        }
        if awaitsAuthor, let author = AuditAuthor(assembled) {
            awaitsAuthor = false
            outputs.auditNotice(.changedBy(author))
        }
        guard normalizer.normalize(assembled, received: now, into: &event) else { return }
        statistics.normalized.wrappingAdd(1, ordering: .relaxed)
        if event.type.changesMounts, let result = event.result, result >= 0 { remark(event.pid, event.type, result) }
        if canary.hears(event) { return }
        if event.type.isOpen { descriptors.nameFile(&event) }
        guard isWanted(event) else { return }
        if descriptors.look(&event) {
            guard isWanted(event) else { return }
        }
        keep(Candidate(event: event, rules: matched, deadline: deadline(), records: assembled.lines))
    }

    /// Without a rule of audit for it, a program's start is known from the connector and from `/proc`.
    private func takeExec(_ facts: ProcessFacts, _ time: UInt64, _ now: UInt64) {
        event.reset()
        event.fill(exec: facts, time: time == 0 ? realtimeNanoseconds() : time &+ inventory.clockOffset, received: now)
        guard isWanted(event) else { return }
        keep(Candidate(event: event, rules: matched, deadline: deadline()))
    }

    /// A container that mounted something may have a procfs or sysfs without marks now.
    private func remark(_ pid: Int32, _ type: EventType, _ result: Int64) {
        guard inventory.isContainerProcess(pid) else { return }
        if type == .fsmount || type == .openTree {
            outputs.mark(.descriptor(pid: pid, number: Int32(truncatingIfNeeded: result)))
        } else {
            outputs.mark(.scan(pid: pid))
        }
    }

    // MARK: Judgement

    /// First phase: `matched` has the rules that the event does not rule out. Somebody who records wants the others too.
    private func isWanted(_ event: borrowing KernelEvent) -> Bool {
        rules.candidates(for: event, into: &matched)
        return !matched.isEmpty || recorder.isRecording
    }

    private func deadline() -> UInt64 { monotonicNanoseconds() + Self.patience }

    private func keep(_ candidate: consuming Candidate) {
        if candidates.count >= Self.candidateLimit { judge(candidates.removeFirst(), isLast: true, mustDecide: true) }
        candidates.append(candidate)
    }

    private func judgeCandidates() {
        guard !candidates.isEmpty else { return }
        let watermark = outputs.watermark()
        if candidates.contains(where: { $0.event.received > watermark }) { outputs.requestWatermark() }
        // What was handed in before the watermark is in the mailbox now.
        takeProcesses()
        let now = monotonicNanoseconds()
        let waiting = candidates
        candidates.removeAll(keepingCapacity: true)
        for candidate in waiting {
            let isLast = now >= candidate.deadline
            if candidate.event.received > watermark, !isLast {
                candidates.append(candidate)
            } else if !judge(candidate, isLast: isLast), now < candidate.event.received + Self.descriptionPatience {
                candidates.append(candidate)
            }
        }
    }

    /// False when the container is known and its description still to come: the alert would lack its name.
    ///
    /// - Parameters:
    ///   - isLast: other sources had their time.
    ///   - mustDecide: nothing is waited for, whatever is missing.
    @discardableResult
    private func judge(_ candidate: Candidate, isLast: Bool, mustDecide: Bool = false) -> Bool {
        if candidate.lacksName, candidate.event.pid == 0 { return judgeAnonymous(candidate.event) }
        let now = monotonicNanoseconds()
        var attribution = inventory.attribute(candidate.event, now: now)
        announceDiscoveries()
        if candidate.event.type.isExec, let container = attribution.container {
            attribution.isProgramInUpperLayer = layers.isUpper(candidate.event, attribution.process, in: container)
        }
        if !mustDecide, let container = attribution.container, !described.contains(container.id),
            now < candidate.event.received + Self.descriptionPatience
        {
            return false
        }
        // Who it was, another source may still tell.
        if !isLast, attribution.certainty == .unknown || attribution.process == nil { return false }
        statistics.count(attribution)
        if candidate.lacksName {
            judgeNameless(candidate.event, attribution)
        } else {
            emit(candidate, attribution)
        }
        return true
    }

    /// The kernel has told that the actor opened a memory file of a process that has gone; which one is taken from the
    /// actor's own command line, where that names a file that rules ask for. The event says that it is not whole.
    private func judgeNameless(_ event: KernelEvent, _ attribution: Attribution) {
        let words = attribution.process?.commandLine ?? []
        for entry in procfsEntries where words.contains(where: { $0.contains("/" + entry) }) {
            var named = event
            named.name = named.append("/proc/" + entry)
            rules.candidates(for: named, into: &matched)
            emit(Candidate(event: named, rules: matched, deadline: 0), attribution)
        }
    }

    /// Before 6.13 the kernel does not even say whose open it was. The process had just ended; where one of a container had
    /// and its command line names a file that rules ask for, that is told, with the doubt. False when there is none (yet).
    private func judgeAnonymous(_ event: KernelEvent) -> Bool {
        let now = monotonicNanoseconds()
        let since = event.received - min(event.received, Self.anonymousWindow)
        var isFound = false
        for entry in procfsEntries {
            for pid in inventory.ended(since: since, aliveBy: event.received, naming: "/" + entry)
            where told[pid] == nil {
                told[pid] = event.received
                var named = event
                named.pid = pid
                named.name = named.append("/proc/" + entry)
                var attribution = inventory.attribute(named, now: now)
                attribution.certainty = .ambiguous("its process was gone, and its command line names the file")
                statistics.count(attribution)
                rules.candidates(for: named, into: &matched)
                emit(Candidate(event: named, rules: matched, deadline: 0), attribution)
                isFound = true
            }
        }
        return isFound
    }

    private func emit(_ candidate: Candidate, _ attribution: Attribution) {
        let event = candidate.event
        if recorder.isRecording { recorder.add(event, attribution, records: candidate.records) }
        for rule in rules.matches(for: event, attribution: attribution, candidates: candidate.rules) {
            guard repeats.admit(rule: rules.rules[rule].name, event: event, attribution: attribution) else {
                statistics.repeats.wrappingAdd(1, ordering: .relaxed)
                continue
            }
            statistics.alerts.wrappingAdd(1, ordering: .relaxed)
            var alert = rules.alert(rule: rule, event: event, attribution: attribution)
            alert.id = grounds.add(
                alert, rule: rule, of: rules, event: event, attribution: attribution, records: candidate.records)
            repeats.keep(alert)
            // Before the alert: it is printed by another thread, and a container that goes on meanwhile does more harm.
            if let actions = actions[rule], let container = attribution.container {
                // Who has broken out of a nested container is in the outer one, which chose how the inner one is called.
                let target = container.outer.flatMap(inventory.container) ?? container
                outputs.respond(
                    ResponseRequest(
                        actions: actions, alert: alert, container: target, certainty: attribution.certainty,
                        eventReceived: event.received))
            }
            outputs.alert(alert)
            if let container = attribution.container { history.add(alert, of: container.id) }
            // The inventory's own events carry no stamp of the kernel's.
            if event.source != .inventory { statistics.alerted(of: event.time) }
        }
    }

    /// How often alerts came again, once no more of the same act is expected; nil: what is counted so far, at the end.
    private func tellRepeats(at time: UInt64?) {
        for count in repeats.takeCounts(at: time) {
            outputs.alert(count.alert)
            if let container = count.container { history.add(count.alert, of: container) }
        }
    }

    private func expire() {
        let now = monotonicNanoseconds()
        guard now >= nextExpiry else { return }
        nextExpiry = now + 1_000_000_000
        inventory.expire(now: now)
        announceDiscoveries()
        told = told.filter { $0.value + 10_000_000_000 > now }
        let living = inventory.containers
        let known = living.map(\.id)
        described.formIntersection(known)
        announced.formIntersection(known)
        layers.keep(known)
        outputs.published(living)
        guard now >= nextFollowing else { return }
        nextFollowing = now + Self.followInterval
        outputs.follow(inventory.followed)
    }
}

extension EventType {
    /// After it a mount namespace may show another superblock.
    var changesMounts: Bool {
        switch self {
        case .mount, .fsmount, .moveMount, .openTree: true
        default: false
        }
    }
}
