import LinuxSystem

extension ConfinementFacts {
    /// Where the package puts it.
    private static let backtracePath = "/usr/libexec/nodeagent/swift-backtrace-static"

    static func read(
        _ configuration: Configuration, agent: Int32?, proc: ProcFilesystem = ProcFilesystem()
    ) -> ConfinementFacts {
        var facts = ConfinementFacts(mode: configuration.confinement)
        facts.isSupported = text("/proc/sys/kernel/seccomp/actions_avail") != nil
        // 2: a filter (proc_pid_status(5)).
        facts.isFiltered = agent.flatMap { (try? proc.status($0))?["Seccomp"] }.map { $0 == "2" }
        facts.modules = text("/sys/kernel/security/lsm")
        // `none [integrity] confidentiality`
        facts.lockdown = text("/sys/kernel/security/lockdown").flatMap { line in
            line.split(separator: " ").first { $0.hasPrefix("[") }.map { String($0.dropFirst().dropLast()) }
        }
        if (try? FileStatus.of(backtracePath)) != nil { facts.backtrace = backtracePath }
        return facts
    }

    /// The first line; nil when there is none.
    private static func text(_ path: String) -> String? {
        textLines((try? readFile(path, limit: 4096)) ?? []).first.map(String.init)
    }
}
