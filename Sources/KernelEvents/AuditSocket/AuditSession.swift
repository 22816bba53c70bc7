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
    package private(set) var mode: AuditMode
    package let data: OwnedDescriptor
    private let control: AuditControl
    private let stateFile: String
    private let pid: Int32
    private var before: AuditSettings
    private var lostBefore: UInt32
    /// `enabled 2`: nothing can be changed until reboot; the agent only listens.
    package private(set) var isLocked: Bool
    package private(set) var rules: [AuditRule] = []
    /// What stood in the kernel after our last change: rules with the same meaning are one to it.
    private var standing = AuditRuleCensus()
    /// Rules the kernel refused, for people: without them something is not seen.
    package private(set) var refusedRules: [String] = []

    /// AUDIT_NLGRP_READLOG.
    private static let multicastGroup: UInt32 = 1

    /// The choice of `audit.mode` in the configuration.
    package enum Preference: String, Sendable, CaseIterable { case auto, unicast, multicast }

    /// Opens the sockets and decides the mode. Nothing is audited before `install`.
    ///
    /// - Parameters:
    ///   - stateFile: where the settings as found are kept while the agent runs.
    ///   - receiveBytes: the data socket's buffer; a record takes about 1 KB of it.
    ///   - pid: our own.
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
            na_audit_socket(mode == .multicast ? Self.multicastGroup : 0, receiveBytes), "socket NETLINK_AUDIT")
        let data = OwnedDescriptor(adopting: socket)
        if mode == .unicast { try becomeAuditDaemon(on: data, pid: pid) }
        self.control = control
        self.stateFile = stateFile
        self.before = before
        self.pid = pid
        lostBefore = status.lost
        self.isLocked = isLocked
        self.mode = mode
        self.data = data
    }

    /// Puts the rules in place and turns audit on.
    package mutating func install(_ rules: [AuditRule]) throws(SystemError) {
        guard !isLocked else { return }
        _ = try control.deleteOwnRules()
        self.rules = rules
        try addRules()
        if mode == .unicast { try settleBacklog() }
        if before.enabled == 0 { try control.setEnabled(1) }
        standing = try control.ruleCensus()
    }

    /// A rule that the kernel does not take is told, not fatal: an old kernel lacks the io_uring list, and the rest still
    /// sees.
    private mutating func addRules() throws(SystemError) {
        if mode == .multicast { try control.add(.neverFor(pid: pid)) }
        var refused: [AuditRule] = []
        for rule in rules {
            do {
                try control.add(rule)
            } catch {
                refused.append(rule)
                refusedRules.append("\(rule.key): \(error)")
            }
        }
        rules.removeAll { refused.contains($0) }
    }

    /// The audit daemon's to set: never stall a task for the backlog, and have room for a burst.
    private func settleBacklog() throws(SystemError) {
        try control.setBacklogWaitTime(0)
        if before.backlogLimit < 8192 { try control.setBacklogLimit(8192) }
    }

    /// Exchanges our rules for others without a moment in which what both ask for goes unseen.
    package mutating func exchange(_ new: [AuditRule]) throws(SystemError) {
        guard !isLocked else { return }
        let old = rules
        refusedRules = []
        rules = new
        try addRules()
        for rule in old where !new.contains(rule) { try control.delete(rule) }
        standing = try control.ruleCensus()
    }

    /// Takes one group of rules out again, when it costs more records than the budget allows. Whether there was one.
    package mutating func drop(_ group: AuditRuleGroup) throws(SystemError) -> Bool {
        let dropped = rules.filter { $0.key == group.key }
        for rule in dropped { try control.delete(rule) }
        rules.removeAll { $0.key == group.key }
        standing = try control.ruleCensus()
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
    package func ruleCensus() throws(SystemError) -> AuditRuleCensus { try control.ruleCensus() }

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

// MARK: Beside others

extension AuditSession {
    /// Puts back our rules that another program took out.
    ///
    /// - Returns: how many were missing, and what stands now.
    package mutating func repairRules() throws(SystemError) -> (missing: Int, census: AuditRuleCensus) {
        let census = try control.ruleCensus()
        let missing = isLocked ? 0 : census.missing(since: standing)
        guard missing > 0 else { return (0, census) }
        try addRules()
        standing = try control.ruleCensus()
        return (missing, standing)
    }

    package func switchOn() throws(SystemError) { try control.setEnabled(1) }

    /// Another program set `enabled`: that is what stays when the agent ends.
    package mutating func accept(enabled: UInt32) {
        if enabled == 2 {
            isLocked = true
        } else {
            before.enabled = enabled
            try? before.save(stateFile)
        }
    }

    /// Leaves the audit daemon's place to who asks for it and listens beside him. Nothing is missed meanwhile; a record may
    /// come twice.
    package mutating func yieldSeat() throws(SystemError) {
        guard mode == .unicast else { return }
        _ = try checked(na_netlink_join(data.rawValue, Self.multicastGroup), "NETLINK_ADD_MEMBERSHIP")
        try? control.resignAsDaemon()
        mode = .multicast
        guard !isLocked else { return }
        try control.add(.neverFor(pid: pid))
        before.restoreBacklog(control)
        standing = try control.ruleCensus()
    }

    /// Becomes the audit daemon, where there is none any more. The settings as they are now are those that the agent leaves.
    package mutating func takeSeat() throws(SystemError) {
        let status = try control.status()
        guard !isLocked, status.daemon == 0 else { return }
        if mode == .multicast {
            before.takeBacklog(from: status)
            try before.save(stateFile)
        }
        _ = try checked(na_audit_claim(data.rawValue, UInt32(bitPattern: pid)), "AUDIT_SET pid")
        guard try control.status().daemon == UInt32(bitPattern: pid) else {
            throw SystemError("AUDIT_SET pid", errno: .fileExists)
        }
        lostBefore = status.lost
        if mode == .multicast { try? control.delete(.neverFor(pid: pid)) }
        mode = .unicast
        _ = try checked(na_netlink_leave(data.rawValue, Self.multicastGroup), "NETLINK_DROP_MEMBERSHIP")
        try settleBacklog()
        standing = try control.ruleCensus()
    }
}
