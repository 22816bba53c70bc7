import Reporting

/// A snapshot with a sample of every family of the catalogue, and text in its labels that has to be escaped.
enum MetricsSamples {
    static let time: UInt64 = 1_748_557_198_960_000_000

    static func everyFamily() -> MetricsSnapshot {
        var snapshot = MetricsSnapshot(time: time)
        for family in MetricFamily.allCases {
            // A value that stays when another family comes before it.
            let value = Double(family.rawValue.utf8.count)
            switch family {
            case .ready, .snapshotTime, .samplesLeftOut:
                break
            case .buildInfo:
                snapshot.add(.buildInfo, "0.1.0", "6.1.0-13-amd64", value: 1)
            case .sourceEventsReceived:
                snapshot.add(.sourceEventsReceived, "audit", count: 12_345_678_901)
                snapshot.add(.sourceEventsReceived, "connector", count: 0)
            case .sourceEventsLost:
                snapshot.add(.sourceEventsLost, "audit", "socket_drops", count: 3)
                snapshot.add(.sourceEventsLost, "fanotify", "open_error_ESRCH", count: 1)
            case .alerts:
                snapshot.add(.alerts, "Read of /proc/1/environ in Container", "Notice", count: 2)
                snapshot.add(.alerts, "a \"quoted\" back\\slash\nof two lines\u{1b}[31m", "Critical", count: 0)
            case .processCPU:
                snapshot.add(.processCPU, value: 0.0625)
            default:
                if family.kind == .histogram {
                    let counts = (0...family.bounds.count).map(UInt64.init)
                    snapshot.add(family, MetricsSnapshot.Histogram(counts: counts, sum: 12.5))
                } else {
                    switch family.labels.count {
                    case 0: snapshot.add(family, value: value)
                    case 1: snapshot.add(family, "one", value: value)
                    default: snapshot.add(family, "one", "two", value: value)
                    }
                }
            }
        }
        return snapshot
    }
}
