import EventModel
import Evidence
import LinuxSystem
import Synchronization

/// Waits for the thread that collects, and finishes in its place when it hangs: what may block runs on threads that are given
/// up (`TimedReader`), and this is for what nobody thought of.
final class CollectionWatch: Sendable {
    private struct State {
        var report: CollectionReport?
        var archive: EvidenceArchive?
        /// CLOCK_MONOTONIC nanoseconds; nil: nothing has begun that could be late.
        var deadline: UInt64?
        var stage: CollectionProgress.Stage?
    }

    private let state = Mutex(State())
    private let change: WakeEvent

    /// Beyond the deadline: what was begun ends, and the manifest is written.
    private static let grace: UInt64 = 15_000_000_000
    /// Beyond the grace: the output takes its time, a full queue of the disk for instance.
    private static let patience: UInt64 = 300_000_000_000

    init() throws(SystemError) { change = try WakeEvent() }

    // MARK: The thread that collects

    /// It has its turn, and until `deadline` to say with what archive.
    func begin(until deadline: UInt64) { state.withLock { $0.deadline = deadline } }

    func begin(_ archive: EvidenceArchive) {
        state.withLock {
            $0.archive = archive
            $0.deadline = archive.limits.deadline
        }
    }

    func note(_ stage: CollectionProgress.Stage) { state.withLock { $0.stage = stage } }

    func end(_ report: CollectionReport) {
        state.withLock { $0.report = report }
        change.signal()
    }

    // MARK: The main thread

    /// How the collection ended.
    ///
    /// - Parameter tell: what is reported of a tarball.
    func wait(_ tell: (CollectionSummary) -> CollectionReport) -> CollectionReport {
        while true {
            _ = waitReadable([change.rawDescriptor], milliseconds: 1000)
            change.clear()
            let (report, archive, deadline, stage) = state.withLock { ($0.report, $0.archive, $0.deadline, $0.stage) }
            if let report { return report }
            let now = monotonicNanoseconds()
            guard let deadline, now > deadline &+ Self.grace else { continue }
            guard let archive else {
                return CollectionReport(status: .failed, text: "nodeagent: the collection hung before it began")
            }
            if let report = finish(archive, stage, tell) { return report }
            if now > deadline &+ Self.grace &+ Self.patience {
                return CollectionReport(
                    status: .failed,
                    text: "nodeagent: the output does not take what is written; \(archive.partialPath) is left")
            }
        }
    }

    private func finish(
        _ archive: EvidenceArchive, _ stage: CollectionProgress.Stage?, _ tell: (CollectionSummary) -> CollectionReport
    ) -> CollectionReport? {
        let artifact = Artifact("collection", source: stage?.rawValue ?? "begin", kind: .collection)
        do throws(EvidenceError) {
            return try archive.takeOver(artifact, "the collection hung and was ended after its deadline").map(tell)
        } catch {
            return CollectionReport(status: .failed, text: "nodeagent: \(error.description)")
        }
    }
}
