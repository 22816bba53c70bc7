package import LinuxSystem
private import Synchronization

/// Reads cgroup directories in bounded time: a privileged container can put a permission mark of fanotify on what is its own
/// and never answer, and then open(2) and read(2) hang. A directory that held up a call is passed over until the call returns,
/// so that each takes one thread, however often it is looked at.
package final class CgroupReading: Sendable {
    static let shared = CgroupReading(reader: TimedReader())

    private let reader: TimedReader
    private let patience: UInt64
    private struct State {
        var last: UInt64 = 0
        var running: Set<UInt64> = []
        /// Directories that hold up a call, and which.
        var late: [String: UInt64] = [:]
    }
    private let state = Mutex(State())

    package init(reader: TimedReader, patience: UInt64 = 500_000_000) {
        self.reader = reader
        self.patience = patience
    }

    /// Nil: it cannot be read, or not now.
    func names(in directory: String) -> [String]? {
        run(directory) { try? directoryEntries(directory) } ?? nil
    }

    /// `cgroup.procs`.
    func processes(in directory: String) -> [UInt8]? {
        run(directory) { try? readFile("\(directory)/cgroup.procs", limit: 1 << 20) } ?? nil
    }

    /// - Parameter job: may go on after this has returned.
    package func run<T: Sendable>(_ directory: String, _ job: @escaping @Sendable () -> T) -> T? {
        let call: UInt64? = state.withLock { state in
            guard state.late[directory] == nil else { return nil }
            state.last += 1
            return state.last
        }
        guard let call else { return nil }
        let answer = reader.run(timeout: patience) { [self] in
            _ = state.withLock { $0.running.insert(call) }
            defer { end(call, in: directory) }
            return job()
        }
        if answer == nil {
            state.withLock { state in
                if state.running.contains(call) { state.late[directory] = call }
            }
        }
        return answer
    }

    private func end(_ call: UInt64, in directory: String) {
        state.withLock { state in
            state.running.remove(call)
            if state.late[directory] == call { state.late[directory] = nil }
        }
    }
}
