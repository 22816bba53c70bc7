import EventModel
import Foundation
import Reporting
import Testing

@Suite struct MetricsPageTests {
    private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/metrics.prom")

    private func lines(_ snapshot: MetricsSnapshot) -> [Substring] {
        String(decoding: MetricsPage.text(snapshot), as: UTF8.self).split(separator: "\n")
    }

    /// The whole page: what dashboards and alerting rules are written against. After a wanted change,
    /// `UPDATE_GOLDEN=1 swift test … --filter MetricsPageTests` writes it anew; look at the difference.
    @Test func isTheGoldenPage() throws {
        let page = Data(MetricsPage.text(MetricsSamples.everyFamily()))
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil { try page.write(to: Self.golden) }
        let expected = String(decoding: try Data(contentsOf: Self.golden), as: UTF8.self).split(separator: "\n")
        let found = String(decoding: page, as: UTF8.self).split(separator: "\n")
        for (index, line) in expected.enumerated() where index < found.count { #expect(found[index] == line) }
        #expect(found.count == expected.count)
    }

    @Test func namesAreOfPrometheusAndOnceThere() {
        for family in MetricFamily.allCases {
            #expect(family.rawValue.wholeMatch(of: /(nodeagent|process)_[a-z_]+/) != nil)
            #expect(!family.help.isEmpty && !family.help.contains("\n"))
            #expect((family.kind == .counter) == family.rawValue.hasSuffix("_total"))
            #expect(family.bounds == family.bounds.sorted())
            for label in family.labels { #expect(label.wholeMatch(of: /[a-z_]+/) != nil && label != "le") }
            #expect(!family.labels.contains { $0.contains("container") || $0 == "id" })
        }
    }

    /// A label cannot end its own quotes, its line, or write to a terminal.
    @Test(arguments: [
        ("a\"} 1\nnodeagent_ready 5", #"a\"} 1\nnodeagent_ready 5"#), ("\\\"", #"\\\""#),
        ("\r\u{1b}[2J", "\u{fffd}\u{fffd}[2J"),
        ("ä€😀", "ä€😀"), ("\u{85}", "\u{fffd}"), ("a\u{301}\n\u{301}", "a\u{301}\\n\u{301}"), ("", ""),
    ]) func escapesLabels(_ value: String, _ expected: String) {
        var snapshot = MetricsSnapshot(time: 0)
        snapshot.add(.alerts, value, "Notice", count: 1)
        let alerts = lines(snapshot).filter { $0.hasPrefix("nodeagent_alerts_total") }
        #expect(alerts == ["nodeagent_alerts_total{rule=\"\(expected)\",priority=\"Notice\"} 1"])
    }

    @Test(arguments: [
        (0.0, "0"), (-0.0, "0"), (1e15, "1000000000000000"), (1e300, "1e+300"), (0.0025, "0.0025"), (-1.5, "-1.5"),
        (.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (9_007_199_254_740_992, "9007199254740992.0"),
    ]) func writesNumbers(_ value: Double, _ expected: String) {
        var snapshot = MetricsSnapshot(time: 0)
        snapshot.add(.auditBacklog, value: value)
        #expect(
            lines(snapshot).last { $0.hasPrefix("nodeagent_audit_backlog ") } == "nodeagent_audit_backlog \(expected)")
    }

    /// Buckets add up, also where a hostile frame makes them overflow.
    @Test func accumulatesBuckets() {
        var snapshot = MetricsSnapshot(time: 0)
        var counts = [UInt64](repeating: 0, count: 13)
        counts[0] = 2
        counts[3] = 1
        counts[12] = 4
        snapshot.add(.eventToAlert, MetricsSnapshot.Histogram(counts: counts, sum: 20.5))
        let text = lines(snapshot)
        #expect(text.contains("nodeagent_event_to_alert_seconds_bucket{le=\"0.001\"} 2"))
        #expect(text.contains("nodeagent_event_to_alert_seconds_bucket{le=\"0.01\"} 3"))
        #expect(text.contains("nodeagent_event_to_alert_seconds_bucket{le=\"5\"} 3"))
        #expect(text.contains("nodeagent_event_to_alert_seconds_bucket{le=\"+Inf\"} 7"))
        #expect(text.contains("nodeagent_event_to_alert_seconds_sum 20.5"))
        #expect(text.contains("nodeagent_event_to_alert_seconds_count 7"))
        counts[0] = .max
        snapshot = MetricsSnapshot(time: 0)
        snapshot.add(.eventToAlert, MetricsSnapshot.Histogram(counts: counts, sum: 0))
        #expect(lines(snapshot).contains("nodeagent_event_to_alert_seconds_count 4"))
    }

    /// Prometheus refuses a page with one series twice.
    @Test func tellsASeriesOnce() {
        var snapshot = MetricsSnapshot(time: 0)
        snapshot.add(.containers, "podman", value: 1)
        snapshot.add(.ready, value: 7)
        snapshot.add(.containers, "podman", value: 2)
        let text = lines(snapshot)
        #expect(text.filter { $0.hasPrefix("nodeagent_containers{") } == ["nodeagent_containers{runtime=\"podman\"} 1"])
        #expect(text.filter { $0.hasPrefix("nodeagent_ready ") } == ["nodeagent_ready 1"])
    }
}

@Suite struct LatencyHistogramTests {
    @Test func putsADurationInTheFirstBucketThatHoldsIt() {
        let histogram = LatencyHistogram(.eventToAlert)
        for nanoseconds: UInt64 in [0, 1_000_000, 1_000_001, 2_500_000, 5_000_000_000, 5_000_000_001, .max / 4] {
            histogram.observe(nanoseconds: nanoseconds)
        }
        #expect(histogram.value.counts == [2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2])
        #expect(histogram.value.sum > 10)
    }
}

@Suite struct AlertCountersTests {
    /// A counter that appears with its first alert shows no increase: each rule is there with 0.
    @Test func hasEachRuleFromTheStartAndThoseWithAlertsFirst() {
        let counters = AlertCounters(rules: [("A", .notice), ("B", .critical), ("C", .notice)])
        let alert = Alert(
            time: 0, rule: "C", priority: .notice, source: "syscall", output: "", fields: [], tags: [])
        counters.count(alert)
        counters.count(alert)
        var internalAlert = alert
        internalAlert.rule = "Audit records lost"
        internalAlert.priority = .warning
        counters.count(internalAlert)
        var snapshot = MetricsSnapshot(time: 0)
        counters.add(to: &snapshot)
        let rows = snapshot.samples.map { "\($0.labels.joined(separator: ",")) \($0.value)" }
        #expect(
            rows == [
                "Audit records lost,Warning number(1.0)", "C,Notice number(2.0)", "A,Notice number(0.0)",
                "B,Critical number(0.0)",
            ])
    }
}
