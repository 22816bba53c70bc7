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
        measure(rules, "shipped", expectsNone: true)
    }

    /// Falco's 56 rules beside the shipped ones: many more candidates, no more allocations.
    @Test(.enabled("the shared test data is not here") { TestFiles.shared("falco-rules/falco_rules.yaml") != nil })
    func upstreamCandidatesAllocateNothing() throws {
        var files = try ["falco_rules.yaml", "falco-incubating_rules.yaml"].map {
            (name: $0, text: try #require(TestFiles.shared("falco-rules/\($0)")))
        }
        files.append(("escape.yaml", try TestFiles.ofRepository("config/rules/escape.yaml")))
        measure(try RuleSet(files: files), "shipped and Falco's", expectsNone: false)
    }

    private func measure(_ rules: RuleSet, _ name: String, expectsNone: Bool) {
        var candidates: [Int] = []
        candidates.reserveCapacity(128)
        // The counter counts, or a zero below would say nothing.
        if let before = MallocCount.ofThisThread() {
            let copies = (0..<100).map { Array(repeating: UInt8(truncatingIfNeeded: $0), count: 100) }
            #expect(copies.count == 100 && (MallocCount.ofThisThread() ?? 0) >= before + 100)
        }
        for event in Self.events() {
            rules.candidates(for: event, into: &candidates)
            #expect(!expectsNone || candidates.isEmpty)
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
            print("candidates(\(name), \(event.type.name)): \(fastest / 5_000) an event, mallocs in 100,000: \(told)")
            // The clock and the loop may take a handful, an event none.
            #expect((calls ?? 0) < 100)
        }
    }
}

extension CostTests {
    /// Conditions that ask for everything that has to be made of an event.
    private static let asked = [
        "proc.cmdline = x", "proc.args contains xyz", "proc.pcmdline in (a, b)", "proc.aname in (a, b)",
        "proc.acmdline[1] startswith xx", "container.image.repository in (docker.io/library/x, y)",
        "container.image.tag = x", "container.id = host", "evt.arg.flags contains O_PATH", "file.device = 9:9",
        "tolower(proc.cmdline) = X", "concat(proc.name, fd.name) endswith zz", "fd.name regex '(a*)*b'",
        "fd.name startswith anyof (/a/b, /b/c)", "fd.name pmatch (/a/b, /c)", "len(proc.cmdline) > 1000",
        "join(\",\", (proc.name, proc.pname)) = x", "getopt(proc.args, \"ab:\")[b] = zz", "fd.name = val(proc.name)",
        "user.name = x", "proc.exeline = x", "basename(fd.name) = x", "toupper(fd.name) = x", "evt.res = ENOENT",
        "container.privileged.reasons = x", "file.type = block", "b64(fd.filename) = x",
    ]

    /// The second phase: what does not match allocates nothing there either.
    @Test(arguments: asked) func matchesAllocateNothing(condition: String) throws {
        let rules = try Samples.ruleSet("evt.type = openat and \(condition)")
        var event = Samples.open("/etc/somewhere/below/a/directory", flags: 0o2000101)
        event.object = Samples.object(mode: 0o100644)
        let container = Samples.container(image: "docker.io/library/an-image-of-some-length:and-a-long-tag")
        let who = Samples.inside(container, commandLine: ["cat", "-b", "something-long-enough-for-the-heap", "/x/y"])
        var matched = rules.matches(for: event, attribution: who, candidates: [0]).count
        let candidates = [0]
        let before = MallocCount.ofThisThread()
        for _ in 0..<1_000 { matched += rules.matches(for: event, attribution: who, candidates: candidates).count }
        let calls = MallocCount.ofThisThread().flatMap { after in before.map { after - $0 } }
        #expect(matched == 0)
        #expect((calls ?? 0) < 100, "\(condition): mallocs in 1,000")
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
