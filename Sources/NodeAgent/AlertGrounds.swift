import Detection
import EventModel
import Synchronization

/// The last alerts of rules with all that they rest on, for `nodeagent explain`. The pipeline adds, the control socket asks.
final class AlertGrounds: Sendable {
    struct Entry: Sendable {
        var id: String
        var alert: Alert
        /// Its place in `rules`.
        var rule: Int
        /// As they were at that time: a reload may have changed them since.
        var rules: RuleSet
        var event: KernelEvent
        var attribution: Attribution
        /// The kernel's records, where the source is audit.
        var records: [String]
    }

    private struct State {
        var entries: [Entry] = []
        /// Where the oldest lies once the ring is full.
        var next = 0
        var count: UInt64 = 0
    }

    private let state = Mutex(State())
    /// Tells the alerts of one run of the agent from those of another.
    private let run = String(UInt32.random(in: .min ... .max), radix: 16)
    private static let capacity = 256

    /// - Returns: the alert's id, also set in what is kept.
    func add(
        _ alert: Alert, rule: Int, of rules: RuleSet, event: KernelEvent, attribution: Attribution, records: [String]
    ) -> String {
        let event = event.compacted
        return state.withLock { state in
            state.count += 1
            let id = "\(run)-\(state.count)"
            let entry = Entry(
                id: id, alert: alert, rule: rule, rules: rules, event: event, attribution: attribution,
                records: records)
            if state.entries.count < Self.capacity {
                state.entries.append(entry)
            } else {
                state.entries[state.next] = entry
                state.next = (state.next + 1) % Self.capacity
            }
            return id
        }
    }

    /// - Parameter id: nil for the last one.
    func entry(_ id: String?) -> Entry? {
        state.withLock { state in
            guard let id else {
                let last = (state.next + state.entries.count - 1) % max(1, state.entries.count)
                return state.entries.isEmpty ? nil : state.entries[last]
            }
            return state.entries.first { $0.id == id }
        }
    }

    /// Answers `explain` on the control socket.
    func answer(_ request: ControlRequest) -> ControlResponse {
        guard let entry = entry(request.alert) else {
            return ControlResponse(
                error: request.alert.map { "there is no alert '\($0)' among the last \(Self.capacity) of this run" }
                    ?? "no rule has told an alert since the agent started")
        }
        return ControlResponse(explanation: Explanation(entry))
    }
}
