import Detection
import KernelEvents
import LinuxSystem
import Reporting

/// `nodeagent.yaml`, read and checked. Every key has a default; an unknown key is an error.
struct Configuration: Sendable {
    struct Output: Sendable, Equatable {
        var format: AlertFormat = .text
    }

    struct Audit: Sendable, Equatable {
        var isEnabled = true
        var mode: AuditSession.Preference = .auto
        /// Of the socket, MiB. A record takes about 1 KB of it: 32 MiB hold a quarter of a second at the kernel's full rate.
        var receiveBufferMiB: Int32 = 32
        var budget = RecordBudget()
        /// Whether audit is switched on again when another program switches it off.
        var restoresEnabled = false
    }

    struct Connector: Sendable, Equatable {
        var receiveBufferMiB: Int32 = 4
    }

    struct Containers: Sendable, Equatable {
        /// Runtime binaries beside those found at the usual places.
        var runtimePaths: [String] = []
    }

    /// The metrics endpoint.
    struct Metrics: Sendable, Equatable {
        var isEnabled = true
        /// An IPv4 or IPv6 address, without brackets.
        var address = "127.0.0.1"
        /// 0: a free one, which is told at the start.
        var port = 9749

        /// Whether only this host reaches it.
        var isLoopback: Bool { address.hasPrefix("127.") || address == "::1" }
    }

    struct RuleFile: Sendable {
        /// Relative to the working directory, or absolute.
        var path: String
        /// Where the configuration names it.
        var place: ConfigurationPlace
    }

    /// An entry of `rules`: rules that are switched on or off.
    struct RuleSelection: Sendable {
        var selection: RuleSet.Selection
        /// Where the configuration names the rule or the tag.
        var place: ConfigurationPlace
    }

    /// What is done about an alert. Nothing, until the configuration says so.
    struct Response: Sendable {
        enum Mode: String, Sendable, CaseIterable {
            case off
            /// What would be done is told and not done.
            case dryRun = "dry-run"
            case on
        }
        enum Action: String, Sendable, CaseIterable { case collect, freeze, kill }
        struct RuleActions: Sendable {
            var rule: String
            var actions: Set<Action>
            /// Where the configuration names the rule.
            var place: ConfigurationPlace
        }

        var mode: Mode = .off
        var rules: [RuleActions] = []
        /// After this a frozen container goes on by itself.
        var freezeSeconds = 900
    }

    struct Evidence: Sendable, Equatable {
        /// Where rules put their tarballs. Nil: `evidence` in the state directory.
        var directory: String?
        /// Of one collection: content read, before it is compressed.
        var maximumSizeMiB = 4096
        var deadlineSeconds = 120
    }

    /// In the order in which they are loaded.
    var ruleFiles: [RuleFile] = []
    /// `rule_matching`, `append_output`, `static_fields`; `selection` comes from `ruleSelection`.
    var ruleOptions = RuleSet.Options()
    /// `rules`, in the order in which they apply.
    var ruleSelection: [RuleSelection] = []
    /// Control socket, lock and the audit settings as found. Nil: systemd's `RUNTIME_DIRECTORY`, else /run/nodeagent.
    var runtimeDirectory: String?
    /// What outlives a boot: evidence. Nil: systemd's `STATE_DIRECTORY`, else /var/lib/nodeagent.
    var stateDirectory: String?
    var output = Output()
    var audit = Audit()
    var watchesFiles = true
    var connector = Connector()
    var containers = Containers()
    var response = Response()
    var evidence = Evidence()
    var metrics = Metrics()
    /// How often the agent's own canary passes each source.
    var canarySeconds = 60
    /// Of the seccomp filters of the agent's processes.
    var confinement = SystemCallFilter.Mode.enforce
}

/// How many records a second our rules may add to what others (auditd, journald) have to store.
struct RecordBudget: Sendable, Equatable {
    /// On average over a minute.
    var idle = 50
    /// On average over five seconds.
    var busy = 500
}
