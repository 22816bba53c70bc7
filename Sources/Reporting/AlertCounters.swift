package import EventModel
private import Synchronization

/// Alerts by rule and priority, those rules included that had none yet: a counter that appears with its first alert shows
/// no increase from nothing to one.
package final class AlertCounters: Sendable {
    private struct Key: Hashable {
        var rule: String
        var priority: Priority
    }

    private let counts: Mutex<[Key: UInt64]>

    package init(rules: [(name: String, priority: Priority)]) {
        counts = Mutex([:])
        add(rules)
    }

    /// Rules that were loaded later: each is there from now on, also without an alert.
    package func add(_ rules: [(name: String, priority: Priority)]) {
        counts.withLock { counts in
            for rule in rules { counts[Key(rule: rule.name, priority: rule.priority), default: 0] += 0 }
        }
    }

    package func count(_ alert: Alert) {
        counts.withLock { $0[Key(rule: alert.rule, priority: alert.priority), default: 0] += 1 }
    }

    /// Adds `nodeagent_alerts_total`. The rules with alerts come first: were there no room for all, the others would be
    /// missed less.
    package func add(to snapshot: inout MetricsSnapshot) {
        let sorted = counts.withLock { Array($0) }.sorted { left, right in
            if (left.value == 0) != (right.value == 0) { return right.value == 0 }
            return (left.key.rule, left.key.priority.rawValue) < (right.key.rule, right.key.priority.rawValue)
        }
        for (key, count) in sorted { snapshot.add(.alerts, key.rule, key.priority.name, count: count) }
    }
}
