import KernelEvents

/// How audit stands at one moment, from the kernel and from what was put in place at the start.
struct AuditReading: Sendable {
    /// Nil when the kernel did not answer.
    var status: AuditStatus?
    var mode: AuditMode
    /// Nothing can be changed until reboot.
    var isLocked: Bool
    /// Records that the kernel lost before any socket while they were meant for us.
    var lost: UInt64
    /// Rules that were put in place, less those taken out again for the budget.
    var installedRules: Int

    /// Why audit does not tell what it should, for people; empty when it does.
    ///
    /// - Parameters:
    ///   - pid: our own.
    ///   - missingRules: rules of ours that the kernel does not have any more.
    func obstacles(pid: Int32, missingRules: Int) -> [String] {
        guard let status else { return ["audit: the kernel does not answer about its state"] }
        if isLocked { return ["audit: locked until reboot (enabled 2), our rules are not in place"] }
        var obstacles: [String] = []
        if status.enabled == 0 {
            obstacles.append("audit: switched off by another program; 'auditctl -e 1' switches it on")
        }
        if mode == .unicast, status.daemon != UInt32(bitPattern: pid) {
            obstacles.append("audit: the audit daemon's place was taken by process \(status.daemon); restart nodeagent")
        }
        if missingRules > 0 {
            obstacles.append("audit: \(missingRules) of our rules were deleted by another program; restart nodeagent")
        }
        return obstacles
    }
}
