package import ContainerInventory
package import EventModel
package import LinuxSystem
private import SystemPackage

/// Stops containers and lets them go on: the one way to an action. Every action is checked against what the kernel shows at
/// that moment, recorded before it is done, and told as an `ActionRecord`. Blocking, for one thread; a call takes up to
/// two seconds for a freeze and ten for a kill.
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
    private var host: HostIdentity
    private var binaries: ProtectedBinaries
    /// Pids of the agent's other processes.
    package var agent: Set<Int32>
    private let ownPID: Int32
    package private(set) var limiter = ActionLimiter()
    /// By container: what this journal says is frozen.
    var frozen: [ContainerID: JournalRecord] = [:]
    /// Releases that failed are tried again from this time on.
    var retries: [ContainerID: UInt64] = [:]

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

    // MARK: Freeze

    /// - Parameters:
    ///   - ttl: nanoseconds after which `releaseExpired` lets it go on; nil: never by itself.
    ///   - dryRun: everything is checked and counted, nothing is touched.
    package func freeze(
        _ container: Container, ttl: UInt64?, origin: ActionOrigin, dryRun: Bool = false
    ) -> ActionRecord {
        act(.freeze, container.id, origin) { (record) throws(RefusalReason) in
            if let held = frozen[container.id] {
                if isStillFrozen(held) { return .unchanged("it is already frozen by nodeagent") }
                closeAll(container.id)
            }
            try limit(.freeze, container, origin)
            let scope = try examinedScope(container, origin)
            if scope.isFrozen(container, tree: tree, proc: proc) {
                return .unchanged("it is frozen already, by somebody else")
            }
            if dryRun { return .wouldAct }
            let deadline = ttl.map { Self.sum(monotonicNanoseconds(), $0) }
            var step = self.step(.freeze, record, scope, origin, deadline: deadline)
            try write(step)
            try verify(scope, step)
            record.started = realtimeNanoseconds()
            let outcome: ActionOutcome
            do throws(SystemError) {
                switch try scope.directory.freeze() {
                case .frozen(let nanoseconds):
                    step.state = .done
                    record.nanoseconds = nanoseconds
                    outcome = .done
                case .partial(let reason):
                    step.state = .partial
                    outcome = .partial(reason)
                }
            } catch {
                _ = try? scope.directory.thaw(within: 0)
                close(step)
                return .failed(Self.advice(error))
            }
            frozen[container.id] = step
            // The intent stands in the journal: what fails here costs nothing but the result's name.
            try? journal.append(step)
            try? journal.sync()
            record.outside = Array(scope.outside(host: host, proc: proc).prefix(64))
            if outcome == .done, !record.outside.isEmpty {
                return .partial("\(record.outside.count) of its processes live outside its cgroup and go on")
            }
            return outcome
        }
    }

    // MARK: Kill

    /// Ends every process of the container. One that somebody else froze is ended as well.
    package func kill(_ container: Container, origin: ActionOrigin, dryRun: Bool = false) -> ActionRecord {
        act(.kill, container.id, origin) { (record) throws(RefusalReason) in
            try limit(.kill, container, origin)
            let scope = try examinedScope(container, origin)
            if dryRun { return .wouldAct }
            var step = self.step(.kill, record, scope, origin, deadline: nil)
            try write(step)
            do throws(SystemError) {
                // There is no undoing it: the record is to survive even the machine.
                try journal.sync()
            } catch {
                close(step)
                throw .notRecorded("\(error)")
            }
            try verify(scope, step)
            record.started = realtimeNanoseconds()
            let protection = protection()
            do throws(SystemError) {
                let outcome = try scope.directory.kill { pid in
                    ScopeProcess(reading: pid, proc: proc).map { scope.reason($0, protection, proc: proc) == nil }
                        ?? false
                }
                step.state = .done
                close(step)
                closeAll(container.id)
                switch outcome {
                case .empty(let nanoseconds):
                    record.nanoseconds = nanoseconds
                    return .done
                case .remaining(let pids):
                    return .partial("\(pids.count) processes have not ended yet, \(pids.first ?? 0) among them")
                }
            } catch {
                // It may have been stopped for the kill; a freeze that was there before stays.
                if frozen[container.id] == nil { _ = try? scope.directory.thaw(within: 0) }
                close(step)
                return .failed(Self.advice(error))
            }
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
            case .done, .partial: limiter.finish(isSuccess: true, now: monotonicNanoseconds())
            case .failed: limiter.finish(isSuccess: false, now: monotonicNanoseconds())
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

    private func limit(
        _ action: ResponseAction, _ container: Container, _ origin: ActionOrigin
    ) throws(RefusalReason) {
        guard origin.isRule else { return }
        if let limit = limiter.request(action, on: container.id, now: monotonicNanoseconds()) { throw .limited(limit) }
    }

    private func examinedScope(
        _ container: Container, _ origin: ActionOrigin
    ) throws(RefusalReason) -> ContainerScope {
        if container.isSandbox, !(origin == .operator) { throw .sandbox }
        let scope = try ContainerScope(container, tree: tree, proc: proc)
        try scope.examine(protection(), proc: proc)
        return scope
    }

    private func protection() -> Protection {
        Protection(host: host, agent: agent, ownPID: ownPID, binaries: binaries, proc: proc)
    }

    private func step(
        _ kind: ResponseAction, _ record: ActionRecord, _ scope: borrowing ContainerScope, _ origin: ActionOrigin,
        deadline: UInt64?
    ) -> JournalRecord {
        JournalRecord(
            action: record.id, state: .intent, kind: kind, isRule: origin.isRule,
            isUnified: scope.directory.isUnified, container: scope.container, path: scope.path,
            cgroup: scope.directory.id, deadline: deadline, requested: record.requested)
    }

    private func write(_ step: JournalRecord) throws(RefusalReason) {
        do throws(SystemError) {
            try journal.append(step)
        } catch {
            throw .notRecorded("\(error)")
        }
    }

    /// The last look before the cgroup is touched.
    private func verify(_ scope: borrowing ContainerScope, _ step: JournalRecord) throws(RefusalReason) {
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
