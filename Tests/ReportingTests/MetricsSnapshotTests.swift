import Reporting
import Testing

@Suite struct MetricsSnapshotTests {
    private func frame(_ snapshot: MetricsSnapshot, limit: Int = 1 << 17) -> [UInt8] { snapshot.bytes(limit: limit) }

    @Test func comesBackAsItWas() {
        var snapshot = MetricsSamples.everyFamily()
        snapshot.obstacles = ["audit: off", "b\nc ä"]
        snapshot.add(.auditBacklog, value: .infinity)
        snapshot.add(.auditBacklogLimit, value: -0.1)
        let decoded = MetricsSnapshot(frame(snapshot))
        #expect(decoded == snapshot)
        #expect(decoded?.isReady == false)
        let empty = MetricsSnapshot(time: .max)
        #expect(MetricsSnapshot(frame(empty)) == empty)
    }

    /// The sensor's real frame is a few KiB.
    @Test func isSmall() { #expect(frame(MetricsSamples.everyFamily()).count < 4096) }

    @Test func isNoneWhenCutAnywhere() {
        let bytes = frame(MetricsSamples.everyFamily())
        // A run of samples is whole or none: what ends between two runs is a shorter snapshot.
        var whole = 0
        for length in 0..<bytes.count where MetricsSnapshot(bytes[..<length]) != nil { whole += 1 }
        #expect(whole < MetricFamily.allCases.count)
        let reasons = frame(MetricsSnapshot(time: 0, obstacles: ["one", "two"]))
        for length in 0..<reasons.count { #expect(MetricsSnapshot(reasons[..<length]) == nil) }
    }

    @Test func isNoneOfAnotherVersionOrWithAFamilyThatIsNotKnown() throws {
        var bytes = frame(MetricsSamples.everyFamily())
        bytes[0] = 2
        #expect(MetricsSnapshot(bytes) == nil)
        bytes[0] = 1
        let name = Array("nodeagent_build_info".utf8)
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: name) })
        bytes[place] = UInt8(ascii: "m")
        #expect(MetricsSnapshot(bytes) == nil)
        #expect(MetricsSnapshot([UInt8]()) == nil)
    }

    /// Never a trap, whatever comes: random bytes, and a good frame with a byte changed.
    @Test func outlivesGarbage() {
        var random = SystemRandomNumberGenerator()
        for length in 0..<2000 {
            let bytes = [1] + (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            if let snapshot = MetricsSnapshot(bytes) { _ = MetricsPage.text(snapshot) }
        }
        let good = frame(MetricsSamples.everyFamily())
        for index in good.indices {
            for value in [0, 1, 0x7f, 0x80, 0xff] as [UInt8] {
                var bytes = good
                bytes[index] = value
                if let snapshot = MetricsSnapshot(bytes) { _ = MetricsPage.text(snapshot) }
            }
        }
    }

    /// What has no room is counted; what was added first stays.
    @Test func keepsToItsLimit() throws {
        var snapshot = MetricsSnapshot(time: 1)
        snapshot.add(.auditBacklog, value: 5)
        for number in 0..<5000 { snapshot.add(.alerts, "A rule with a name, number \(number)", "Notice", count: 0) }
        for limit in [20, 100, 1000, 65536] {
            let bytes = frame(snapshot, limit: limit)
            #expect(bytes.count <= limit)
            let decoded = try #require(MetricsSnapshot(bytes))
            #expect(decoded.samples.count + Int(decoded.leftOut) == 5001)
            #expect(decoded.samples == Array(snapshot.samples.prefix(decoded.samples.count)))
        }
        #expect(MetricsSnapshot(frame(snapshot, limit: 1 << 20)) == snapshot)
    }

    @Test func takesNoSampleOfAnotherShape() {
        var snapshot = MetricsSnapshot(time: 0)
        snapshot.add(.alerts, "only a rule", count: 1)
        snapshot.add(.auditBacklog, "a label too many", value: 1)
        snapshot.add(.eventToAlert, value: 1)
        snapshot.add(.auditBacklog, MetricsSnapshot.Histogram(counts: [1], sum: 1))
        snapshot.add(.eventToAlert, MetricsSnapshot.Histogram(counts: [1], sum: 1))
        #expect(snapshot.samples.isEmpty)
    }

    /// A rule's name of a megabyte is cut, not its frame lost.
    @Test func cutsLongText() throws {
        var snapshot = MetricsSnapshot(time: 0, obstacles: [String(repeating: "ä", count: 100_000)])
        snapshot.add(.alerts, String(repeating: "€", count: 100_000), "Notice", count: 3)
        let decoded = try #require(MetricsSnapshot(frame(snapshot)))
        #expect(decoded.samples.first?.labels.first?.utf8.count ?? 0 <= 1030)
        #expect(decoded.obstacles.first?.utf8.count ?? 0 <= 260)
    }

    @Test func isAKindOfFrame() {
        let frame = DeliveryFrame(kind: .metrics, payload: MetricsSamples.everyFamily().bytes(limit: 1 << 17))
        #expect(DeliveryFrame(frame.bytes) == frame)
        #expect(frame.bytes.prefix(3) == [1, 3, 1])
    }
}
