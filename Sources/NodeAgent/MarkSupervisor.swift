import EventModel
import KernelEvents
import LinuxSystem
import Logging
import Synchronization

/// Keeps one mark worker running: one that hangs on a container's file system is given up and a new one started.
final class MarkSupervisor: Sendable {
    private struct State {
        var worker: MarkWorker?
        var abandoned = 0
        /// Marks and starts of workers that were given up.
        var earlier: UInt64 = 0
        var earlierStarts = MarkWorker.Starts()
    }

    private let state = Mutex(State())
    private let marks: Mutex<ContainerMarks>
    private let make: @Sendable (ContainerMarks) throws(SystemError) -> MarkWorker
    private let log: Logger

    /// Threads that hang for ever are not made without end.
    private static let abandonedLimit = 16

    init(marks: ContainerMarks, proc: ProcFilesystem, hostMountNamespace: NamespaceID, log: Logger) {
        self.log = log
        self.marks = Mutex(marks)
        make = { (marks) throws(SystemError) in
            try MarkWorker(marks: marks, proc: proc, hostMountNamespace: hostMountNamespace, log: log)
        }
    }

    func start() throws(SystemError) {
        let worker = try make(marks.withLock { $0 })
        // A worker may hang in a container's file system: its thread is never joined.
        let thread = try NamedThread("marks", nice: -10) { worker.run() }
        thread.detach()
        state.withLock { $0.worker = worker }
    }

    func send(_ request: MarkWorker.Request) { state.withLock { $0.worker }?.send(request) }
    func requestStop() { state.withLock { $0.worker }?.requestStop() }
    var isIdle: Bool { state.withLock { $0.worker }?.isIdle ?? true }
    var count: UInt64 { state.withLock { $0.earlier + ($0.worker?.count ?? 0) } }
    var starts: MarkWorker.Starts {
        state.withLock { state in
            let now = state.worker?.starts ?? MarkWorker.Starts()
            return MarkWorker.Starts(
                marked: state.earlierStarts.marked + now.marked, unmarked: state.earlierStarts.unmarked + now.unmarked)
        }
    }
    var abandonedCount: Int { state.withLock { $0.abandoned } }

    /// Marks other files from now on, also in these containers' processes.
    func setPlan(_ plan: MarkPlan, containers: [Int32]) {
        let failures = marks.withLock { $0.setPlan(plan) }
        for failure in failures { log.warning("no mark on the host's own \(failure)") }
        state.withLock { Self.retire(&$0) }
        restart()
        for pid in containers { send(.scan(pid: pid)) }
    }

    private static func retire(_ state: inout State) {
        guard let worker = state.worker else { return }
        worker.requestStop()
        state.earlier += worker.count
        state.earlierStarts.marked += worker.starts.marked
        state.earlierStarts.unmarked += worker.starts.unmarked
        state.worker = nil
    }

    /// Called about once a second.
    func check() {
        let isStuck = state.withLock { state in
            guard let worker = state.worker, worker.isStuck, state.abandoned < Self.abandonedLimit else { return false }
            Self.retire(&state)
            state.abandoned += 1
            return true
        }
        guard isStuck else { return }
        log.error("a container's file system does not answer; its mounts are not marked")
        restart()
    }

    private func restart() {
        do {
            try start()
        } catch {
            log.error("no new thread for marks: \(error)")
        }
    }
}
