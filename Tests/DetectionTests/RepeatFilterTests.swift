import Detection
import EventModel
import Testing

/// A filter in an object: what `#expect` calls may not change a value.
private final class Filter {
    private var filter: RepeatFilter
    init(_ filter: RepeatFilter) { self.filter = filter }

    var suppressed: UInt64 { filter.suppressed }
    func keep(_ alert: Alert) { filter.keep(alert) }
    func takeCounts(at time: UInt64?) -> [RepeatFilter.Count] { filter.takeCounts(at: time) }
    func admit(rule: String, event: KernelEvent, attribution: Attribution) -> Bool {
        filter.admit(rule: rule, event: event, attribution: attribution)
    }
}

@Suite struct RepeatFilterTests {
    private let alert = Alert(
        time: 10_000, rule: "A", priority: .notice, source: "syscall", output: "x",
        fields: [("evt.time", .number(10_000))], tags: [])

    private func open(
        _ name: String = "/x", at time: UInt64, by executable: String = "/usr/bin/cat", source: EventSource = .audit
    ) -> KernelEvent {
        var event = Samples.open(name)
        event.time = time
        event.source = source
        event.executable = event.append(executable)
        return event
    }

    /// Who did it, known by its container alone: the executable is the record's.
    private func inside(pid: Int32 = 1) -> Attribution {
        let process = ProcessRecord(key: ProcessKey(pid: pid, startTime: 1), parentPID: 0)
        return Attribution(process: process, container: Samples.container(), certainty: .certain)
    }

    @Test func countsWhatFollowsInAWindow() throws {
        let filter = Filter(RepeatFilter(window: 1_000, delay: 500))
        #expect(filter.admit(rule: "A", event: open(at: 10_000), attribution: inside()))
        filter.keep(alert)
        // Another process of the same executable; and one that an other source stamped earlier.
        #expect(!filter.admit(rule: "A", event: open(at: 10_999), attribution: inside(pid: 2)))
        #expect(!filter.admit(rule: "A", event: open(at: 9_001), attribution: inside(pid: 3)))
        #expect(filter.suppressed == 2)
        #expect(filter.takeCounts(at: 11_499).isEmpty)
        let counts = filter.takeCounts(at: 11_500)
        let count = try #require(counts.first)
        #expect(counts.count == 1 && count.container == Samples.container()?.id)
        #expect(count.alert.repeats == 2 && count.alert.time == 10_999)
        #expect(count.alert.fields.first?.value == .number(10_999))
        #expect(filter.takeCounts(at: nil).isEmpty)
        #expect(filter.admit(rule: "A", event: open(at: 11_600), attribution: inside()))
    }

    @Test func isAnotherActByRuleContainerExecutableAndObject() {
        let filter = Filter(RepeatFilter())
        #expect(filter.admit(rule: "A", event: open(at: 5), attribution: inside()))
        #expect(filter.admit(rule: "B", event: open(at: 5), attribution: inside()))
        #expect(filter.admit(rule: "A", event: open(at: 5), attribution: Attribution(certainty: .unknown)))
        #expect(filter.admit(rule: "A", event: open(at: 5, by: "/bin/dd"), attribution: inside()))
        #expect(filter.admit(rule: "A", event: open("/y", at: 5), attribution: inside()))
        #expect(!filter.admit(rule: "A", event: open(at: 6), attribution: inside()))
        // The same device under two names is one object.
        var device = Samples.open("/dev/a")
        device.object = Samples.disk
        #expect(filter.admit(rule: "C", event: device, attribution: inside()))
        var mount = Samples.event(.mount, name: "/dev/b")
        mount.object = Samples.disk
        #expect(!filter.admit(rule: "C", event: mount, attribution: inside()))
        // What is about no object is about its process.
        let left = Samples.event(.cgroupLeave, source: .inventory)
        #expect(filter.admit(rule: "D", event: left, attribution: inside(pid: 1)))
        #expect(filter.admit(rule: "D", event: left, attribution: inside(pid: 2)))
        #expect(!filter.admit(rule: "D", event: left, attribution: inside(pid: 1)))
    }

    @Test func takesTheWordOfTwoSourcesForOneAct() {
        let filter = Filter(RepeatFilter())
        #expect(filter.admit(rule: "A", event: open(at: 5), attribution: inside()))
        filter.keep(alert)
        #expect(!filter.admit(rule: "A", event: open(at: 6, source: .fanotify), attribution: inside()))
        #expect(filter.takeCounts(at: nil).isEmpty)
        #expect(filter.admit(rule: "A", event: open(at: 7), attribution: inside()))
        filter.keep(alert)
        for _ in 0..<3 { _ = filter.admit(rule: "A", event: open(at: 8, source: .fanotify), attribution: inside()) }
        #expect(!filter.admit(rule: "A", event: open(at: 8), attribution: inside()))
        #expect(filter.takeCounts(at: nil).map(\.alert.repeats) == [2])
    }

    @Test func isBoundedAndDropsNoCount() {
        let filter = Filter(RepeatFilter(capacity: 2))
        for rule in ["A", "B"] {
            #expect(filter.admit(rule: rule, event: open(at: 5), attribution: inside()))
            filter.keep(alert)
            #expect(!filter.admit(rule: rule, event: open(at: 5), attribution: inside()))
        }
        // A third act drives out the oldest, whose count is told at once.
        #expect(filter.admit(rule: "C", event: open(at: 5), attribution: inside()))
        #expect(filter.takeCounts(at: 5).map(\.alert.repeats) == [1])
        #expect(filter.admit(rule: "A", event: open(at: 5), attribution: inside()))
        #expect(filter.takeCounts(at: 5).map(\.alert.repeats) == [1])
        #expect(filter.takeCounts(at: nil).isEmpty)
    }

    @Test func tellsTheCountWhenTheNextWindowBegins() {
        let filter = Filter(RepeatFilter(window: 1_000))
        #expect(filter.admit(rule: "A", event: open(at: 10_000), attribution: inside()))
        filter.keep(alert)
        #expect(!filter.admit(rule: "A", event: open(at: 10_500), attribution: inside()))
        #expect(filter.admit(rule: "A", event: open(at: 11_000), attribution: inside()))
        filter.keep(alert)
        #expect(filter.takeCounts(at: 11_000).map(\.alert.repeats) == [1])
        #expect(!filter.admit(rule: "A", event: open(at: 11_001), attribution: inside()))
        #expect(filter.takeCounts(at: nil).map(\.alert.repeats) == [1])
    }
}
