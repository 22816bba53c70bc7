private import CAudit

/// A rule that stands in the kernel, ours or another's. Rules of one list are in the kernel's order: the first that fits
/// an event decides about it.
package struct StandingRule: Equatable, Sendable {
    /// Empty without one.
    package var key: String
    /// AUDIT_FILTER_… of linux/audit.h.
    package var list: UInt32
    /// AUDIT_NEVER, AUDIT_ALWAYS.
    package var action: UInt32

    package init(key: String, list: UInt32, action: UInt32) {
        self.key = key
        self.list = list
        self.action = action
    }

    package var isOwn: Bool { key.hasPrefix(AuditRule.keyPrefix) }
    /// What it fits is not told, whatever the rules behind it say.
    package var isNever: Bool { action == UInt32(NA_AUDIT_NEVER) }
    /// Every task that is forked under it is invisible to audit for good.
    package var hidesTasks: Bool { isNever && list == UInt32(NA_AUDIT_LIST_TASK) }
}
