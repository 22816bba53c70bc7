/// A snapshot as Prometheus reads it: the text exposition format, version 0.0.4.
package enum MetricsPage {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Every family of the catalogue that has a sample, in the catalogue's order: `# HELP`, `# TYPE`, then its samples. Of
    /// two samples with the same labels the first stands: a scraper refuses a page that has both.
    package static func text(_ snapshot: MetricsSnapshot) -> [UInt8] {
        var samples: [MetricFamily: [MetricsSnapshot.Sample]] = [:]
        for sample in snapshot.samples { samples[sample.family, default: []].append(sample) }
        samples[.ready] = [MetricsSnapshot.Sample(.ready, .number(snapshot.isReady ? 1 : 0))]
        samples[.snapshotTime] = [MetricsSnapshot.Sample(.snapshotTime, .number(Double(snapshot.time) / 1e9))]
        samples[.samplesLeftOut] = [MetricsSnapshot.Sample(.samplesLeftOut, .number(Double(snapshot.leftOut)))]
        var page: [UInt8] = []
        for family in MetricFamily.allCases {
            guard let samples = samples[family] else { continue }
            page.append(contentsOf: "# HELP \(family.rawValue) \(escapedHelp(family.help))\n".utf8)
            page.append(contentsOf: "# TYPE \(family.rawValue) \(family.kind.rawValue)\n".utf8)
            let names = family.labels
            var seen: Set<[String]> = []
            for sample in samples where seen.insert(sample.labels).inserted {
                page.append(contentsOf: lines(sample, names).utf8)
            }
        }
        return page
    }

    private static func lines(_ sample: MetricsSnapshot.Sample, _ names: [String]) -> String {
        let labels = zip(names, sample.labels).map { name, value in "\(name)=\"\(escapedLabel(value))\"" }
        let name = sample.family.rawValue
        switch sample.value {
        case .number(let value):
            return labels.isEmpty
                ? "\(name) \(number(value))\n" : "\(name){\(labels.joined(separator: ","))} \(number(value))\n"
        case .histogram(let histogram):
            var text = ""
            var total: UInt64 = 0
            let bounds = sample.family.bounds.map(number) + ["+Inf"]
            for (bound, count) in zip(bounds, histogram.counts) {
                total = total &+ count
                text += "\(name)_bucket{le=\"\(bound)\"} \(total)\n"
            }
            return text + "\(name)_sum \(number(histogram.sum))\n\(name)_count \(total)\n"
        }
    }

    /// Whole numbers without a fraction; what is no number as Prometheus spells it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        // Beyond 2^53 a Double steps over whole numbers.
        if value == value.rounded(), abs(value) < 9_007_199_254_740_992 { return String(Int64(value)) }
        return "\(value)"
    }

    /// Backslash, quote and newline, as the format asks; and no other control character, for whoever prints the page.
    static func escapedLabel(_ text: String) -> String { escaped(text, quotes: true) }
    static func escapedHelp(_ text: String) -> String { escaped(text, quotes: false) }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            case "\u{0}"..<" ", "\u{7f}"..<"\u{a0}": escaped.unicodeScalars.append("\u{fffd}")
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
