import CLinux
import Detection
import EventModel
import Glibc
import LinuxSystem
import Logging
import Synchronization

/// Loads the rules anew when a rule file has changed, and the configuration as well on SIGHUP. What is invalid is told and
/// changes nothing: the rules that run go on.
final class RuleReload: Sendable {
    /// How the last reload ended, for the metrics.
    struct Result: Sendable {
        var succeeded = true
        /// When rules were last taken, nanoseconds since the epoch.
        var takenAt: UInt64
    }

    private struct State {
        var configuration: Configuration
        var rules: RuleSet
        /// Of the files as they were last loaded or refused, and as they were last seen.
        var loaded: [String]
        var seen: [String]
        var result: Result
    }

    private let configurationFile: String
    private let state: Mutex<State>
    private let timed = TimedReader()
    private let log: Logger
    private let apply: @Sendable (LoadedRules) throws -> Void
    private let tell: @Sendable (Alert) -> Void

    /// For files on a file system that does not answer.
    private static let patience: UInt64 = 2_000_000_000

    /// - Parameter apply: puts the new rules to work, or throws and leaves the old ones.
    init(
        _ loaded: LoadedRules, configurationFile: String, log: Logger,
        apply: @escaping @Sendable (LoadedRules) throws -> Void, tell: @escaping @Sendable (Alert) -> Void
    ) {
        self.configurationFile = configurationFile
        self.log = log
        self.apply = apply
        self.tell = tell
        let fingerprint = Self.fingerprint(loaded.configuration.ruleFiles)
        state = Mutex(
            State(
                configuration: loaded.configuration, rules: loaded.rules, loaded: fingerprint, seen: fingerprint,
                result: Result(takenAt: realtimeNanoseconds())))
    }

    var current: RuleSet { state.withLock { $0.rules } }
    var result: Result { state.withLock { $0.result } }

    /// Called about once a second.
    func check() {
        if na_take_hangup() != 0 {
            reload(withConfiguration: true)
            return
        }
        let files = state.withLock { $0.configuration.ruleFiles }
        guard timed.hangingCount == 0,
            let now = timed.run(timeout: Self.patience, { Self.fingerprint(files) })
        else { return }
        // An editor writes in several steps: only what has stood still since the last look is read.
        let isDue = state.withLock { state in
            defer { state.seen = now }
            return now == state.seen && now != state.loaded
        }
        if isDue { reload(withConfiguration: false) }
    }

    private func reload(withConfiguration: Bool) {
        let old = state.withLock { $0 }
        var loaded: LoadedRules
        // Before they are read: what is written meanwhile is seen as a change again.
        var fingerprint = Self.fingerprint(old.configuration.ruleFiles)
        do {
            if withConfiguration {
                loaded = try LoadedRules(configurationFile: configurationFile)
                fingerprint = Self.fingerprint(loaded.configuration.ruleFiles)
            } else {
                loaded = try LoadedRules(old.configuration)
            }
            try apply(loaded)
        } catch {
            state.withLock { [fingerprint] state in
                state.loaded = fingerprint
                state.seen = fingerprint
                state.result.succeeded = false
            }
            log.error("the rules were not loaded anew: \(error)")
            let reason = "\(error)".split(separator: "\n").prefix(2).joined(separator: ": ")
            tell(
                .internal(
                    "Rules not reloaded",
                    "\(EscapedText.escaped(reason)); the rules that were loaded before go on", priority: .error))
            return
        }
        let waiting = old.configuration.keysThatWait(for: loaded.configuration)
        loaded.configuration = old.configuration.taking(loaded.configuration)
        state.withLock { [loaded, fingerprint] state in
            state.configuration = loaded.configuration
            state.rules = loaded.rules
            state.loaded = fingerprint
            state.seen = fingerprint
            state.result = Result(takenAt: realtimeNanoseconds())
        }
        for warning in loaded.rules.warnings { log.warning("\(warning.warningDescription)") }
        if !waiting.isEmpty {
            log.warning("changed, and taken at the next start: \(waiting.joined(separator: ", "))")
        }
        tell(
            .internal(
                "Rules reloaded",
                Self.difference(old.rules, loaded.rules)
                    + (waiting.isEmpty
                        ? "" : "; changed, and taken at the next start: \(waiting.joined(separator: ", "))"),
                priority: .notice))
    }

    /// Names, sizes, times and inodes of the rule files, directories looked through.
    private static func fingerprint(_ entries: [Configuration.RuleFile]) -> [String] {
        entries.flatMap(LoadedRules.files).map { file in
            var status = stat()
            guard unsafe stat(file.path, &status) == 0 else { return file.path }
            return "\(file.path) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) "
                + "\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
        }
    }

    private static func difference(_ old: RuleSet, _ new: RuleSet) -> String {
        let before = Set(old.rules.filter(\.isEnabled).map(\.name))
        let after = Set(new.rules.filter(\.isEnabled).map(\.name))
        var words = ["\(after.count) rules"]
        for (word, names) in [("new", after.subtracting(before)), ("gone", before.subtracting(after))]
        where !names.isEmpty {
            let shown = names.sorted().prefix(5).map { "'\(EscapedText.escaped($0))'" }.joined(separator: ", ")
            words.append("\(word): \(shown)" + (names.count > 5 ? " and \(names.count - 5) more" : ""))
        }
        return words.joined(separator: "; ")
    }
}

extension Configuration {
    /// What a reload takes of a new configuration: which rules there are, and what is done about them.
    func taking(_ new: Configuration) -> Configuration {
        var taken = self
        taken.ruleFiles = new.ruleFiles
        taken.ruleOptions = new.ruleOptions
        taken.ruleSelection = new.ruleSelection
        taken.response = new.response
        return taken
    }

    /// The sections in which `new` differs and that only a start takes.
    func keysThatWait(for new: Configuration) -> [String] {
        var keys: [String] = []
        if runtimeDirectory != new.runtimeDirectory { keys.append("runtime_directory") }
        if stateDirectory != new.stateDirectory { keys.append("state_directory") }
        if output != new.output { keys.append("output") }
        if audit != new.audit { keys.append("audit") }
        if watchesFiles != new.watchesFiles { keys.append("fanotify") }
        if connector != new.connector { keys.append("connector") }
        if containers != new.containers { keys.append("containers") }
        if evidence != new.evidence { keys.append("evidence") }
        if metrics != new.metrics { keys.append("metrics") }
        if confinement != new.confinement { keys.append("confinement") }
        if canarySeconds != new.canarySeconds { keys.append("canary") }
        return keys
    }
}
