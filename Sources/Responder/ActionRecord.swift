package import EventModel

/// Who asked.
package enum ActionOrigin: Sendable, Equatable {
    case rule(String)
    case `operator`
    /// The agent itself: a time that ran out, a start, a stop.
    case agent(String)

    package var isRule: Bool {
        if case .rule = self { true } else { false }
    }
}

/// How it ended.
package enum ActionOutcome: Sendable, Equatable {
    case done
    /// Done as far as possible, and what is left.
    case partial(String)
    /// It was so already.
    case unchanged(String)
    /// Everything was checked and nothing was done.
    case wouldAct
    case refused(RefusalReason)
    case failed(String)

    /// `done`, `partial`, `unchanged`, `dry_run`, `refused`, `failed`.
    package var name: String {
        switch self {
        case .done: "done"
        case .partial: "partial"
        case .unchanged: "unchanged"
        case .wouldAct: "dry_run"
        case .refused: "refused"
        case .failed: "failed"
        }
    }

    package var reason: String? {
        switch self {
        case .done, .wouldAct: nil
        case .partial(let reason), .unchanged(let reason), .failed(let reason): reason
        case .refused(let refusal): refusal.description
        }
    }
}

/// One action from request to result, for the alert, the log and the counters.
package struct ActionRecord: Sendable, Equatable {
    /// Grows from action to action, also over restarts of the agent.
    package var id: UInt64
    package var container: ContainerID
    package var action: ResponseAction
    package var origin: ActionOrigin
    /// Nanoseconds since the epoch. `started`: the moment of the first write to the cgroup, nil when there was none.
    package var requested: UInt64
    package var started: UInt64?
    package var ended: UInt64
    package var outcome: ActionOutcome
    /// From the write until the kernel said it was done, CLOCK_MONOTONIC.
    package var nanoseconds: UInt64?
    /// Processes of the container's pid namespace outside its cgroup, which a freeze did not reach; at most 64.
    package var outside: [Int32] = []

    package init(
        id: UInt64, container: ContainerID, action: ResponseAction, origin: ActionOrigin, requested: UInt64,
        started: UInt64? = nil, ended: UInt64, outcome: ActionOutcome
    ) {
        self.id = id
        self.container = container
        self.action = action
        self.origin = origin
        self.requested = requested
        self.started = started
        self.ended = ended
        self.outcome = outcome
    }

    /// One JSON object: `id`, `container`, `action`, `origin`, `requested`, `started`, `ended` (RFC 3339), `result`,
    /// `reason`, `nanoseconds`, `outside`.
    package func write(to text: inout JSONText) {
        // As text: many readers of JSON hold numbers in 53 bits.
        text.raw("{\"id\":")
        text.string(String(id))
        text.raw(",\"container\":")
        text.string(container.rawValue)
        text.raw(",\"action\":")
        text.string(action.rawValue)
        text.raw(",\"origin\":")
        switch origin {
        case .rule(let name):
            text.raw("{\"rule\":")
            text.string(name)
            text.raw("}")
        case .operator: text.raw("{\"operator\":true}")
        case .agent(let why):
            text.raw("{\"agent\":")
            text.string(why)
            text.raw("}")
        }
        text.raw(",\"requested\":")
        text.string(Timestamp(requested).rfc3339)
        text.raw(",\"started\":")
        text.optional(started.map { Timestamp($0).rfc3339 })
        text.raw(",\"ended\":")
        text.string(Timestamp(ended).rfc3339)
        text.raw(",\"result\":")
        text.string(outcome.name)
        text.raw(",\"reason\":")
        text.optional(outcome.reason)
        if let nanoseconds {
            text.raw(",\"nanoseconds\":")
            text.number(Int64(clamping: nanoseconds))
        }
        text.raw(",\"outside\":")
        text.list("[", outside, "]") { $0.number(Int64($1)) }
        text.raw("}")
    }
}

extension JSONText {
    fileprivate mutating func optional(_ text: String?) {
        if let text { string(text) } else { raw("null") }
    }
}
