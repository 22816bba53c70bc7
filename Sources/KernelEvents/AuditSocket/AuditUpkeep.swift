/// Decides, from one look at audit to the next, what others have changed there and what is to be done about it.
package struct AuditUpkeep: Sendable {
    package struct Look: Sendable {
        package var status: AuditStatus
        package var mode: AuditMode
        /// The process that asked for the audit daemon's place since the last look.
        package var wantsSeat: Int32?
        /// CLOCK_MONOTONIC nanoseconds.
        package var time: UInt64

        package init(status: AuditStatus, mode: AuditMode, wantsSeat: Int32? = nil, time: UInt64) {
            self.status = status
            self.mode = mode
            self.wantsSeat = wantsSeat
            self.time = time
        }
    }

    package enum Change: Equatable, Sendable {
        /// `auditctl -e 0`: no rule makes records any more.
        case switchedOff
        case switchedOn
        /// `auditctl -e 2`: nothing can be changed until reboot.
        case locked
        /// Another process asks for the audit daemon's place; the kernel has refused it for our sake.
        case seatWanted(by: Int32)
        /// We are the audit daemon no more, and did not give it up: the kernel gave the place to another (0: to nobody,
        /// as it does after records that it could not deliver).
        case seatLost(to: UInt32)
        /// No audit daemon runs for a while now, and the place is ours to take.
        case seatFree
    }

    private let pid: Int32
    private let preference: AuditSession.Preference
    private var enabled: UInt32
    private var freeSince: UInt64?

    /// How long the place must be free: a daemon that is restarted comes back sooner.
    private static let freeFor: UInt64 = 5_000_000_000

    /// - Parameter enabled: as it stands after our own changes.
    package init(preference: AuditSession.Preference, pid: Int32, enabled: UInt32) {
        self.preference = preference
        self.pid = pid
        self.enabled = enabled
    }

    package mutating func add(_ look: Look) -> [Change] {
        var changes: [Change] = []
        if look.status.enabled != enabled {
            switch look.status.enabled {
            case 0: changes.append(.switchedOff)
            case 2: changes.append(.locked)
            default: changes.append(.switchedOn)
            }
            enabled = look.status.enabled
        }
        switch look.mode {
        case .unicast:
            freeSince = nil
            if look.status.daemon != UInt32(bitPattern: pid) {
                changes.append(.seatLost(to: look.status.daemon))
            } else if let process = look.wantsSeat {
                changes.append(.seatWanted(by: process))
            }
        case .multicast:
            guard preference == .auto, enabled != 2, look.status.daemon == 0 else {
                freeSince = nil
                break
            }
            let since = freeSince ?? look.time
            freeSince = since
            if look.time >= since + Self.freeFor {
                freeSince = nil
                changes.append(.seatFree)
            }
        }
        return changes
    }

    /// What we set ourselves is no change by others.
    package mutating func settled(enabled: UInt32) { self.enabled = enabled }
}
