package import ContainerInventory
package import EventModel
package import LinuxSystem
private import SystemPackage

/// Stops containers and lets them go on: the one way to an action. Every action is checked against what the kernel shows at
/// that moment, recorded before it is done, and told as an `ActionRecord`. Blocking, for one thread; a call takes up to
/// two seconds for a freeze and ten for a kill, and one more where a container holds up its control files.
package final class Isolation {
    /// A container that stands still because of this journal.
    package struct FrozenContainer: Sendable, Equatable {
        package var container: ContainerID
        package var path: String
        /// Nanoseconds since the epoch.
        package var since: UInt64
        /// CLOCK_MONOTONIC nanoseconds; nil: until somebody releases it.
        package var deadline: UInt64?
        package var isPartial: Bool
        package var isByRule: Bool

        /// Nanoseconds until it is released; nil without a deadline.
        package func remaining(now: UInt64) -> UInt64? { deadline.map { $0 > now ? $0 - now : 0 } }
    }

    package let journal: ActionJournal
    let tree: CgroupTree
    let proc: ProcFilesystem
    private(set) var host: HostIdentity
    private var binaries: ProtectedBinaries
    /// Pids of the agent's other processes.
    package var agent: Set<Int32>
    private let ownPID: Int32
    package private(set) var limiter = ActionLimiter()
    /// By container: what this journal says is frozen.
    var frozen: [ContainerID: JournalRecord] = [:]
    /// Releases that failed are tried again from this time on.
    var retries: [ContainerID: UInt64] = [:]
    /// What an examination for a rule has just refused, and until when it is not looked at again.
    private var refusals: [ContainerID: (until: UInt64, reason: RefusalReason)] = [:]
    private static let refusalPause: UInt64 = 5_000_000_000
    /// By container: its control files, open already, and whether it holds up calls.
    var handles: [ContainerID: Handle] = [:]
    let reader = TimedReader()
    /// How many handles there may be; asked of the kernel once.
    var descriptorLimit: Int?

    /// - Parameter journal: open, so that no other process acts; what it holds from before counts as frozen by this one.
    package init(
        journal: ActionJournal, host: HostIdentity, binaries: ProtectedBinaries, agent: Set<Int32> = [],
        proc: ProcFilesystem = ProcFilesystem()
    ) {
        self.journal = journal
        self.host = host
        self.binaries = binaries
        self.agent = agent
        self.proc = proc
        ownPID = (try? readLink("\(proc.root)/self")).flatMap { Int32($0) } ?? -1
        // As the agent itself sees them: that is where it writes.
        tree = CgroupTree(mounts: (try? proc.mounts(ownPID)) ?? [])
        for record in journal.unfinished { frozen[record.container] = record }
    }

    /// After an upgrade of a package another inode is the runtime's.
    package func refresh(host: HostIdentity, binaries: ProtectedBinaries) {
        self.host = host
        self.binaries = binaries
    }

    /// What is frozen by nodeagent, oldest first.
    package func status() -> [FrozenContainer] {
        frozen.values.sorted { $0.action < $1.action }.map {
            FrozenContainer(
                container: $0.container, path: $0.path, since: $0.requested, deadline: $0.deadline,
                isPartial: $0.state != .done, isByRule: $0.isRule)
        }
    }

    // MARK: Parts of an action

    /// The frame of every action: its times, its record, and its refusal as a result.
    func act(
        _ action: ResponseAction, _ container: ContainerID, _ origin: ActionOrigin,
        _ body: (inout ActionRecord) throws(RefusalReason) -> ActionOutcome
    ) -> ActionRecord {
        var record = draft(action, container, origin)
        do throws(RefusalReason) {
            record.outcome = try body(&record)
        } catch {
            record.outcome = .refused(error)
        }
        record.ended = realtimeNanoseconds()
        if origin.isRule {
            switch record.outcome {
            case .done, .partial: limiter.finish(container, isSuccess: true, now: monotonicNanoseconds())
            case .failed: limiter.finish(container, isSuccess: false, now: monotonicNanoseconds())
            case .unchanged, .wouldAct, .refused: break
            }
        }
        return record
    }

    func draft(_ action: ResponseAction, _ container: ContainerID, _ origin: ActionOrigin) -> ActionRecord {
        let now = realtimeNanoseconds()
        lastID = max(now, Self.sum(max(lastID, journal.lastAction), 1))
        return ActionRecord(
            id: lastID, container: container, action: action, origin: origin, requested: now, ended: now,
            outcome: .wouldAct)
    }
    private var lastID: UInt64 = 0

    func limit(
        _ action: ResponseAction, _ container: Container, _ origin: ActionOrigin
    ) throws(RefusalReason) {
        guard origin.isRule else { return }
        if let limit = limiter.request(action, on: container.id, now: monotonicNanoseconds()) { throw .limited(limit) }
    }

    func charge(_ action: ResponseAction, _ container: Container, _ origin: ActionOrigin) {
        if origin.isRule { limiter.charge(action, on: container.id, now: monotonicNanoseconds()) }
    }

    /// Found and examined; by a rule only if nothing stands against it already.
    func examinedScope(
        _ action: ResponseAction, _ container: Container, _ origin: ActionOrigin
    ) throws(RefusalReason) -> ContainerScope {
        if container.isSandbox, !(origin == .operator) { throw .sandbox }
        guard origin.isRule else { return try scope(container) }
        let now = monotonicNanoseconds()
        if let limit = limiter.standing(action, on: container.id, now: now) { throw .limited(limit) }
        // A container with a process in it that refuses the action must not keep this thread from others by its alerts.
        refusals = refusals.filter { $0.value.until > now }
        if let (_, reason) = refusals[container.id] { throw reason }
        do throws(RefusalReason) {
            return try scope(container)
        } catch {
            switch error {
            case .protected, .notExamined:
                refusals[container.id] = (Self.sum(monotonicNanoseconds(), Self.refusalPause), error)
            default: break
            }
            throw error
        }
    }

    private func scope(_ container: Container) throws(RefusalReason) -> ContainerScope {
        let handle = handle(container.id)
        let scope = try ContainerScope(container, tree: tree, proc: proc, access: handle.access, held: handle.files)
        handle.files = scope.directory.files
        try scope.examine(protection(), proc: proc)
        return scope
    }

    func protection() -> Protection {
        Protection(host: host, agent: agent, ownPID: ownPID, binaries: binaries, proc: proc)
    }

    func step(
        _ kind: ResponseAction, _ record: ActionRecord, _ scope: borrowing ContainerScope, _ origin: ActionOrigin,
        deadline: UInt64?
    ) -> JournalRecord {
        JournalRecord(
            action: record.id, state: .intent, kind: kind, isRule: origin.isRule,
            isUnified: scope.directory.isUnified, container: scope.container, path: scope.path,
            cgroup: scope.directory.id, deadline: deadline, requested: record.requested)
    }

    func write(_ step: JournalRecord) throws(RefusalReason) {
        do throws(SystemError) {
            try journal.append(step)
        } catch {
            throw .notRecorded("\(error)")
        }
    }

    /// The last look before the cgroup is touched.
    func verify(_ scope: borrowing ContainerScope, _ step: JournalRecord) throws(RefusalReason) {
        do throws(RefusalReason) {
            try scope.verify(proc: proc)
        } catch {
            close(step)
            throw error
        }
    }

    /// What a person can do about a failed write.
    static func advice(_ error: SystemError) -> String {
        if error.isGone { return "\(error): the container ended meanwhile" }
        if error.errno == .timedOut {
            return "\(error): it did not answer; a permission mark of the container may hold it"
        }
        if error.errno == .readOnlyFileSystem {
            return "\(error): the agent's service must be able to write to /sys/fs/cgroup (ProtectControlGroups=no)"
        }
        return "\(error)"
    }

    func close(_ step: JournalRecord) {
        var step = step
        step.state = .closed
        // A step that could not be closed is undone once more at the next start, and found to need nothing.
        try? journal.append(step)
        if frozen[step.container]?.action == step.action {
            frozen[step.container] = nil
            retries[step.container] = nil
        }
    }

    /// After a failure: withdraws what may have been asked for. What cannot be withdrawn is known to no one else, so it stays,
    /// as frozen, and is tried again.
    func settle(_ step: JournalRecord, _ directory: CgroupDirectory) {
        var step = step
        do throws(SystemError) {
            try directory.withdraw()
            close(step)
        } catch {
            if error.isGone { return close(step) }
            step.deadline = monotonicNanoseconds()
            frozen[step.container] = step
            retries[step.container] = Self.sum(monotonicNanoseconds(), Self.retryPause)
            // The intent in the journal says so too, but for the deadline.
            try? journal.append(step)
        }
    }

    /// Every step of the container: a freeze, and a kill that did not come to its end.
    func closeAll(_ container: ContainerID) {
        for step in journal.unfinished where step.container == container { close(step) }
        frozen[container] = nil
        retries[container] = nil
    }

    /// Saturates.
    static func sum(_ time: UInt64, _ more: UInt64) -> UInt64 {
        let (sum, overflow) = time.addingReportingOverflow(more)
        return overflow ? .max : sum
    }
}
