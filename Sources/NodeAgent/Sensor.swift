import ContainerInventory
import Detection
import EventModel
import Glibc
import KernelEvents
import LinuxSystem
import Logging
import Reporting
import Responder
import Synchronization
import SystemPackage

/// The sensor put together: sources, pipeline, workers, each on a named thread; and taken apart again in an order that
/// puts the host back first.
final class Sensor: Sendable {
    /// What the sensor needs to know, checked already.
    struct Setup: Sendable {
        var loaded: LoadedRules
        /// Read again at a reload.
        var configurationFile: String
        var runtimeDirectory: String
        /// Where rules put evidence.
        var evidenceDirectory: String
        var format: AlertFormat
        var spawner: Spawner
        /// The service manager's ear; nil without one.
        var notification: ServiceNotification?
        var log: Logger

        var configuration: Configuration { loaded.configuration }
    }

    private let setup: Setup
    private let log: Logger
    private let audit: AuditKeeper?
    private let auditReader: AuditReader?
    private let connector: any ProcessEventSource
    private let fanotify: FanotifyReader?
    private let cgroups: CgroupWatcher?
    private let pipeline: Pipeline
    private let containerWorker: ContainerWorker
    private let marks: MarkSupervisor?
    private let control: ControlServer
    private let responder: ResponseWorker
    private let writer: AlertWriter
    private let deliverer: Deliverer
    private let housekeeper: Housekeeper
    private let threads = Mutex<[ThreadHandle]>([])
    private let statistics: PipelineStatistics
    private let lastTurns = Atomic<UInt64>(0)
    private let hasSpawner = Atomic<Bool>(true)
    private let metrics: MetricsSource
    private let canary: Canary
    private let recorder: Recorder
    private let reload: RuleReload
    /// The containers that ran already.
    private let running: [ContainerDiscovery]

    private final class ThreadHandle: Sendable {
        let name: String
        private let thread: Mutex<NamedThread?>
        init(_ name: String, _ thread: consuming NamedThread) {
            self.name = name
            self.thread = Mutex(consume thread)
        }
        func join(until deadline: UInt64) -> Bool {
            guard let thread = thread.withLock({ $0.take() }) else { return true }
            return thread.join(until: deadline)
        }
    }

    /// Opens every source and reads what runs already. Nothing runs before `start`.
    ///
    /// - Throws: `CommandFailure` with the status to exit with.
    init(_ setup: Setup) throws {
        self.setup = setup
        let log = setup.log
        self.log = log
        let pid = getpid()
        let proc = ProcFilesystem()
        let statistics = PipelineStatistics()
        self.statistics = statistics
        let host = try HostIdentity.read(proc: proc, runtimePaths: setup.configuration.containers.runtimePaths)
        if host.runtimeBinaries.isEmpty {
            log.warning(
                "no OCI runtime found at the usual places: a runtime that sets a container up is taken for an offender; see containers.runtime_paths"
            )
        }
        let deliverer = Deliverer(
            spawner: setup.spawner, options: DeliverCommand.options(setup.configuration))
        self.deliverer = deliverer
        let alertCounters = AlertCounters(
            rules: setup.loaded.rules.rules.filter(\.isEnabled).map { (name: $0.name, priority: $0.priority) })
        let writer = try AlertWriter(
            format: setup.format, hostname: hostname(), deliverer: deliverer, counters: alertCounters)
        self.writer = writer

        let wake = try WakeEvent()
        let inputs = Pipeline.Inputs(
            processes: Mailbox(capacity: 65_536, consumer: wake), files: Mailbox(capacity: 8192, consumer: wake),
            reports: Mailbox(capacity: 8192, consumer: wake))

        // The connector first: what starts from now on is not missed while /proc is read.
        let processReader = ProcessReader(proc: proc)
        let tell: @Sendable (ProcessEvent) -> Void = { event in
            switch event {
            case .fork(let child, let parent): inputs.processes.send(.fork(child: child, parent: parent))
            case .exec(let pid, let time):
                inputs.processes.send(.exec(pid: pid, facts: processReader.read(pid), time: time))
            case .exit(let pid): inputs.processes.send(.exit(pid: pid))
            }
        }
        let connector: any ProcessEventSource
        var coverage = MetricsSource.Coverage()
        do {
            connector = try ConnectorReader(
                receiveBytes: setup.configuration.connector.receiveBufferMiB << 20, handler: tell)
            coverage.connector = true
        } catch {
            log.warning(
                "no process connector (\(error)): /proc is polled instead, and short-lived processes may go unseen")
            connector = try ProcessPoller(proc: proc, handler: tell)
        }
        self.connector = connector

        let plan = KernelPlan(setup.loaded.rules, setup.configuration)
        let ruleSet = AuditRuleSet(plan: plan.audit)
        if !plan.audit.isEmpty {
            var session = try AuditSession(
                preference: setup.configuration.audit.mode, stateFile: setup.runtimeDirectory + "/audit.state",
                receiveBytes: setup.configuration.audit.receiveBufferMiB << 20, pid: pid)
            if session.isLocked {
                log.error(
                    "audit is locked until reboot (enabled 2): no rule of ours can be added, the agent only listens")
            }
            try session.install(ruleSet.rules)
            for refused in session.refusedRules { log.warning("the kernel refuses an audit rule: \(refused)") }
            log.info("audit: \(session.mode.rawValue), \(session.rules.count) rules")
            coverage.audit = true
            if !session.wasEnabled { coverage.auditEnabledAt = UnauditedTasks.ticksSinceBoot() }
            Self.tellCoverage(session, log)
            auditReader = try AuditReader(socket: session.data, consumer: wake)
            audit = try AuditKeeper(
                session, configuration: setup.configuration.audit, pid: pid, statistics: statistics, log: log
            ) { writer.send($0) }
        } else {
            auditReader = nil
            audit = nil
        }

        let canaryFile = try Canary.File(directory: setup.runtimeDirectory)
        if !plan.marks.isEmpty {
            do {
                try ForeignRoot.probe()
            } catch {
                throw CommandFailure(
                    .failed,
                    "\(error): no container's files could be marked; it takes a kernel from 5.6 on, and in a systemd unit "
                        + "RestrictSUIDSGID=no (fanotify.enabled: false does without)")
            }
            let features = try FanotifyFeatures.probe()
            coverage.fanotify = true
            coverage.pidfd = features.reportsPidfd
            coverage.descriptorErrors = features.reportsDescriptorErrors
            let group = try FanotifyGroup(features: features)
            let superblocks = MarkedSuperblocks()
            var containerMarks = try ContainerMarks(
                group: group, superblocks: superblocks, plan: plan.marks, proc: proc)
            for failure in containerMarks.markHostFiles() { log.warning("no mark on the host's own \(failure)") }
            try group.markOpens(of: canaryFile.descriptor)
            fanotify = try FanotifyReader(
                group: group, superblocks: superblocks, plan: plan.marks, canary: canaryFile.id
            ) { access in inputs.files.send(access) }
            marks = MarkSupervisor(
                marks: containerMarks, proc: proc, hostMountNamespace: host.mountNamespace, log: log)
            log.info(
                "fanotify: pidfd \(features.reportsPidfd ? "yes" : "no"), descriptor errors \(features.reportsDescriptorErrors ? "yes" : "no")"
            )
        } else {
            fanotify = nil
            marks = nil
        }

        let actionCounters = ActionCounters(
            actions: ["collect", "freeze", "kill", "release"], results: ["done", "partial", "refused", "failed"],
            collections: ["done", "partial", "failed"])
        let history = EventHistory(hostname: hostname())
        let grounds = AlertGrounds()
        let responder = try Self.responder(setup, host, counters: actionCounters) { writer.send($0) }
        self.responder = responder

        let containerReader = ContainerReader(proc: proc, host: host)
        let containerWorker = try ContainerWorker(reader: containerReader, log: log) { container in
            inputs.reports.send(.described(container))
            responder.learn(container)
        }
        self.containerWorker = containerWorker

        let auditReader = auditReader
        let fanotify = fanotify
        let marks = marks
        let started = monotonicNanoseconds()
        let timed = TimedReader()
        let recorder = try Recorder(hostname: hostname())
        self.recorder = recorder
        let control = try ControlServer(
            path: setup.runtimeDirectory + "/control.sock",
            deviations: { container in
                // A process' files may lie on a file system that does not answer.
                timed.run(timeout: 1_000_000_000) { containerReader.deviations(in: container) } ?? []
            }, recorder: recorder
        ) { request in
            switch request.command {
            case .isolate, .release:
                return responder.answer(request)
            case .history:
                guard let id = request.container.flatMap({ ContainerID(validating: $0) }) else {
                    return ControlResponse(error: "the request names no container")
                }
                return ControlResponse(history: String(decoding: history.lines(of: id), as: UTF8.self))
            case .explain:
                return grounds.answer(request)
            case .inventory, .status, .record:
                let actions = responder.status
                return ControlResponse(
                    agent: AgentListing(
                        version: NodeAgent.version, pid: pid, response: responder.mode.rawValue,
                        uptime: (monotonicNanoseconds() - started) / 1_000_000_000),
                    status: Self.status(
                        statistics, auditReader, connector, fanotify, marks, inputs, writer, deliverer),
                    frozen: actions.frozen, actions: actions.recent)
            }
        }
        self.control = control

        let tree = CgroupTree(mounts: try proc.mounts(pid))
        housekeeper = try Housekeeper(
            processReader: processReader, containerReader: containerReader, tree: tree, log: log
        ) { inputs.reports.send($0) }
        let housekeeper = housekeeper

        let spawner = setup.spawner
        let refusals = RefusedCalls { spawner.command(of: $0) }
        var inventory = Inventory(host: host, reader: processReader)
        inventory.tellsExecs = coverage.connector
        inventory.load(try processReader.readAll(), now: monotonicNanoseconds())
        inventory.add(containerReader.scan(), now: monotonicNanoseconds())
        running = inventory.takeDiscoveries()
        let audit = audit
        let canary = Canary(
            spawner: spawner, file: canaryFile, interval: setup.configuration.canarySeconds, connector: connector,
            fanotify: fanotify, audit: audit
        ) { writer.send($0) }
        self.canary = canary
        let pipeline = try Pipeline(
            rules: Pipeline.RulesInUse(
                setup.loaded.rules, actions: setup.loaded.actions, plan: plan.audit, ruleSet),
            history: history, grounds: grounds, canary: canary, recorder: recorder, inventory: inventory,
            audit: auditReader, refusals: refusals, inputs: inputs,
            outputs: Pipeline.Outputs(
                alert: { writer.send($0) },
                auditNotice: { audit?.note($0) },
                discovered: { containerWorker.describe($0) },
                mark: { marks?.send($0) },
                requestWatermark: { connector.requestWatermark() },
                watermark: { connector.watermark },
                respond: { responder.send($0) },
                published: { containers in
                    control.publish(containers)
                    responder.publish(containers)
                },
                follow: { housekeeper.follow($0) }),
            wake: wake, statistics: statistics)
        self.pipeline = pipeline

        do {
            cgroups = try CgroupWatcher(roots: tree.principal.map(\.mountPoint)) { housekeeper.cgroupsChanged() }
            coverage.cgroups = true
            log.info("cgroups: watched by \(cgroups?.method.rawValue ?? "-")")
        } catch {
            log.warning("cgroups are not watched, containers are found by their processes alone: \(error)")
            cgroups = nil
        }

        let use = NewRules(
            start: plan, setup: setup, audit: audit, fanotify: fanotify, marks: marks, control: control,
            alerts: alertCounters, responder: responder, pipeline: pipeline)
        let reload = RuleReload(
            setup.loaded, configurationFile: setup.configurationFile, log: log, apply: { try use.use($0) },
            tell: { writer.send($0) })
        self.reload = reload

        var readAudit: (@Sendable () -> AuditReading)?
        if let audit { readAudit = { audit.reading } }
        metrics = MetricsSource(
            MetricsSource.Parts(
                statistics: statistics, auditReader: auditReader, connector: connector, fanotify: fanotify,
                marks: marks, inputs: inputs, alerts: alertCounters, writer: writer, actions: actionCounters,
                deliverer: deliverer, refusals: refusals, audit: readAudit, canary: canary, rules: reload,
                containers: { control.published },
                isSettled: { containerWorker.isIdle && marks?.isIdle ?? true }),
            coverage: coverage)
    }

    private static func responder(
        _ setup: Setup, _ host: HostIdentity, counters: ActionCounters, tell: @escaping @Sendable (Alert) -> Void
    ) throws -> ResponseWorker {
        let journal: ActionJournal
        do {
            journal = try ActionJournal(directory: setup.runtimeDirectory, boot: try BootID.current())
        } catch  where error.errno == .wouldBlock {
            throw CommandFailure(.refused, "'nodeagent isolate' or 'release' is at work; try again")
        }
        let proc = ProcFilesystem()
        let isolation = Isolation(
            journal: journal, host: host, binaries: ProtectedBinaries.find(host: host, proc: proc), proc: proc)
        let evidence = setup.configuration.evidence
        let collector = CollectorQueue(
            program: CollectorQueue.Program(
                spawner: setup.spawner, directory: setup.evidenceDirectory,
                runtimeDirectory: setup.runtimeDirectory, maximumSizeMiB: evidence.maximumSizeMiB,
                deadlineSeconds: evidence.deadlineSeconds, confinement: setup.configuration.confinement),
            hostname: hostname())
        return try ResponseWorker(
            configuration: setup.configuration.response, isolation: isolation, collector: collector, counters: counters,
            runtimePaths: setup.configuration.containers.runtimePaths, tell: tell)
    }

    /// Marks and describes the containers that run already, before the agent calls itself ready. A file system that hangs
    /// does not keep it.
    private func greetRunning() {
        for discovery in running {
            containerWorker.describe(discovery)
            if discovery.pid != 0 { marks?.send(.scan(pid: discovery.pid)) }
        }
        let deadline = monotonicNanoseconds() + 10_000_000_000
        while !(containerWorker.isIdle && marks?.isIdle ?? true), monotonicNanoseconds() < deadline { usleep(1000) }
    }

    /// What audit cannot see on this host, told once.
    private static func tellCoverage(_ session: borrowing AuditSession, _ log: Logger) {
        if !session.wasEnabled {
            log.notice(
                "audit was off: processes that run already are invisible to its rules (booting with audit=1 cures it)")
        }
        if let census = try? session.ruleCensus(), census.taskNever > 0 {
            log.warning("a rule 'task,never' makes processes invisible to audit; see auditctl -l")
        }
        // Our own second socket has a port that is not our pid.
        let others = AuditListeners.others(than: getpid()) - (session.mode == .multicast ? 1 : 0)
        if others > 0 {
            log.notice(
                "\(others) other reader(s) get every audit record (journald's audit socket?): our rules keep to the budget"
            )
        }
    }

    func start() throws(SystemError) {
        try run("alerts") { [writer] in writer.run() }
        try run("inventory") { [containerWorker] in containerWorker.run() }
        try marks?.start()
        greetRunning()
        responder.recover()
        try run("responder") { [responder] in responder.run() }
        try run("pipeline") { [pipeline] in pipeline.run() }
        try run("connector", nice: Self.readerNice) { [connector] in connector.run() }
        if let auditReader { try run("audit", nice: Self.readerNice) { auditReader.run() } }
        if let fanotify { try run("fanotify", nice: Self.readerNice) { fanotify.run() } }
        if let audit { try run("audit upkeep") { audit.run() } }
        if let cgroups { try run("cgroups") { cgroups.run() } }
        try run("control") { [control] in control.run() }
        try run("recorder") { [recorder] in recorder.run() }
        try run("housekeeping") { [self] in
            deliverer.start()
            metrics.send()
            housekeeper.survey()
            housekeeper.run { self.tend() }
        }
        metrics.armed()
    }

    /// The readers look at processes and files that may be gone in a fraction of a millisecond.
    private static let readerNice: Int32 = -15

    private func run(
        _ name: String, nice: Int32 = 0, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        let handle = ThreadHandle(name, try NamedThread(name, nice: nice, body))
        threads.withLock { $0.append(handle) }
    }

    /// Once a second, on the housekeeping thread.
    private func tend() {
        tellAlive()
        checkSpawner()
        deliverer.check()
        metrics.send()
        marks?.check()
        canary.check()
        reload.check()
        housekeeper.reconcile(gaps: connector.gapCount)
        housekeeper.lookAtCgroups()
        housekeeper.followRuntimes(setup.configuration.containers.runtimePaths)
        housekeeper.tellLosses(
            Housekeeper.Losses(
                socket: auditReader?.drops ?? 0, kernel: audit?.lost ?? 0,
                overflows: fanotify?.overflowCount ?? 0))
    }

    /// The service manager's watchdog is fed only while the pipeline goes on: an agent that hangs is started anew.
    private func tellAlive() {
        let turns = statistics.turns.load(ordering: .relaxed)
        guard lastTurns.exchange(turns, ordering: .relaxed) != turns else { return }
        setup.notification?.tell("WATCHDOG=1")
    }

    /// Without it no child can be started any more, and the filter keeps the sensor from making another one.
    private func checkSpawner() {
        guard !setup.spawner.check(), hasSpawner.exchange(false, ordering: .relaxed) else { return }
        writer.send(
            .internal(
                "Spawner ended",
                "the process that starts the agent's others has ended: evidence is not collected and metrics are not "
                    + "served any more once they stop, until nodeagent is restarted",
                priority: .critical))
    }

    var filter: SystemCallFilter {
        SystemCallFilter(.sensor, mode: setup.configuration.confinement, environment: environment())
    }

    func tellUnconfined(_ reason: String) {
        writer.send(
            .internal("Confinement missing", "\(reason); the agent works without it", priority: .warning))
    }

    /// The sources are open, what runs is marked and described.
    func tellReady() {
        setup.notification?.tell(
            "READY=1", "STATUS=Watching \(setup.loaded.rules.rules.count { $0.isEnabled }) rules' events")
    }

    /// A thread ends within 200 ms of being asked to. One that hangs (a file system that does not answer) is told and left.
    private static let joinPatience: UInt64 = 800_000_000
    /// The responder lets go what it holds, each container in its own time.
    private static let responderPatience: UInt64 = 5_000_000_000

    /// Puts the host back, then ends the threads. Within a second, unless there are containers to let go.
    func stop() {
        setup.notification?.tell("STOPPING=1")
        audit?.restore()
        audit?.requestStop()
        housekeeper.requestStop()
        cgroups?.requestStop()
        fanotify?.requestStop()
        auditReader?.requestStop()
        connector.requestStop()
        pipeline.requestStop()
        marks?.requestStop()
        containerWorker.requestStop()
        control.requestStop()
        recorder.requestStop()
        responder.requestStop()
        // The writer's thread, the first, ends last: it tells what the others did at their end.
        let threads = threads.withLock { $0 }
        let asked = monotonicNanoseconds()
        var hanging: [String] = []
        for thread in threads.dropFirst() {
            let patience = thread.name == "responder" ? Self.responderPatience : Self.joinPatience
            if !thread.join(until: asked + patience) { hanging.append(thread.name) }
        }
        writer.requestStop()
        if let first = threads.first, !first.join(until: monotonicNanoseconds() + Self.joinPatience) {
            hanging.append(first.name)
        }
        if !hanging.isEmpty { log.error("still at work at the end: \(hanging.joined(separator: ", "))") }
        deliverer.stop()
    }
}
