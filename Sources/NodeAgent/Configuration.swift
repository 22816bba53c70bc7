import KernelEvents
import LinuxSystem
import Reporting

/// `nodeagent.yaml`, read and checked. Every key has a default; an unknown key is an error.
struct Configuration: Sendable {
    struct Output: Sendable {
        var format: AlertFormat = .text
    }

    struct Audit: Sendable {
        var isEnabled = true
        var mode: AuditSession.Preference = .auto
        /// Of the socket, MiB. A record takes about 1 KB of it: 32 MiB hold a quarter of a second at the kernel's full rate.
        var receiveBufferMiB: Int32 = 32
        var budget = RecordBudget()
    }

    struct Connector: Sendable {
        var receiveBufferMiB: Int32 = 4
    }

    struct Containers: Sendable {
        /// Runtime binaries beside those found at the usual places.
        var runtimePaths: [String] = []
    }

    struct RuleFile: Sendable {
        /// Relative to the working directory, or absolute.
        var path: String
        /// Where the configuration names it.
        var place: ConfigurationPlace
    }

    /// In the order in which they are loaded.
    var ruleFiles: [RuleFile] = []
    /// Control socket, lock and the audit settings as found. Nil: systemd's `RUNTIME_DIRECTORY`, else /run/nodeagent.
    var runtimeDirectory: String?
    var output = Output()
    var audit = Audit()
    var watchesFiles = true
    var connector = Connector()
    var containers = Containers()

    /// Where the agent keeps its socket and its state while it runs.
    func resolvedRuntimeDirectory(_ environment: [String: String]) -> String {
        if let runtimeDirectory { return runtimeDirectory }
        // systemd gives a colon-separated list when a unit names several.
        if let list = environment["RUNTIME_DIRECTORY"], let first = list.split(separator: ":").first {
            return String(first)
        }
        return "/run/nodeagent"
    }
}

/// How many records a second our rules may add to what others (auditd, journald) have to store.
struct RecordBudget: Sendable, Equatable {
    /// On average over a minute.
    var idle = 50
    /// On average over five seconds.
    var busy = 500
}
