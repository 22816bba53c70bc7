private import CLinux
private import Glibc
package import LinuxSystem
private import SystemPackage

/// How the agent listens to audit.
package enum AuditMode: String, Sendable {
    /// The agent is the audit daemon: records come to it alone.
    case unicast
    /// Beside a daemon that is there; the kernel copies to group 1.
    case multicast
}

/// The agent's hold on the audit system, from taking it to putting everything back. Settings that are changed are written
/// to a file first, so that the next start puts them back after a crash.
package struct AuditSession: ~Copyable {
    package let mode: AuditMode
    package let data: OwnedDescriptor
    private let control: AuditControl
    private let stateFile: String
    private let before: AuditSettings
    private let lostBefore: UInt32
    /// `enabled 2`: nothing can be changed until reboot; the agent only listens.
    package let isLocked: Bool
    package private(set) var rules: [AuditRule] = []
    /// Rules the kernel refused, for people: without them something is not seen.
    package private(set) var refusedRules: [String] = []

    /// The choice of `audit.mode` in the configuration.
    package enum Preference: String, Sendable, CaseIterable { case auto, unicast, multicast }

    /// Opens the sockets and decides the mode. Nothing is audited before `install`.
    ///
    /// - Parameters:
    ///   - stateFile: where the settings as found are kept while the agent runs.
    ///   - receiveBytes: the data socket's buffer; a record takes about 1 KB of it.
    package init(
        preference: Preference, stateFile: String, receiveBytes: Int32, pid: Int32
    ) throws(SystemError) {
        let control = try AuditControl()
        // What a crashed run left: its rules go, the settings it had found come back.
        if let left = AuditSettings(file: stateFile) {
            _ = try? control.deleteOwnRules()
            left.restore(control)
        }
        let status = try control.status()
        let before = AuditSettings(status)
        let isLocked = status.enabled == 2
        if !isLocked { try before.save(stateFile) }
        let foreignDaemon = status.daemon != 0 && kill(pid_t(bitPattern: status.daemon), 0) == 0
        let mode: AuditMode =
            switch preference {
            case .unicast: .unicast
            case .multicast: .multicast
            case .auto: foreignDaemon || isLocked ? .multicast : .unicast
            }
        let socket = try checked(
            na_audit_socket(mode == .multicast ? 1 : 0, receiveBytes), "socket NETLINK_AUDIT")
        let data = OwnedDescriptor(adopting: socket)
        if mode == .unicast { try becomeAuditDaemon(on: data, pid: pid) }
        self.control = control
        self.stateFile = stateFile
        self.before = before
        lostBefore = status.lost
        self.isLocked = isLocked
        self.mode = mode
        self.data = data
    }

    /// Puts the rules in place and turns audit on. A rule that the kernel does not take is told, not fatal: an old kernel
    /// lacks the io_uring list, and the rest still sees.
    package mutating func install(_ rules: [AuditRule], pid: Int32) throws(SystemError) {
        guard !isLocked else { return }
        _ = try control.deleteOwnRules()
        if mode == .multicast { try control.add(.neverFor(pid: pid)) }
        for rule in rules {
            do {
                try control.add(rule)
                self.rules.append(rule)
            } catch {
                refusedRules.append("\(rule.key): \(error)")
            }
        }
        if mode == .unicast {
            // Ours to set: never stall a task for the backlog, and have room for a burst.
            try control.setBacklogWaitTime(0)
            if before.backlogLimit < 8192 { try control.setBacklogLimit(8192) }
        }
        if before.enabled == 0 { try control.setEnabled(1) }
    }

    /// Takes one group of rules out again, when it costs more records than the budget allows. Whether there was one.
    package mutating func drop(_ group: AuditRuleGroup) throws(SystemError) -> Bool {
        let dropped = rules.filter { $0.key == group.key }
        for rule in dropped { try control.delete(rule) }
        rules.removeAll { $0.key == group.key }
        return !dropped.isEmpty
    }

    /// Whether audit was on before us: a task that was forked before it ever was has no audit context and is invisible to
    /// rules as long as it lives.
    package var wasEnabled: Bool { before.enabled != 0 }

    /// Records that the kernel lost since the start while they were meant for us: in multicast mode its count says nothing
    /// about our socket.
    package var lost: UInt64 {
        guard mode == .unicast, let now = try? control.status().lost else { return 0 }
        return UInt64(now &- lostBefore)
    }

    package func status() throws(SystemError) -> AuditStatus { try control.status() }
    package func ruleCensus() throws(SystemError) -> (own: Int, others: Int, taskNever: Int) {
        try control.ruleCensus()
    }

    /// Everything as it was found. Called once, at a clean stop.
    package func restore() {
        guard !isLocked else { return }
        _ = try? control.deleteOwnRules()
        // By the control socket: on the data socket the reader's thread would take the answer.
        if mode == .unicast { try? control.resignAsDaemon() }
        before.restore(control)
        unsafe unlink(stateFile)
    }
}

/// The settings that the agent changes, as they were found.
private struct AuditSettings {
    var enabled: UInt32
    var failure: UInt32
    var backlogLimit: UInt32
    var backlogWaitTime: UInt32

    /// Settings are the kernel's and end with it: those of another boot are nobody's.
    private static var boot: String {
        let bytes = (try? readFile("/proc/sys/kernel/random/boot_id", limit: 64)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? "-"
    }

    init(_ status: AuditStatus) {
        enabled = status.enabled
        failure = status.failure
        backlogLimit = status.backlogLimit
        backlogWaitTime = status.backlogWaitTime
    }

    /// Nil when there is no such file, or it is not whole.
    init?(file: String) {
        guard let bytes = try? readFile(file, limit: 4096) else { return nil }
        var values: [Substring: UInt32] = [:]
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains("boot \(Self.boot)\n") else { return nil }
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 2, let value = UInt32(parts[1]) { values[parts[0]] = value }
        }
        guard values["version"] == 1, let enabled = values["enabled"], let failure = values["failure"],
            let limit = values["backlog_limit"], let wait = values["backlog_wait_time"]
        else { return nil }
        self.enabled = enabled
        self.failure = failure
        backlogLimit = limit
        backlogWaitTime = wait
    }

    func save(_ path: String) throws(SystemError) {
        let text = """
            version 1
            boot \(Self.boot)
            enabled \(enabled)
            failure \(failure)
            backlog_limit \(backlogLimit)
            backlog_wait_time \(backlogWaitTime)

            """
        try replaceFile(path, with: Array(text.utf8))
    }

    func restore(_ control: borrowing AuditControl) {
        guard let now = try? control.status(), now.enabled != 2 else { return }
        if now.backlogWaitTime != backlogWaitTime { try? control.setBacklogWaitTime(backlogWaitTime) }
        if now.backlogLimit != backlogLimit { try? control.setBacklogLimit(backlogLimit) }
        if now.failure != failure { try? control.setFailure(failure) }
        if now.enabled != enabled { try? control.setEnabled(enabled) }
    }
}
