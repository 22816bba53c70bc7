package import EventModel

/// How often rules may act: an attacker who can trigger alerts is not to have the agent stop a host's containers. A state
/// machine without a clock; times are CLOCK_MONOTONIC nanoseconds that never go back.
///
/// What a person asks for is not limited, and is not counted.
package struct ActionLimiter: Sendable {
    package enum Limit: Equatable, Sendable, CustomStringConvertible {
        /// Three actions in the last minute.
        case rate
        /// The same action on the same container less than ten minutes ago.
        case repeated
        /// Too many requests or failures: closed again at `until`.
        case breaker(until: UInt64)

        package var description: String {
            switch self {
            case .rate: "rules have acted three times in the last minute; isolate it by hand if it must be now"
            case .repeated: "a rule has done this to this container less than ten minutes ago"
            case .breaker:
                "rules act no more for up to 15 minutes, after too many requests or failures; isolate it by hand"
            }
        }
    }

    private static let second: UInt64 = 1_000_000_000
    package static let rateWindow = 60 * second
    package static let rateLimit = 3
    package static let repeatWindow = 600 * second
    package static let requestWindow = 300 * second
    package static let requestLimit = 10
    package static let failureLimit = 3
    package static let breakerTime = 900 * second

    private struct Target: Hashable {
        var container: ContainerID
        var action: ResponseAction
    }

    /// At most `rateLimit` and `requestLimit` long.
    private var actions: [UInt64] = []
    private var requests: [UInt64] = []
    /// At most as many as actions fit into `repeatWindow`.
    private var last: [Target: UInt64] = [:]
    private var failures = 0
    private var openUntil: UInt64?

    package init() {}

    package func isOpen(now: UInt64) -> Bool { openUntil.map { now < $0 } ?? false }

    /// Nil: it may act now, and counts as having done so.
    package mutating func request(_ action: ResponseAction, on container: ContainerID, now: UInt64) -> Limit? {
        if let until = openUntil {
            if now < until { return .breaker(until: until) }
            self = ActionLimiter()
        }
        requests.removeAll { now &- $0 >= Self.requestWindow }
        requests.append(now)
        if requests.count > Self.requestLimit { return open(now) }
        actions.removeAll { now &- $0 >= Self.rateWindow }
        last = last.filter { now &- $0.value < Self.repeatWindow }
        let target = Target(container: container, action: action)
        if last[target] != nil { return .repeated }
        if actions.count >= Self.rateLimit { return .rate }
        actions.append(now)
        last[target] = now
        return nil
    }

    /// How an action that was allowed ended. A refusal is neither.
    package mutating func finish(isSuccess: Bool, now: UInt64) {
        failures = isSuccess ? 0 : failures + 1
        if failures >= Self.failureLimit { _ = open(now) }
    }

    private mutating func open(_ now: UInt64) -> Limit {
        let (until, overflow) = now.addingReportingOverflow(Self.breakerTime)
        self = ActionLimiter()
        openUntil = overflow ? .max : until
        return .breaker(until: openUntil ?? .max)
    }
}
