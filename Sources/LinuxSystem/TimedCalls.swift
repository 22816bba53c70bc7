private import Synchronization

/// Calls that may hang because of what they are about, each with a time limit. What held up a call is passed over until that
/// call returns, so that it takes one thread, however often it is asked for.
package final class TimedCalls: Sendable {
    private let reader: TimedReader
    private let patience: UInt64
    private struct State {
        var last: UInt64 = 0
        var running: Set<UInt64> = []
        /// What holds up a call, by its path, and which call.
        var late: [String: UInt64] = [:]
    }
    private let state = Mutex(State())

    /// - Parameter patience: nanoseconds for one call.
    package init(reader: TimedReader = TimedReader(), patience: UInt64) {
        self.reader = reader
        self.patience = patience
    }

    /// Nil: not in time, or not tried, since an earlier call about `path` has not returned or too many others have not. A call
    /// that was not tried leaves no trace.
    ///
    /// - Parameter job: may go on after this has returned.
    package func run<T: Sendable>(_ path: String, _ job: @escaping @Sendable () -> T) -> T? {
        let call: UInt64? = state.withLock { state in
            guard state.late[path] == nil else { return nil }
            state.last += 1
            return state.last
        }
        guard let call else { return nil }
        let answer = reader.run(timeout: patience) { [self] in
            _ = state.withLock { $0.running.insert(call) }
            defer { end(call, about: path) }
            return job()
        }
        if answer == nil {
            state.withLock { state in
                if state.running.contains(call) { state.late[path] = call }
            }
        }
        return answer
    }

    private func end(_ call: UInt64, about path: String) {
        state.withLock { state in
            state.running.remove(call)
            if state.late[path] == call { state.late[path] = nil }
        }
    }
}
