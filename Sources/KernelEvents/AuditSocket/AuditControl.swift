private import CAudit
package import LinuxSystem
private import SystemPackage

/// The audit system's settings, as AUDIT_GET tells them.
package struct AuditStatus: Equatable, Sendable {
    /// 0 off, 1 on, 2 locked until reboot.
    package var enabled: UInt32
    package var failure: UInt32
    /// The audit daemon; 0 without one.
    package var daemon: UInt32
    package var rateLimit: UInt32
    package var backlogLimit: UInt32
    /// Records the kernel lost before any socket (not a loss of a multicast reader).
    package var lost: UInt32
    package var backlog: UInt32
    /// Jiffies that an audited task waits when the backlog is full.
    package var backlogWaitTime: UInt32

    package init(
        enabled: UInt32, failure: UInt32, daemon: UInt32, rateLimit: UInt32, backlogLimit: UInt32, lost: UInt32,
        backlog: UInt32, backlogWaitTime: UInt32
    ) {
        self.enabled = enabled
        self.failure = failure
        self.daemon = daemon
        self.rateLimit = rateLimit
        self.backlogLimit = backlogLimit
        self.lost = lost
        self.backlog = backlog
        self.backlogWaitTime = backlogWaitTime
    }
}

/// A socket for requests to the audit system. Not shared between threads.
package struct AuditControl: ~Copyable {
    private let socket: OwnedDescriptor

    package init() throws(SystemError) {
        socket = OwnedDescriptor(adopting: try checked(na_audit_open(), "socket NETLINK_AUDIT"))
    }

    package func status() throws(SystemError) -> AuditStatus {
        var raw = na_audit_status()
        let result = unsafe na_audit_get_status(socket.rawValue, &raw)
        _ = try checked(result, "AUDIT_GET")
        return AuditStatus(
            enabled: raw.enabled, failure: raw.failure, daemon: raw.pid, rateLimit: raw.rate_limit,
            backlogLimit: raw.backlog_limit, lost: raw.lost, backlog: raw.backlog,
            backlogWaitTime: raw.backlog_wait_time)
    }

    package func setEnabled(_ value: UInt32) throws(SystemError) {
        _ = try checked(na_audit_set_enabled(socket.rawValue, value), "AUDIT_SET enabled")
    }
    package func setFailure(_ value: UInt32) throws(SystemError) {
        _ = try checked(na_audit_set_failure(socket.rawValue, value), "AUDIT_SET failure")
    }
    package func setBacklogLimit(_ value: UInt32) throws(SystemError) {
        _ = try checked(na_audit_set_backlog_limit(socket.rawValue, value), "AUDIT_SET backlog_limit")
    }
    package func setBacklogWaitTime(_ value: UInt32) throws(SystemError) {
        _ = try checked(na_audit_set_backlog_wait_time(socket.rawValue, value), "AUDIT_SET backlog_wait_time")
    }

    /// Ends what `becomeAuditDaemon` began; only the process that is the daemon may.
    package func resignAsDaemon() throws(SystemError) {
        _ = try checked(na_audit_set_daemon(socket.rawValue, 0), "AUDIT_SET pid")
    }

    /// Adds a rule; one that is there already is no error.
    package func add(_ rule: AuditRule) throws(SystemError) {
        var raw = rule.raw
        let result = unsafe na_audit_add_rule(socket.rawValue, &raw)
        if result == -Errno.fileExists.rawValue { return }
        _ = try checked(result, "AUDIT_ADD_RULE", rule.key)
    }

    package func delete(_ rule: AuditRule) throws(SystemError) {
        var raw = rule.raw
        let result = unsafe na_audit_delete_rule(socket.rawValue, &raw)
        if result == -Errno.noSuchFileOrDirectory.rawValue { return }
        _ = try checked(result, "AUDIT_DEL_RULE", rule.key)
    }

    /// Deletes every rule of ours, also one that an earlier run left behind. The number deleted.
    package func deleteOwnRules() throws(SystemError) -> Int {
        let result = unsafe na_audit_delete_rules_with_key(socket.rawValue, AuditRule.keyPrefix)
        return Int(try checked(result, "AUDIT_LIST_RULES"))
    }

    /// What stands in the kernel, counted.
    package func ruleCensus() throws(SystemError) -> AuditRuleCensus {
        var census = AuditRuleCensus()
        for rule in try standingRules() { census.add(key: rule.key, isTaskNever: rule.hidesTasks) }
        return census
    }

    /// Every rule that stands in the kernel, list by list. Not cheap: the kernel starts a thread for the answer.
    package func standingRules() throws(SystemError) -> [StandingRule] {
        var rules: [StandingRule] = []
        let result = unsafe withUnsafeMutablePointer(to: &rules) { pointer in
            unsafe na_audit_list_rules(
                socket.rawValue,
                { context, key, list, action in
                    guard let rules = unsafe context?.assumingMemoryBound(to: [StandingRule].self),
                        let key = unsafe key
                    else { return }
                    let rule = StandingRule(key: unsafe String(cString: key), list: list, action: action)
                    unsafe rules.pointee.append(rule)
                }, pointer)
        }
        _ = try checked(result, "AUDIT_LIST_RULES")
        return rules
    }
}

/// The rules that stand in the kernel, counted.
package struct AuditRuleCensus: Equatable, Sendable {
    /// Ours, by key.
    package private(set) var ownByKey: [String: Int] = [:]
    package private(set) var others = 0
    /// Rules `task,never`: every task that is forked under one is invisible to audit.
    package private(set) var taskNever = 0

    package init() {}

    package var own: Int { ownByKey.values.reduce(0, +) }

    package mutating func add(key: String, isTaskNever: Bool) {
        if key.hasPrefix(AuditRule.keyPrefix) { ownByKey[key, default: 0] += 1 } else { others += 1 }
        if isTaskNever { taskNever += 1 }
    }

    /// How many of ours stood in an earlier census and stand no more.
    package func missing(since earlier: AuditRuleCensus) -> Int {
        earlier.ownByKey.reduce(0) { sum, entry in sum + max(0, entry.value - (ownByKey[entry.key] ?? 0)) }
    }
}

/// Makes `data` (an audit socket) the place where the kernel sends records: this process is the audit daemon then.
package func becomeAuditDaemon(on data: borrowing OwnedDescriptor, pid: Int32) throws(SystemError) {
    _ = try checked(na_audit_set_daemon(data.rawValue, UInt32(bitPattern: pid)), "AUDIT_SET pid")
}
