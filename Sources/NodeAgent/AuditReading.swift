import KernelEvents

/// How audit stands at one moment, from the kernel and from what was put in place at the start.
struct AuditReading: Sendable {
    /// Nil when the kernel did not answer.
    var status: AuditStatus?
    var mode: AuditMode
    /// Our rules are in place, as far as the last look at them says.
    var hasRules: Bool
    /// Records that the kernel lost before any socket while they were meant for us.
    var lost: UInt64
    /// Rules of ours that stood in the kernel at the last look at them.
    var standingRules: Int?

    /// Why audit does not tell what it should, for people; empty when it does.
    ///
    /// - Parameter pid: our own.
    func obstacles(pid: Int32) -> [String] {
        guard let status else { return ["audit: the kernel does not answer about its state"] }
        var obstacles: [String] = []
        if !hasRules {
            obstacles.append(
                status.enabled == 2
                    ? "audit: locked until reboot (enabled 2), our rules are not in place"
                    : "audit: our rules were deleted by another program and cannot be put back; restart nodeagent")
        }
        if status.enabled == 0 {
            obstacles.append("audit: switched off by another program; 'auditctl -e 1' switches it on")
        }
        if mode == .unicast, status.daemon != UInt32(bitPattern: pid) {
            obstacles.append("audit: the audit daemon's place was taken by process \(status.daemon)")
        }
        return obstacles
    }
}
