/// All figures of the sensor at one moment: what it sends to the deliverer each second, and what the page is made from.
/// The sensor keeps the counters, so that they outlive a deliverer.
package struct MetricsSnapshot: Equatable, Sendable {
    package struct Sample: Equatable, Sendable {
        package var family: MetricFamily
        /// One for each of the family's labels.
        package var labels: [String]
        package var value: Value

        package init(_ family: MetricFamily, _ value: Value, labels: [String] = []) {
            self.family = family
            self.labels = labels
            self.value = value
        }
    }

    package enum Value: Equatable, Sendable {
        case number(Double)
        case histogram(Histogram)
    }

    package struct Histogram: Equatable, Sendable {
        /// Observations in each bucket alone (not those below it as well); one more than the family has bounds.
        package var counts: [UInt64]
        /// Of what was observed, seconds.
        package var sum: Double

        package init(counts: [UInt64], sum: Double) {
            self.counts = counts
            self.sum = sum
        }
    }

    /// Nanoseconds since the epoch.
    package var time: UInt64
    /// Why the sensor is not ready, a line each, for people; empty when it is.
    package var obstacles: [String]
    package private(set) var samples: [Sample] = []
    /// Samples that the encoding had no room for.
    package internal(set) var leftOut: UInt32 = 0

    package init(time: UInt64, obstacles: [String] = []) {
        self.time = time
        self.obstacles = obstacles
    }

    package var isReady: Bool { obstacles.isEmpty }

    /// - Parameter labels: one for each of the family's; a sample with more or fewer is left out.
    package mutating func add(_ family: MetricFamily, _ labels: String..., value: Double) {
        append(Sample(family, .number(value), labels: labels))
    }

    package mutating func add(_ family: MetricFamily, _ labels: String..., count: UInt64) {
        append(Sample(family, .number(Double(count)), labels: labels))
    }

    package mutating func add(_ family: MetricFamily, _ histogram: Histogram) {
        append(Sample(family, .histogram(histogram)))
    }

    /// What does not have its family's shape is none of its samples.
    mutating func append(_ sample: Sample) {
        guard sample.labels.count == sample.family.labels.count else { return }
        switch sample.value {
        case .number: guard sample.family.kind != .histogram else { return }
        case .histogram(let histogram):
            guard sample.family.kind == .histogram, histogram.counts.count == sample.family.bounds.count + 1 else {
                return
            }
        }
        samples.append(sample)
    }
}
