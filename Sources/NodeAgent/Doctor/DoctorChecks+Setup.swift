import Detection
import Evidence

/// The configuration, its rules, and the directories that they name.
struct SetupFacts: Sendable {
    /// The file, and what it says; every default where it is not valid.
    var file: String
    var configuration = Configuration()
    /// What is wrong with it, the first line.
    var configurationError: String?
    /// Nil where they are not valid, or the configuration is not.
    var rules: RuleSet?
    var rulesError: String?
    var runtimeDirectory = DirectoryFacts(path: "")
    var evidenceDirectory = DirectoryFacts(path: "")
    /// A rule's action is to collect.
    var collects = false
    /// An agent runs.
    var hasAgent = false
}

/// A directory of the agent's.
struct DirectoryFacts: Sendable, Equatable {
    var path: String
    var exists = false
    var isDirectory = false
    /// Others than root could put files there.
    var isOpen = false
    var isWritable = false
    /// Of its file system (that of the directory above, where it is not made yet); nil: nothing answers.
    var availableBytes: UInt64?
    var totalBytes: UInt64 = 0
}

extension DoctorChecks {
    static func setup(_ facts: SetupFacts) -> [DoctorCheck] {
        [configuration(facts), rules(facts), runtimeDirectory(facts), evidenceDirectory(facts)].compactMap { $0 }
    }

    private static func configuration(_ facts: SetupFacts) -> DoctorCheck {
        guard let error = facts.configurationError else { return .pass("configuration", "\(facts.file) is valid") }
        return .fail(
            "configuration", "\(error); the checks below are for its defaults",
            remedy: "mend the file; --config names another one")
    }

    /// Nil where there is no configuration to name them.
    private static func rules(_ facts: SetupFacts) -> DoctorCheck? {
        guard facts.configurationError == nil else { return nil }
        guard let rules = facts.rules else {
            return .fail("rules", facts.rulesError ?? "not valid", remedy: "mend the file that rules_files names")
        }
        let names = Set(rules.rules.map(\.name))
        let unknown = facts.configuration.response.rules.map(\.rule).filter { !names.contains($0) }
        guard unknown.isEmpty else {
            return .fail("rules", "response.rules names what no file has: \(listed(unknown))", remedy: "response.rules")
        }
        let enabled = rules.rules.count(where: \.isEnabled)
        guard enabled > 0 else { return .warn("rules", "none is enabled", remedy: "rules_files") }
        let warnings = rules.warnings.isEmpty ? "" : ", \(counted(rules.warnings.count, "warning")) at the start"
        return .pass("rules", "\(enabled) enabled, \(rules.rules.count - enabled) disabled\(warnings)")
    }

    private static func runtimeDirectory(_ facts: SetupFacts) -> DoctorCheck {
        let id = "runtime-directory"
        let directory = facts.runtimeDirectory
        guard directory.exists else {
            return facts.hasAgent
                ? .fail(id, "\(directory.path) is gone", remedy: "systemctl restart nodeagent")
                : .pass(id, "\(directory.path) is made at the start")
        }
        guard directory.isDirectory, !directory.isOpen else {
            return .fail(
                id, "\(directory.path) is no directory of root's alone",
                remedy: "chown root: \(directory.path); chmod 700")
        }
        guard directory.isWritable else {
            return .fail(
                id, "\(directory.path) cannot be written", remedy: "runtime_directory, on a file system that can")
        }
        return .pass(id, directory.path)
    }

    private static func evidenceDirectory(_ facts: SetupFacts) -> DoctorCheck {
        let id = "evidence-directory"
        let directory = facts.evidenceDirectory
        func broken(_ finding: String) -> DoctorCheck {
            facts.collects
                ? .fail(id, "\(finding): rules collect nothing", remedy: "evidence.directory")
                : .warn(id, finding, remedy: "evidence.directory, before a rule's action is collect")
        }
        guard let available = directory.availableBytes else {
            return broken("\(directory.path): its file system does not answer")
        }
        guard !directory.exists || directory.isDirectory, directory.isWritable else {
            return broken("\(directory.path) is no directory that the agent can write")
        }
        let finding =
            "\(directory.path)\(directory.exists ? "" : " (made when needed)"), \(ProgressLine.size(available)) free"
        let floor = CollectionLimits.defaultFloor(total: directory.totalBytes)
        guard available > floor else { return broken("\(finding), and \(ProgressLine.size(floor)) are left alone") }
        let most = UInt64(facts.configuration.evidence.maximumSizeMiB) << 20
        guard available - floor > most else {
            return .warn(
                id, "\(finding): one collection of evidence.max_size_mib (\(ProgressLine.size(most))) may not fit",
                remedy: "evidence.directory on a larger file system, or a smaller evidence.max_size_mib")
        }
        return .pass(id, finding)
    }
}
