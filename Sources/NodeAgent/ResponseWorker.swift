import ContainerInventory
import EventModel
import LinuxSystem
import Reporting
import Responder
import Synchronization

/// An alert that something is to be done about.
struct ResponseRequest: Sendable {
    var actions: Set<Configuration.Response.Action>
    var alert: Alert
    var container: Container
    var certainty: AttributionCertainty
    /// CLOCK_MONOTONIC nanoseconds at which the agent heard of the event.
    var eventReceived: UInt64
}

/// Does what rules and people ask for, on one thread: freezes first, then has evidence collected, then kills. Each action
/// is told as an alert, is kept for `nodeagent status`, and is counted.
final class ResponseWorker: Sendable {
    private enum Message: Sendable {
        case alert(ResponseRequest)
        case command(ControlRequest, Reply)
    }

    /// Where the control server waits for an answer.
    private final class Reply: Sendable {
        private let response = Mutex<ControlResponse?>(nil)
        private let done: WakeEvent
        init() throws(SystemError) { done = try WakeEvent() }
        func set(_ new: ControlResponse) {
            response.withLock { $0 = new }
            done.signal()
        }
        func wait(milliseconds: CInt) -> ControlResponse? {
            _ = waitReadable([done.rawDescriptor], milliseconds: milliseconds)
            return response.withLock { $0 }
        }
    }

    /// What the control server and the metrics read.
    struct Published: Sendable {
        var frozen: [FrozenListing] = []
        var recent: [ActionListing] = []
    }

    private let settings: Mutex<Configuration.Response>
    private let tell: @Sendable (Alert) -> Void
    private let counters: ActionCounters
    private let runtimePaths: [String]
    private let wake: WakeEvent
    private let stop: WakeEvent
    private let messages: Mailbox<Message>
    private let containers = Mutex<[Container]>([])
    private let published = Mutex(Published())
    private let state: Mutex<State>

    private struct State {
        let isolation: Isolation
        var collector: CollectorQueue
        /// Containers to be killed once their evidence is there.
        var condemned: [ContainerID: (container: Container, rule: String)] = [:]
        /// When it is next looked which files of the host are protected.
        var nextRefresh: UInt64 = 0
    }

    private static let recentLimit = 100
    /// An upgrade of a package gives a service another file.
    private static let refreshInterval: UInt64 = 60_000_000_000
    /// How long the control server waits for a freeze: its own deadline and some.
    private static let patience: CInt = 8000

    init(
        configuration: Configuration.Response, isolation: consuming sending Isolation, collector: CollectorQueue,
        counters: ActionCounters, runtimePaths: [String], tell: @escaping @Sendable (Alert) -> Void
    ) throws(SystemError) {
        settings = Mutex(configuration)
        self.counters = counters
        self.runtimePaths = runtimePaths
        self.tell = tell
        wake = try WakeEvent()
        stop = try WakeEvent()
        messages = Mailbox(capacity: 1024, consumer: wake)
        state = Mutex(State(isolation: isolation, collector: collector))
    }

    private var isDryRun: Bool { settings.withLock { $0.mode } == .dryRun }
    private var timeToLive: UInt64 { UInt64(settings.withLock { $0.freezeSeconds }) * 1_000_000_000 }
    var mode: Configuration.Response.Mode { settings.withLock { $0.mode } }
    /// Holds for what is asked for from now on.
    func use(_ new: Configuration.Response) { settings.withLock { $0 = new } }

    var status: Published { published.withLock { $0 } }

    // MARK: From other threads

    func send(_ request: ResponseRequest) { messages.send(.alert(request)) }
    func publish(_ containers: [Container]) { self.containers.withLock { $0 = containers } }
    /// A container that was described before the first of all were published.
    func learn(_ container: Container) {
        containers.withLock { containers in
            if let index = containers.firstIndex(where: { $0.id == container.id }) {
                containers[index] = container
            } else {
                containers.append(container)
            }
        }
        // Its control files are to be opened before its first instruction.
        wake.signal()
    }
    func requestStop() { stop.signal() }

    /// `isolate` and `release`; called on the control server's thread, which waits.
    func answer(_ request: ControlRequest) -> ControlResponse {
        guard let reply = try? Reply() else { return ControlResponse(error: "no descriptor is left") }
        messages.send(.command(request, reply))
        return reply.wait(milliseconds: Self.patience)
            ?? ControlResponse(error: "the agent is busy with another action; 'nodeagent status' will show the outcome")
    }

    // MARK: On the worker's thread

    /// Before the agent calls itself ready: what an earlier one froze goes on, and what somebody else froze is told.
    func recover() {
        state.withLock { state in
            let recovery = state.isolation.recover(containers: containers.withLock { $0 })
            for record in recovery.released { note(record) }
            for frozen in recovery.unknownFrozen {
                let container = known(frozen.container)
                tell(
                    .action(
                        "Container found frozen",
                        "\(Self.name(frozen.container, container)) is frozen, and not by "
                            + "nodeagent; it is left so", frozen.container, container, priority: .notice))
            }
            if recovery.damagedSlots > 0 {
                tell(
                    .internal(
                        "Action journal damaged",
                        "\(recovery.damagedSlots) records could not be read: what was frozen by them is told as found frozen"
                    ))
            }
            publish(state)
        }
    }

    func run() {
        var waiting: [Message] = []
        while true {
            let isBusy = state.withLock { $0.collector.isBusy }
            let ready = waitReadable([wake.rawDescriptor, stop.rawDescriptor], milliseconds: isBusy ? 100 : 500)
            if ready & 2 != 0 { break }
            wake.clear()
            messages.take(into: &waiting)
            state.withLock { state in
                for message in waiting {
                    switch message {
                    case .alert(let request): respond(to: request, &state)
                    case .command(let request, let reply): reply.set(obey(request, state))
                    }
                }
                tend(&state)
                publish(state)
            }
        }
        // Nobody would end a freeze any more. What waited for its evidence to be killed is not let go.
        state.withLock { state in
            for (container, rule) in state.condemned.values { kill(container, rule, state) }
            for record in state.isolation.releaseAll() { note(record) }
        }
    }

    private func tend(_ state: inout State) {
        let now = monotonicNanoseconds()
        for record in state.isolation.releaseExpired(now: now) { note(record) }
        state.isolation.prepare(containers.withLock { $0 })
        if now >= state.nextRefresh {
            state.nextRefresh = now + Self.refreshInterval
            let proc = ProcFilesystem()
            if let host = try? HostIdentity.read(proc: proc, runtimePaths: runtimePaths) {
                state.isolation.refresh(host: host, binaries: ProtectedBinaries.find(host: host, proc: proc))
            }
        }
        while let outcome = state.collector.poll(now: monotonicNanoseconds()) {
            tellCollection(outcome)
            if let (container, rule) = state.condemned.removeValue(forKey: outcome.job.container.id) {
                kill(container, rule, state)
            }
        }
    }

    private func respond(to request: ResponseRequest, _ state: inout State) {
        let container = request.container
        let rule = request.alert.rule
        switch request.certainty {
        case .certain, .inherited: break
        case .ambiguous, .unknown:
            tell(
                .action(
                    "Action refused",
                    "nothing is done about \(Self.name(container.id, container)): it is not certain "
                        + "that it did what '\(rule)' tells", container.id, container, priority: .warning))
            return
        }
        if request.actions.contains(.freeze) {
            let record = state.isolation.freeze(
                container, ttl: timeToLive, origin: .rule(rule), dryRun: isDryRun)
            if record.nanoseconds != nil {
                counters.stoodStill(after: monotonicNanoseconds() &- request.eventReceived)
            }
            note(record)
        }
        let collects = request.actions.contains(.collect) && collect(request, &state)
        guard request.actions.contains(.kill) else { return }
        // Also when an earlier alert had it collected: a kill now would cut that short.
        if collects || state.collector.isPending(container.id) {
            state.condemned[container.id] = (container, rule)
        } else {
            kill(container, rule, state)
        }
    }

    private func kill(_ container: Container, _ rule: String, _ state: borrowing State) {
        note(state.isolation.kill(container, origin: .rule(rule), dryRun: isDryRun))
    }

    /// Whether a collection was started or waits.
    private func collect(_ request: ResponseRequest, _ state: inout State) -> Bool {
        let container = request.container
        let now = monotonicNanoseconds()
        guard !isDryRun else {
            note("collect", container.id, .rule(request.alert.rule), "dry_run", nil, from: now)
            tell(
                .collection(
                    "Evidence not collected", container, "it would be collected (dry-run)", priority: .notice,
                    result: "dry_run", origin: .rule(request.alert.rule)))
            return false
        }
        let job = CollectorQueue.Job(container: container, alert: request.alert, requested: now)
        guard let reason = state.collector.add(job, now: now) else { return true }
        note("collect", container.id, .rule(request.alert.rule), "refused", reason, from: now)
        tell(
            .collection(
                "Evidence not collected", container, reason, priority: .notice, result: "refused",
                origin: .rule(request.alert.rule)))
        return false
    }

    private func obey(_ request: ControlRequest, _ state: borrowing State) -> ControlResponse {
        let isolation = state.isolation
        do throws(ContainerReference.Failure) {
            switch (request.command, request.container) {
            case (.isolate, let text?):
                let container = try ContainerReference.find(text, among: containers.withLock { $0 })
                return ControlResponse(actions: [
                    note(isolation.freeze(container, ttl: timeToLive, origin: .operator))
                ])
            case (.release, let text?):
                let id = try ContainerReference.findFrozen(
                    text, isolation.status().map(\.container), containers.withLock { $0 })
                return ControlResponse(actions: [note(isolation.release(id, origin: .operator))])
            case (.release, nil):
                let all = isolation.status().map { isolation.release($0.container, origin: .operator) }
                return ControlResponse(actions: all.map { note($0) })
            default:
                return ControlResponse(error: "the request names no container")
            }
        } catch {
            return ControlResponse(error: error.description)
        }
    }

    // MARK: Telling

    private func known(_ id: ContainerID) -> Container? {
        containers.withLock { containers in containers.first { $0.id == id } }
    }

    private func publish(_ state: borrowing State) {
        let now = monotonicNanoseconds()
        let frozen = state.isolation.status().map { frozen in
            FrozenListing(
                id: frozen.container.rawValue, name: known(frozen.container)?.name,
                origin: frozen.isByRule ? "rule" : "operator",
                secondsLeft: frozen.remaining(now: now).map { $0 / 1_000_000_000 })
        }
        counters.setFrozen(frozen.count)
        published.withLock { $0.frozen = frozen }
    }

    /// Tells an action, keeps it and counts it.
    @discardableResult
    private func note(_ record: ActionRecord) -> ActionListing {
        let container = known(record.container)
        tell(.action(record, Self.name(record.container, container), container))
        counters.count(record.action.rawValue, result: record.outcome.name)
        return remember(ActionListing(record, name: container?.name))
    }

    private func note(
        _ action: String, _ id: ContainerID, _ origin: ActionOrigin, _ result: String, _ reason: String?,
        from start: UInt64
    ) {
        counters.count(action, result: result)
        let elapsed = monotonicNanoseconds() &- start
        remember(
            ActionListing(
                id: id.rawValue, name: known(id)?.name, action: action, origin: origin.text, result: result,
                reason: reason, time: Timestamp(realtimeNanoseconds() &- elapsed).rfc3339,
                milliseconds: Double(elapsed / 1000) / 1000))
    }

    @discardableResult
    private func remember(_ listing: ActionListing) -> ActionListing {
        published.withLock { published in
            published.recent.append(listing)
            if published.recent.count > Self.recentLimit { published.recent.removeFirst() }
        }
        return listing
    }

    private func tellCollection(_ outcome: CollectorQueue.Outcome) {
        let result: String
        switch outcome.status {
        case .done?: result = "done"
        case .partial?: result = "partial"
        case .refused?: result = "refused"
        default: result = "failed"
        }
        let report = outcome.report.isEmpty ? "the collection ended without a word" : outcome.report
        let text = (outcome.path.map { "\($0): " } ?? "") + report
        let job = outcome.job
        let origin = ActionOrigin.rule(job.alert.rule)
        note("collect", job.container.id, origin, result, text, from: outcome.started)
        counters.collected(
            result: result, bytes: outcome.bytes, nanoseconds: outcome.ended &- outcome.started)
        let isThere = result == "done" || result == "partial"
        tell(
            .collection(
                isThere ? "Evidence collected" : "Evidence not collected", job.container, text,
                priority: isThere ? .notice : .error, result: result, origin: origin, path: outcome.path))
    }

    static func name(_ id: ContainerID, _ container: Container?) -> String {
        container?.name.map { "container \($0) (\(id.short))" } ?? "container \(id.short)"
    }
}
