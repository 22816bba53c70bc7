/// What bounds the agent itself, and what the kernel is locked down to.
struct ConfinementFacts: Sendable {
    /// The kernel has seccomp filters.
    var isSupported = false
    /// `confinement.mode` of the configuration.
    var mode = SystemCallFilter.Mode.enforce
    /// The running agent has a filter; nil without an agent.
    var isFiltered: Bool?
    /// Security modules, and what lockdown allows, as the kernel lists them; nil where it does not.
    var modules: String?
    var lockdown: String?
    /// The program that tells where a crash was.
    var backtrace: String?
}

extension DoctorChecks {
    static func confinement(_ facts: ConfinementFacts) -> [DoctorCheck] {
        [seccomp(facts), lsm(facts), backtrace(facts)]
    }

    private static func seccomp(_ facts: ConfinementFacts) -> DoctorCheck {
        let mode = "confinement.mode \(facts.mode.rawValue)"
        guard facts.isSupported else {
            return .warn(
                "seccomp", "the kernel has no seccomp filters: the agent works without (\(mode))",
                remedy: "a kernel with CONFIG_SECCOMP_FILTER")
        }
        switch (facts.isFiltered, facts.mode) {
        case (false?, .enforce), (false?, .log):
            return .warn(
                "seccomp", "the agent runs without its filter (\(mode))", remedy: "systemctl restart nodeagent")
        case (true?, _):
            return .pass("seccomp", "the agent has its filter (\(mode))")
        case (_, .off):
            return .info("seccomp", "filters are there, and not used (\(mode))")
        case (nil, _):
            return .pass("seccomp", "filters are there (\(mode))")
        }
    }

    private static func lsm(_ facts: ConfinementFacts) -> DoctorCheck {
        .info(
            "lsm",
            "security modules: \(facts.modules ?? "not told (no securityfs)"); lockdown: \(facts.lockdown ?? "none")")
    }

    private static func backtrace(_ facts: ConfinementFacts) -> DoctorCheck {
        .info(
            "backtrace",
            facts.backtrace.map { "a crash is told with function and line, by \($0)" }
                ?? "no swift-backtrace: a crash is told by its signal alone")
    }
}
