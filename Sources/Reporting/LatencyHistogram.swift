private import Synchronization

/// Durations in the buckets of a family. Counted on a thread that must not wait or allocate, read on another.
package final class LatencyHistogram: Sendable {
    private static let capacity = 16
    /// Nanoseconds, ascending.
    private let bounds: [UInt64]
    private let counts: InlineArray<16, Counter>
    private let sum = Counter()

    private struct Counter: ~Copyable, Sendable { let value = Atomic<UInt64>(0) }

    package init(_ family: MetricFamily) {
        bounds = family.bounds.prefix(Self.capacity - 1).map { UInt64($0 * 1e9) }
        counts = InlineArray { _ in Counter() }
    }

    package func observe(nanoseconds: UInt64) {
        var bucket = 0
        while bucket < bounds.count, nanoseconds > bounds[bucket] { bucket += 1 }
        counts[bucket].value.wrappingAdd(1, ordering: .relaxed)
        sum.value.wrappingAdd(nanoseconds, ordering: .relaxed)
    }

    package var value: MetricsSnapshot.Histogram {
        MetricsSnapshot.Histogram(
            counts: (0...bounds.count).map { counts[$0].value.load(ordering: .relaxed) },
            sum: Double(sum.value.load(ordering: .relaxed)) / 1e9)
    }
}
