package import EventModel
private import Metrics

/// Counts alerts by rule and priority for whatever metrics backend the process has.
package enum AlertCounters {
    /// `nodeagent_alerts_total{rule, priority}`. A rule's name comes from a rule file, never from a container.
    package static func count(_ alert: Alert) {
        Counter(
            label: "nodeagent_alerts_total",
            dimensions: [("rule", alert.rule), ("priority", alert.priority.name)]
        ).increment()
    }
}
