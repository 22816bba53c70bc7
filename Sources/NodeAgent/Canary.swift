import CLinux
import EventModel
import Glibc
import KernelEvents
import LinuxSystem
import Synchronization

/// A process of our own that passes each source every so often. If a source does not tell of it, its silence means nothing:
/// that is told, so that a quiet host can be told from a blind agent.
final class Canary: Sendable {
    enum Source: String, Sendable, CaseIterable { case audit, fanotify, connector }

    struct Figures: Sendable {
        var missed: UInt64 = 0
        /// When the source last told of the canary, nanoseconds since the epoch; 0 for never.
        var lastSeen: UInt64 = 0
    }

    /// The file that is opened; a mark of ours lies on it.
    final class File: Sendable {
        let path: String
        let descriptor: OwnedDescriptor
        let id: FileID

        /// Makes the file in the runtime directory, which is ours alone.
        init(directory: String) throws(SystemError) {
            path = directory + "/canary"
            unsafe unlink(path)
            let new = unsafe open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_RDONLY, 0o400)
            _ = OwnedDescriptor(adopting: try checked(new < 0 ? -errno : new, "open", path))
            descriptor = try OwnedDescriptor(opening: path, flags: CInt(NA_O_PATH) | CInt(NA_O_NOFOLLOW))
            id = try descriptor.status().file
        }

        deinit { unsafe unlink(path) }
    }

    private struct Round {
        var pid: pid_t
        var started: UInt64
        var connectorEvents: UInt64
        var fileEvents: UInt64
        var isExpected: Set<Source>
        var hasEnded = false
        var unsung: CInt = 0
    }
    private struct State {
        var round: Round?
        var next: UInt64 = 0
        /// The number of the block node that audit is to tell of, and whether it has.
        var awaited: UInt32 = 0
        var wasHeard = false
        var figures: [Source: Figures] = [:]
        /// Rounds in a row in which a source was silent.
        var silence: [Source: Int] = [:]
        var hasToldUnsung = false
    }

    private let state = Mutex(State())
    private let spawner: Spawner
    private let file: File
    private let interval: UInt64
    private let connector: any ProcessEventSource
    private let fanotify: FanotifyReader?
    private let audit: AuditKeeper?
    private let tell: @Sendable (Alert) -> Void

    private static let second: UInt64 = 1_000_000_000
    /// From the act to its event; an event of a busy host takes milliseconds.
    private static let patience: UInt64 = 5_000_000_000
    /// One round may meet a moment in which the host did not get round to it.
    private static let silentRounds = 2

    /// - Parameter interval: seconds between rounds.
    init(
        spawner: Spawner, file: File, interval: Int, connector: any ProcessEventSource, fanotify: FanotifyReader?,
        audit: AuditKeeper?, tell: @escaping @Sendable (Alert) -> Void
    ) {
        self.spawner = spawner
        self.file = file
        self.interval = UInt64(interval) * Self.second
        self.connector = connector
        self.fanotify = fanotify
        self.audit = audit
        self.tell = tell
    }

    var figures: [Source: Figures] { state.withLock { $0.figures } }
    /// Sources that are silent, each in words.
    var obstacles: [String] {
        state.withLock { $0.silence }.filter { $0.value >= Self.silentRounds }.keys.map(\.rawValue).sorted().map {
            "\($0): the agent's own canary passes it unseen"
        }
    }

    /// Takes the canary's own event; false for every other. From the pipeline's thread.
    func hears(_ event: borrowing KernelEvent) -> Bool {
        guard event.type == .mknodat, event.result == -2 else { return false }
        let number = event.arguments[3]
        return state.withLock { state in
            guard state.awaited != 0, number == UInt64(state.awaited) else { return false }
            state.wasHeard = true
            return true
        }
    }

    /// Called about once a second.
    func check() {
        let now = monotonicNanoseconds()
        guard let round = state.withLock({ $0.round }) else {
            if state.withLock({ now >= $0.next }) { begin(now) }
            return
        }
        let ended = end(of: round)
        let seen = seen(in: ended)
        guard ended.hasEnded && seen.isSuperset(of: ended.isExpected) || now >= round.started + Self.patience else {
            state.withLock { $0.round = ended }
            return
        }
        if !ended.hasEnded {
            kill(round.pid, SIGKILL)
            var status: CInt = 0
            for _ in 0..<20 where unsafe na_wait_exit(round.pid, &status) == 0 { usleep(5000) }
        }
        judge(ended, seen)
        state.withLock { state in
            state.round = nil
            state.awaited = 0
            state.next = round.started + interval
        }
    }

    private func begin(_ now: UInt64) {
        var expected: Set<Source> = [.connector]
        if fanotify != nil { expected.insert(.fanotify) }
        if audit?.has(.node) == true { expected.insert(.audit) }
        // A number that no container can know: it could tell of a canary that never sang.
        let number = UInt32.random(in: 1 ... .max)
        state.withLock { state in
            state.awaited = number
            state.wasHeard = false
        }
        var round = Round(
            pid: 0, started: now, connectorEvents: connector.eventCount,
            fileEvents: fanotify?.canaryCount ?? 0, isExpected: expected)
        guard let pid = spawner.start(["canary", file.path, String(number)], descriptor: file.descriptor.rawValue)
        else {
            // That nothing can be started any more is told by the sensor.
            state.withLock { $0.next = now + interval }
            return
        }
        round.pid = pid
        state.withLock { [round] in $0.round = round }
    }

    private func end(of round: Round) -> Round {
        var round = round
        var status: CInt = 0
        if !round.hasEnded, unsafe na_wait_exit(round.pid, &status) != 0 {
            round.hasEnded = true
            round.unsung = status
            // What was not done cannot be told of.
            if status & CInt(NA_CANARY_NO_NODE) != 0 { round.isExpected.remove(.audit) }
            if status & CInt(NA_CANARY_NO_FILE) != 0 { round.isExpected.remove(.fanotify) }
        }
        return round
    }

    private func seen(in round: Round) -> Set<Source> {
        var seen: Set<Source> = []
        if state.withLock({ $0.wasHeard }) { seen.insert(.audit) }
        if let fanotify, fanotify.canaryCount > round.fileEvents { seen.insert(.fanotify) }
        // Its own start and end are two: none at all is silence.
        if connector.eventCount > round.connectorEvents { seen.insert(.connector) }
        return seen
    }

    private func judge(_ round: Round, _ seen: Set<Source>) {
        let now = realtimeNanoseconds()
        var blind: [Source] = []
        var recovered: [Source] = []
        let isUnsung = state.withLock { state in
            for source in round.isExpected {
                var figures = state.figures[source] ?? Figures()
                let before = state.silence[source] ?? 0
                if seen.contains(source) {
                    figures.lastSeen = now
                    state.silence[source] = 0
                    if before >= Self.silentRounds { recovered.append(source) }
                } else {
                    figures.missed += 1
                    state.silence[source] = before + 1
                    if before + 1 == Self.silentRounds { blind.append(source) }
                }
                state.figures[source] = figures
            }
            defer { state.hasToldUnsung = state.hasToldUnsung || round.unsung != 0 }
            return round.unsung != 0 && !state.hasToldUnsung
        }
        if round.isExpected.contains(.connector), !seen.contains(.connector) { connector.listenAgain() }
        for source in blind {
            tell(
                .internal(
                    "Source is blind",
                    "\(source.rawValue) has told nothing of the agent's own canary \(Self.silentRounds) times: what it "
                        + "should tell goes unseen; 'nodeagent doctor' looks for the reason", priority: .critical))
        }
        for source in recovered {
            tell(
                .internal(
                    "Source sees again", "\(source.rawValue) tells of the agent's canary again", priority: .notice))
        }
        if isUnsung {
            tell(
                .internal(
                    "Canary is silent",
                    "the agent's own canary cannot do what its sources are to tell of: whether they see is not known",
                    priority: .warning))
        }
    }
}
