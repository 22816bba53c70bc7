private import Synchronization

/// Runs blocking reads on a thread of its own, since no read of a file can be given a time limit: a FUSE or NFS server that
/// does not answer, a process whose mmap lock is held, or whoever holds a fanotify permission mark and keeps silent, blocks
/// open(2) and read(2) for good.
///
/// A job that takes too long is abandoned with its thread, and the next job gets a new thread. An abandoned thread ends when
/// its call returns. With many of them around, jobs get less time, so that the hanging does not use up the time of what
/// answers; with `mostHanging` of them, jobs are refused.
package final class TimedReader: Sendable {
    /// How a job ended.
    package enum Attempt<T: Sendable>: Sendable {
        case done(T)
        /// It was given up after so many nanoseconds, and goes on running: it must own what it uses. A descriptor that it was
        /// only lent may be another file by then.
        case timedOut(UInt64)
        /// It was not begun: so many hang already, or there is no thread for it.
        case refused(hanging: Int)
    }

    private let idle = Mutex<[Worker]>([])
    private let abandoned = AbandonedThreads()
    private let mostHanging: Int

    /// - Parameter mostHanging: each holds a thread with a stack of `Worker.stackBytes`, and what its job owns.
    package init(mostHanging: Int = 16) { self.mostHanging = mostHanging }

    deinit {
        for worker in idle.withLock({ $0 }) { worker.stop() }
    }

    /// Jobs that nobody waits for any more and that have not returned.
    package var hangingCount: Int { abandoned.count }

    /// What `job` returned; nil: it timed out, or was refused.
    ///
    /// - Parameter nanoseconds: the time that the job has.
    package func run<T: Sendable>(timeout nanoseconds: UInt64, _ job: @escaping @Sendable () -> T) -> T? {
        if case .done(let value) = attempt(timeout: nanoseconds, job) { value } else { nil }
    }

    /// - Parameter nanoseconds: the time that the job has; a quarter of it with more than eight that hang, a twentieth with
    ///   more than 32.
    package func attempt<T: Sendable>(
        timeout nanoseconds: UInt64, _ job: @escaping @Sendable () -> T
    ) -> Attempt<T> {
        let hanging = abandoned.count
        guard let worker = idle.withLock({ $0.popLast() }) ?? newWorker() else { return .refused(hanging: hanging) }
        let outcome = Outcome<T>()
        worker.begin { outcome.set(job()) }
        let patience = hanging > 32 ? nanoseconds / 20 : hanging > 8 ? nanoseconds / 4 : nanoseconds
        guard worker.finishes(within: patience) else { return .timedOut(patience) }
        idle.withLock { $0.append(worker) }
        return outcome.take().map { .done($0) } ?? .timedOut(patience)
    }

    private func newWorker() -> Worker? {
        guard abandoned.count < mostHanging else { return nil }
        return try? Worker(abandoned: abandoned)
    }

    private final class Outcome<T: Sendable>: Sendable {
        private let value = Mutex<T?>(nil)
        func set(_ new: T) { value.withLock { $0 = new } }
        func take() -> T? { value.withLock { $0.take() } }
    }
}

/// How many threads hang in a job that nobody waits for any more.
private final class AbandonedThreads: Sendable {
    private let value = Atomic(0)
    var count: Int { value.load(ordering: .relaxed) }
    func add(_ difference: Int) { value.add(difference, ordering: .relaxed) }
}

/// One thread and the job it runs. Shared by the thread and, until abandoned, the reader.
private final class Worker: Sendable {
    private enum Phase {
        case idle
        case running(@Sendable () -> Void)
        case finished
        case abandoned
        case stopped
    }

    private let phase = Mutex(Phase.idle)
    private let wanted: WakeEvent
    private let done: WakeEvent
    private let abandoned: AbandonedThreads
    /// Jobs call little that is deep; hundreds of them may hang.
    private static let stackBytes = 512 << 10

    init(abandoned: AbandonedThreads) throws(SystemError) {
        wanted = try WakeEvent()
        done = try WakeEvent()
        self.abandoned = abandoned
        try NamedThread("timed-read", stackBytes: Self.stackBytes) { [self] in loop() }.detach()
    }

    func begin(_ job: @escaping @Sendable () -> Void) {
        phase.withLock { $0 = .running(job) }
        wanted.signal()
    }

    /// Waits for the job. False: it has been abandoned, and this worker with it.
    func finishes(within nanoseconds: UInt64) -> Bool {
        let begin = monotonicNanoseconds()
        let deadline = begin &+ min(nanoseconds, UInt64.max - begin)
        while true {
            // Cleared before the phase is looked at: the thread signals after it has set the phase.
            done.clear()
            let now = monotonicNanoseconds()
            let isEnded: Bool? = phase.withLock { phase in
                if case .finished = phase {
                    phase = .idle
                    return true
                }
                guard now >= deadline else { return nil }
                phase = .abandoned
                abandoned.add(1)
                return false
            }
            if let isEnded { return isEnded }
            let milliseconds = min((deadline - now + 999_999) / 1_000_000, 60_000)
            _ = waitReadable([done.rawDescriptor], milliseconds: CInt(milliseconds))
        }
    }

    func stop() {
        phase.withLock { $0 = .stopped }
        wanted.signal()
    }

    private func loop() {
        while true {
            guard waitReadable([wanted.rawDescriptor], milliseconds: 60_000) != 0 else { continue }
            wanted.clear()
            let job: (@Sendable () -> Void)? = phase.withLock { phase in
                if case .running(let job) = phase { return job }
                return nil
            }
            guard let job else { break }
            job()
            let isAbandoned = phase.withLock { phase in
                if case .abandoned = phase { return true }
                phase = .finished
                return false
            }
            guard !isAbandoned else {
                abandoned.add(-1)
                return
            }
            done.signal()
        }
        if phase.withLock({ if case .abandoned = $0 { true } else { false } }) { abandoned.add(-1) }
    }
}
