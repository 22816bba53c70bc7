import Reporting
import Synchronization

/// What was done about alerts, in numbers. Whoever acts calls; the metrics read.
final class ActionCounters: Sendable {
    private struct Key: Hashable {
        var action: String
        var result: String
    }
    private struct State {
        var actions: [Key: UInt64] = [:]
        var collections: [String: UInt64] = [:]
        var collectionBytes: UInt64 = 0
        var frozen = 0
    }

    private let state: Mutex<State>
    private let actionDuration = LatencyHistogram(.actionDuration)
    private let collectionDuration = LatencyHistogram(.collectionDuration)

    /// What is named here is on the page from the start, with 0.
    ///
    /// - Parameters:
    ///   - actions: `freeze`, `kill`, …
    ///   - results: `done`, `failed`, …
    ///   - collections: results of a collection.
    init(actions: [String] = [], results: [String] = [], collections: [String] = []) {
        var state = State()
        for action in actions {
            for result in results { state.actions[Key(action: action, result: result)] = 0 }
        }
        for result in collections { state.collections[result] = 0 }
        self.state = Mutex(state)
    }

    /// An action has ended.
    func count(_ action: String, result: String) {
        state.withLock { $0.actions[Key(action: action, result: result), default: 0] += 1 }
    }

    /// - Parameter nanoseconds: from the moment its event was read to the container standing still.
    func stoodStill(after nanoseconds: UInt64) { actionDuration.observe(nanoseconds: nanoseconds) }

    /// How many containers stand still now.
    func setFrozen(_ count: Int) { state.withLock { $0.frozen = count } }

    /// A collection has ended.
    ///
    /// - Parameter bytes: of the archive.
    func collected(result: String, bytes: UInt64, nanoseconds: UInt64) {
        state.withLock { state in
            state.collections[result, default: 0] += 1
            state.collectionBytes &+= bytes
        }
        collectionDuration.observe(nanoseconds: nanoseconds)
    }

    func add(to snapshot: inout MetricsSnapshot) {
        let state = state.withLock { $0 }
        for (key, count) in state.actions.sorted(by: { ($0.key.action, $0.key.result) < ($1.key.action, $1.key.result) }
        ) {
            snapshot.add(.actions, key.action, key.result, count: count)
        }
        snapshot.add(.actionDuration, actionDuration.value)
        snapshot.add(.containersFrozen, value: Double(state.frozen))
        for (result, count) in state.collections.sorted(by: { $0.key < $1.key }) {
            snapshot.add(.collections, result, count: count)
        }
        snapshot.add(.collectionBytes, count: state.collectionBytes)
        snapshot.add(.collectionDuration, collectionDuration.value)
    }
}
