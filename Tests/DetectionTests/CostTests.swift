import Detection
import EventModel
import Glibc
import Testing

/// What an event costs that matches nothing.
@Suite(.serialized) struct CostTests {
    private static func events() -> [KernelEvent] {
        var mount = Samples.event(.mount, name: "/var/lib/somewhere/quite/deep", result: 0)
        mount.object = Samples.object(mode: 0o040755)
        let open = Samples.open("/proc/2/environ/with/a/long/name")
        let write = Samples.event(.write, source: .fanotify, name: "/sys/kernel/another_file_below", result: nil)
        return [mount, open, write, Samples.event(.execve, name: "/bin/true")]
    }

    @Test func candidatesAllocateNothing() throws {
        let rules = try RuleSet(files: [("escape.yaml", TestFiles.ofRepository("config/rules/escape.yaml"))])
        var candidates: [Int] = []
        candidates.reserveCapacity(8)
        // The counter counts, or a zero below would say nothing.
        if let before = MallocCount.ofThisThread() {
            let copies = (0..<100).map { Array(repeating: UInt8(truncatingIfNeeded: $0), count: 100) }
            #expect(copies.count == 100 && (MallocCount.ofThisThread() ?? 0) >= before + 100)
        }
        for event in Self.events() {
            rules.candidates(for: event, into: &candidates)
            #expect(candidates.isEmpty)
            var fastest = Duration.seconds(1)
            let before = MallocCount.ofThisThread()
            for _ in 0..<20 {
                let took = ContinuousClock().measure {
                    for _ in 0..<5_000 { rules.candidates(for: event, into: &candidates) }
                }
                fastest = min(fastest, took)
            }
            let calls = MallocCount.ofThisThread().flatMap { after in before.map { after - $0 } }
            let told = calls.map(String.init) ?? "uncounted"
            print("candidates(\(event.type.name)): \(fastest / 5_000) an event, mallocs in 100,000: \(told)")
            // The clock and the loop may take a handful, an event none.
            #expect((calls ?? 0) < 100)
        }
    }
}

/// Calls of malloc by this thread, when a library is preloaded that counts them in `nodeagent_malloc_count`; else nil, and
/// only the time is told.
private enum MallocCount {
    private typealias Count = @convention(c) () -> UInt

    static func ofThisThread() -> UInt? {
        guard let symbol = unsafe dlsym(nil, "nodeagent_malloc_count") else { return nil }
        return unsafe unsafeBitCast(symbol, to: Count.self)()
    }
}
