package import EventModel

/// How often rules may act: an attacker who can trigger alerts is not to have the agent stop a host's containers. A state
/// machine without a clock; times are CLOCK_MONOTONIC nanoseconds that never go back.
///
/// It is asked last, when nothing else speaks against the action, and charged right before the action is done. So no one
/// container can use up what the others' have: what is refused for another reason is not counted, the same action on the same
/// container counts once, however often it is asked for, and failures count by container.
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

    /// At most `rateLimit` long.
    private var actions: [UInt64] = []
    /// When each was first asked for; at most `requestLimit`.
    private var requests: [Target: UInt64] = [:]
    /// At most as many as actions fit into `repeatWindow`.
    private var last: [Target: UInt64] = [:]
    /// Containers whose last action failed, since the last that went well; less than `failureLimit`.
    private var failures: Set<ContainerID> = []
    private var openUntil: UInt64?

    package init() {}

    package func isOpen(now: UInt64) -> Bool { openUntil.map { now < $0 } ?? false }

    /// What holds whatever an examination would find: asked before it, since it takes time. Counts nothing.
    package func standing(_ action: ResponseAction, on container: ContainerID, now: UInt64) -> Limit? {
        if let openUntil {
            return now < openUntil ? .breaker(until: openUntil) : nil
        }
        guard let before = last[Target(container: container, action: action)] else { return nil }
        return now &- before < Self.repeatWindow ? .repeated : nil
    }

    /// Nil: it may act now. Nothing is used up by asking, but that an action on another container than before counts towards
    /// the breaker.
    package mutating func request(_ action: ResponseAction, on container: ContainerID, now: UInt64) -> Limit? {
        if let limit = standing(action, on: container, now: now) { return limit }
        if openUntil != nil { self = ActionLimiter() }
        let target = Target(container: container, action: action)
        requests = requests.filter { now &- $0.value < Self.requestWindow }
        if requests[target] == nil {
            requests[target] = now
            if requests.count > Self.requestLimit { return open(now) }
        }
        actions.removeAll { now &- $0 >= Self.rateWindow }
        return actions.count >= Self.rateLimit ? .rate : nil
    }

    /// What was allowed is about to be done.
    package mutating func charge(_ action: ResponseAction, on container: ContainerID, now: UInt64) {
        actions.append(now)
        last = last.filter { now &- $0.value < Self.repeatWindow }
        last[Target(container: container, action: action)] = now
    }

    /// How an action that was allowed ended. A refusal is neither.
    package mutating func finish(_ container: ContainerID, isSuccess: Bool, now: UInt64) {
        guard !isSuccess else {
            failures = []
            return
        }
        failures.insert(container)
        if failures.count >= Self.failureLimit { _ = open(now) }
    }

    private mutating func open(_ now: UInt64) -> Limit {
        let (until, overflow) = now.addingReportingOverflow(Self.breakerTime)
        self = ActionLimiter()
        openUntil = overflow ? .max : until
        return .breaker(until: openUntil ?? .max)
    }
}
