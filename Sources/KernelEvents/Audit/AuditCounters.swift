/// What the assembler saw since it was made. Every record that does not end in an event is in one of these.
package struct AuditCounters: Sendable, Equatable {
    /// Records offered, whatever became of them.
    package var records: UInt64 = 0
    /// Events delivered, those of one user record included.
    package var events: UInt64 = 0
    /// Records without a readable stamp.
    package var malformed: UInt64 = 0
    /// Records of an event that was already delivered.
    package var late: UInt64 = 0
    /// Second ones of what an event has once.
    package var duplicate: UInt64 = 0
    /// Records that a process wrote (1005, 1100–1199, 2100–2999).
    package var userRange: UInt64 = 0
    /// Records that did not fit in their event's storage.
    package var truncated: UInt64 = 0
    /// Events closed because the assembler was full.
    package var evicted: UInt64 = 0
    /// Events closed because their end did not come in time.
    package var timedOut: UInt64 = 0
    /// Events delivered (or seen by their end only) of which records are missing.
    package var incomplete: UInt64 = 0
    /// Records whose serial is below one that came before: events of two CPUs crossed.
    package var unordered: UInt64 = 0

    package init() {}
}
