import EventModel
import KernelEvents
import LinuxSystem
import Logging
import Synchronization

/// Keeps the agent's hold on audit beside others who change it: sees once a second, and at once when audit says that it was
/// changed, what they did, undoes what blinds the agent where that is its to undo, and tells of it.
final class AuditKeeper: Sendable {
    private struct State {
        var upkeep: AuditUpkeep
        var budget: BudgetWatch
        var wantsSeat: Int32?
        /// When audit said that it was changed, since the last census.
        var changedAt: UInt64?
        var author: (AuditAuthor, time: UInt64)?
        var nextCensus: UInt64 = 0
        /// As the last look found it.
        var census: AuditRuleCensus
        /// Our rules were taken out and could not be put back.
        var lacksRules = false
        /// Rules that were put back and not told yet, and when they may be.
        var untold = 0
        var nextTelling: UInt64 = 0
        var isRestored = false
    }

    private let session: Mutex<AuditSession>
    private let state: Mutex<State>
    private let configuration: Configuration.Audit
    private let pid: Int32
    private let statistics: PipelineStatistics
    private let tell: @Sendable (Alert) -> Void
    private let log: Logger
    private let wake: WakeEvent
    private let stop: WakeEvent

    /// A census without a reason. Notices come with each change, but on a host that was blinded no notice comes.
    private static let censusInterval: UInt64 = 30_000_000_000
    /// Who deletes all rules takes some time for it.
    private static let settling: UInt64 = 200_000_000
    private static let tellingInterval: UInt64 = 10_000_000_000
    /// How old what is known of an author may be when a change is found.
    private static let authorAge: UInt64 = 5_000_000_000

    /// - Parameter session: with its rules in place.
    init(
        _ session: consuming sending AuditSession, configuration: Configuration.Audit, pid: Int32,
        statistics: PipelineStatistics, log: Logger, tell: @escaping @Sendable (Alert) -> Void
    ) throws(SystemError) {
        let status = try session.status()
        let census = try session.ruleCensus()
        state = Mutex(
            State(
                upkeep: AuditUpkeep(preference: configuration.mode, pid: pid, enabled: status.enabled),
                budget: BudgetWatch(budget: configuration.budget), census: census))
        self.session = Mutex(session)
        self.configuration = configuration
        self.pid = pid
        self.statistics = statistics
        self.log = log
        self.tell = tell
        wake = try WakeEvent()
        stop = try WakeEvent()
    }

    // A start that fails later on leaves no rule behind.
    deinit { restore() }

    /// Puts audit back as it was found. Nothing is repaired any more.
    func restore() {
        let isFirst = state.withLock { state in
            defer { state.isRestored = true }
            return !state.isRestored
        }
        if isFirst { session.withLock { $0.restore() } }
    }

    var reading: AuditReading {
        let (standing, lacksRules) = state.withLock { ($0.census.own, $0.lacksRules) }
        return session.withLock { session in
            AuditReading(
                status: try? session.status(), mode: session.mode, hasRules: !session.rules.isEmpty && !lacksRules,
                lost: session.lost, standingRules: standing)
        }
    }

    /// Records that the kernel lost while they were meant for us.
    var lost: UInt64 { session.withLock { session in session.lost } }

    /// Whether our rules of this group are meant to stand.
    func has(_ group: AuditRuleGroup) -> Bool {
        session.withLock { session in session.rules.contains { $0.key == group.key } }
    }

    /// From the pipeline's thread; does not wait.
    func note(_ notice: AuditNotice) {
        state.withLock { state in
            switch notice {
            case .replaceWanted(let pid): state.wantsSeat = pid
            case .changed: state.changedAt = state.changedAt ?? monotonicNanoseconds()
            // Our own repairs are told as well.
            case .changedBy(let author) where author.pid == pid: break
            case .changedBy(let author): state.author = (author, monotonicNanoseconds())
            }
        }
        wake.signal()
    }

    func requestStop() { stop.signal() }

    func run() {
        while true {
            let isSettling = state.withLock { $0.changedAt != nil }
            let ready = waitReadable(
                [stop.rawDescriptor, wake.rawDescriptor], milliseconds: isSettling ? 200 : 1000)
            if ready & 1 != 0 { return }
            wake.clear()
            look()
            // Each of our own repairs is noticed as well.
            if waitReadable([stop.rawDescriptor], milliseconds: 150) != 0 { return }
        }
    }

    private func look() {
        let now = monotonicNanoseconds()
        let (mode, status) = session.withLock { session in (session.mode, try? session.status()) }
        guard let status else { return }
        let changes = state.withLock { state -> [AuditUpkeep.Change] in
            guard !state.isRestored else { return [] }
            defer { state.wantsSeat = nil }
            return state.upkeep.add(
                AuditUpkeep.Look(status: status, mode: mode, wantsSeat: state.wantsSeat, time: now))
        }
        for change in changes { answer(change) }
        repair(now)
        keepBudget()
    }

    /// Other rules from now on. What the budget has taken out is tried again.
    func exchange(_ rules: [AuditRule]) throws(SystemError) {
        let refused = try session.withLock { session throws(SystemError) in
            try session.exchange(rules)
            return session.refusedRules
        }
        for rule in refused { log.warning("the kernel refuses an audit rule: \(rule)") }
    }

    // MARK: What others change

    private func answer(_ change: AuditUpkeep.Change) {
        switch change {
        case .switchedOff: answerSwitchedOff()
        case .switchedOn:
            session.withLock { $0.accept(enabled: 1) }
            say("Audit switched on", "another program\(author()) switched audit on again", .notice)
        case .locked:
            session.withLock { $0.accept(enabled: 2) }
            say(
                "Audit locked",
                "another program\(author()) locked audit until reboot (auditctl -e 2): our rules stay in place and cannot be "
                    + "changed, also after nodeagent has ended", .warning)
        case .seatWanted(let process):
            guard configuration.mode == .auto else {
                say(
                    "Audit daemon refused",
                    "\(Self.name(process)) asked to be the audit daemon, which nodeagent is by audit.mode: unicast",
                    .notice)
                return
            }
            attempt("give up the audit daemon's place") { session throws(SystemError) in try session.yieldSeat() }
            say(
                "Audit daemon gave way",
                "\(Self.name(process)) asked to be the audit daemon: nodeagent listens beside it from now on", .notice)
        case .seatLost(to: 0):
            // The kernel forgets a daemon that it could not reach.
            attempt("take the audit daemon's place again") { session throws(SystemError) in try session.takeSeat() }
            say(
                "Audit daemon again",
                "the kernel had given up nodeagent as its audit daemon, as after records that it could not deliver; it "
                    + "is it again", .warning)
        case .seatLost(let daemon):
            attempt("listen beside the audit daemon") { session throws(SystemError) in try session.yieldSeat() }
            say(
                "Audit daemon replaced",
                "\(Self.name(Int32(bitPattern: daemon))) has taken the audit daemon's place: nodeagent listens beside it",
                .warning)
        case .seatFree:
            attempt("become the audit daemon") { session throws(SystemError) in try session.takeSeat() }
            say("Audit daemon again", "no audit daemon runs any more: nodeagent is it again", .notice)
        }
    }

    private func answerSwitchedOff() {
        let who = author()
        guard configuration.restoresEnabled else {
            session.withLock { $0.accept(enabled: 0) }
            say(
                "Audit switched off",
                "another program\(who) switched audit off: mounts, devices and writes to uevent_helper go unseen until "
                    + "'auditctl -e 1'; audit.restore_enabled: true does that by itself", .critical)
            return
        }
        attempt("switch audit on") { session throws(SystemError) in try session.switchOn() }
        state.withLock { $0.upkeep.settled(enabled: 1) }
        say(
            "Audit switched off",
            "another program\(who) switched audit off: it is on again, and what was done meanwhile went unseen",
            .critical)
    }

    private func repair(_ now: UInt64) {
        let isDue = state.withLock { state in
            let isSettled = state.changedAt.map { now >= $0 + Self.settling } ?? false
            guard !state.isRestored, isSettled || now >= state.nextCensus else { return false }
            state.changedAt = nil
            state.nextCensus = now + Self.censusInterval
            return true
        }
        if isDue { census() }
        let untold = state.withLock { state in
            guard state.untold > 0, now >= state.nextTelling else { return 0 }
            state.nextTelling = now + Self.tellingInterval
            defer { state.untold = 0 }
            return state.untold
        }
        guard untold > 0 else { return }
        say(
            "Audit rules deleted",
            "another program\(author()) deleted \(untold) of our audit rules: they are back in place, and what they tell "
                + "went unseen for up to a second", .warning)
    }

    /// Puts back what is missing of ours, and sees what else stands.
    private func census() {
        let missing: Int
        let census: AuditRuleCensus
        do {
            (missing, census) = try session.withLock { session throws(SystemError) in try session.repairRules() }
        } catch {
            log.error("cannot put the audit rules back: \(error)")
            state.withLock { $0.lacksRules = true }
            return
        }
        let hides = state.withLock { state in
            defer { state.census = census }
            state.lacksRules = false
            state.untold += missing
            return census.taskNever > state.census.taskNever
        }
        guard hides else { return }
        say(
            "Audit rule hides processes",
            "another program\(author()) added a rule 'task,never': every process that starts from now on is invisible to "
                + "audit; see auditctl -l", .critical)
    }

    // MARK: Budget

    /// Where auditd, journald or another reader stores every record, ours may not be many.
    private func keepBudget() {
        let isShared =
            session.withLock { session in session.mode } == .multicast
            || AuditListeners.others(than: pid) > 0
        statistics.countsGroups.store(isShared, ordering: .relaxed)
        guard isShared else { return }
        let records = statistics.recordsByGroup
        switch state.withLock({ $0.budget.add(records, now: monotonicNanoseconds()) }) {
        case .aboveBusy(let group, let rate)?:
            let isDropped = (try? session.withLock { session in try session.drop(group) }) ?? false
            guard isDropped else { return }
            say(
                "Audit budget exceeded",
                "our audit rules made \(rate) records a second, and others on this host store each one: the rules "
                    + "'\(group.key)' are taken out, and what they tell goes unseen until the agent starts again",
                .critical)
        case .aboveIdle(let rate)?:
            say(
                "Audit budget of an idle host exceeded",
                "our audit rules made \(rate) records a second over a minute, and others on this host store each one",
                .notice)
        case nil:
            break
        }
    }

    // MARK: Words

    private func say(_ rule: String, _ output: String, _ priority: Priority) {
        tell(.internal(rule, output, priority: priority))
    }

    private func attempt(_ what: String, _ body: (inout AuditSession) throws(SystemError) -> Void) {
        do {
            try session.withLock { session throws(SystemError) in try body(&session) }
        } catch {
            log.error("cannot \(what): \(error)")
        }
    }

    /// ` (…)`, or nothing where the kernel did not say who it was. Known once: the next change may be another's.
    private func author() -> String {
        let now = monotonicNanoseconds()
        let known = state.withLock { state in
            defer { state.author = nil }
            return state.author.flatMap { $0.time + Self.authorAge > now ? $0.0 : nil }
        }
        guard let known else { return "" }
        var words: [String] = []
        if let program = known.executable { words.append(program) }
        if let pid = known.pid { words.append("pid \(pid)") }
        if let uid = known.loginUID { words.append("login uid \(uid)") }
        return words.isEmpty ? "" : " (\(words.joined(separator: ", ")))"
    }

    private static func name(_ pid: Int32) -> String {
        let comm = (try? ProcFilesystem().stat(pid))?.comm
        return comm.map { "process \(pid) (\($0))" } ?? "process \(pid)"
    }
}
