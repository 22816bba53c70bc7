import ContainerInventory
import EventModel
import LinuxSystem
import Testing

/// A process that leaves its container's cgroup, and what looks like it. Cgroups are given as the lines of
/// `/proc/PID/cgroup`.
@Suite struct CgroupLeavingTests {
    let tree: TemporaryTree
    var inventory: Inventory
    let start: UInt64 = 1_000_000_000_000
    let home = "/docker/\(idA)"

    init() throws {
        tree = try TemporaryTree()
        inventory = Inventory(host: testHost, reader: ProcessReader(proc: ProcFilesystem(root: tree.path)))
        inventory.clockOffset = 1_700_000_000_000_000_000
    }

    private func inside(_ pid: Int32, parent: Int32 = 1, _ lines: String, inner: Int32 = 2) -> ProcessFacts {
        let memberships = CgroupMembership.parse(Array(lines.utf8))
        return ProcessFacts(
            key: ProcessKey(pid: pid, startTime: 1000), parentPID: parent, comm: "x", executable: busybox,
            executablePath: "/bin/busybox", cgroup: ContainerCgroup.classify(memberships),
            cgroupPath: ContainerCgroup.principalPath(memberships), memberships: memberships,
            mountNamespace: NamespaceID(4_026_532_177), pidNamespace: NamespaceID(4_026_532_180), namespacedPID: inner,
            uid: 0)
    }

    private func outside(_ pid: Int32, _ lines: String, executable: FileID = bash, _ words: String = "")
        -> ProcessFacts
    {
        var facts = inside(pid, lines, inner: 0)
        facts.executable = executable
        facts.executablePath = executable == runc ? "/usr/sbin/runc" : "/bin/bash"
        facts.commandLine = words.split(separator: " ").map(String.init)
        facts.mountNamespace = testHost.mountNamespace
        facts.pidNamespace = testHost.pidNamespace
        return facts
    }

    private func v1(_ path: String, freezer: String? = nil) -> String {
        "9:name=systemd:\(path)\n6:freezer:\(freezer ?? path)\n5:cpu,cpuacct:\(path)\n0::/\n"
    }

    private mutating func told() -> [String] {
        inventory.takeLeavings(now: start).map { "\($0.process.key.pid) \($0.container.short) \($0.cgroups)" }
    }

    // MARK: Attacks

    @Test mutating func toldOnceAndStillTheContainers() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, "0::\(home)\n", inner: 1)), now: start)
        inventory.apply(.fork(child: 31, parent: 30), now: start)
        #expect(told() == [])
        // By exec, and that is all that is needed: its child is outside as well and no other leaving.
        inventory.apply(.exec(pid: 31, facts: inside(31, parent: 30, "0::/\n")), now: start)
        let leaving = try #require(inventory.takeLeavings(now: start).first)
        #expect(leaving.container.rawValue == idA)
        #expect(leaving.cgroups == "unified=/")
        #expect(leaving.process.key.pid == 31 && leaving.process.executablePath == "/bin/busybox")
        #expect(leaving.found == start)
        let attribution = inventory.attribution(of: leaving)
        #expect(attribution.certainty == .certain)
        #expect(attribution.container?.id.rawValue == idA)
        #expect(attribution.process?.containerID?.rawValue == idA)
        #expect(attribution.ancestors.map(\.key.pid) == [30])
        inventory.apply(.fork(child: 32, parent: 31), now: start)
        inventory.apply(.exec(pid: 32, facts: inside(32, parent: 31, "0::/\n")), now: start)
        inventory.look([inside(31, parent: 30, "0::/user.slice\n")], now: start)
        inventory.look([inside(31, parent: 30, "0::\(home)\n")], now: start)
        inventory.look([inside(31, parent: 30, "0::/\n")], now: start)
        #expect(told() == [])
        #expect(inventory.followed.map(\.pid) == [30])
    }

    /// One hierarchy of v1 is enough: out of the freezer means out of reach.
    @Test mutating func oneHierarchyIsEnough() {
        inventory.apply(.exec(pid: 30, facts: inside(30, v1(home), inner: 1)), now: start)
        inventory.look([inside(30, v1(home, freezer: "/x y"))], now: start)
        #expect(told() == ["30 a1b2c3d4a1b2 freezer=/x y"])
        inventory.apply(.exec(pid: 40, facts: inside(40, v1(home), inner: 3)), now: start)
        inventory.look([inside(40, v1("/"))], now: start)
        #expect(told() == ["40 a1b2c3d4a1b2 systemd=/ freezer=/ cpu,cpuacct=/"])
    }

    @Test mutating func anotherContainersCgroup() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, "0::\(home)\n", inner: 1)), now: start)
        inventory.apply(.exec(pid: 40, facts: inside(40, "0::/docker/\(idB)\n", inner: 1)), now: start)
        inventory.apply(.fork(child: 31, parent: 30), now: start)
        inventory.look([inside(31, parent: 30, "0::/docker/\(idB)\n")], now: start)
        #expect(told() == ["31 a1b2c3d4a1b2 unified=/docker/\(idB)"])
    }

    /// The inner container's name for a cgroup is the outer one's word; out of the outer one is out.
    @Test mutating func outOfANestedContainer() {
        inventory.apply(.exec(pid: 30, facts: inside(30, "0::\(home)/docker/\(idB)\n", inner: 1)), now: start)
        inventory.look([inside(30, "0::/docker/\(idB)\n")], now: start)
        #expect(told() == ["30 0f1e2d3c0f1e unified=/docker/\(idB)"])
    }

    /// A cgroup with a free name, known by the runtime's exec, and one that a state file told of later.
    @Test mutating func outOfAFreeName() throws {
        let line = "runc --root /r run -b /b raw"
        inventory.apply(.exec(pid: 20, facts: outside(20, "0::/\n", executable: runc, line)), now: start)
        inventory.apply(.fork(child: 22, parent: 20), now: start)
        inventory.apply(.exec(pid: 22, facts: inside(22, parent: 20, "0::/raw\n", inner: 1)), now: start)
        inventory.look([inside(22, parent: 20, "0::/raw/sub\n")], now: start)
        #expect(told() == [])
        inventory.look([inside(22, parent: 20, "0::/raw2\n")], now: start)
        #expect(told() == ["22 raw unified=/raw2"])

        inventory.apply(.exec(pid: 40, facts: inside(40, "0::/web\n", inner: 9)), now: start)
        inventory.add(
            [ContainerDiscovery(id: try containerID("web"), runtime: .runc, cgroupPath: "/web", pid: 40)], now: start)
        #expect(inventory.followed.map(\.pid).contains(40))
        inventory.look([inside(40, "0::/web\n")], now: start)
        inventory.look([inside(40, "0::/\n")], now: start)
        #expect(told() == ["40 web unified=/"])
    }

    /// The shell that moved itself has executed nothing since; its child gives it away.
    @Test mutating func theParentIsLookedAt() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, "0::\(home)\n", inner: 1)), now: start)
        inventory.apply(.fork(child: 31, parent: 30), now: start)
        inventory.apply(.exec(pid: 31, facts: inside(31, parent: 30, "0::/\n")), now: start)
        try tree.process(30, cgroup: "0::/\n")
        #expect(told() == ["31 a1b2c3d4a1b2 unified=/", "30 a1b2c3d4a1b2 unified=/"])
        inventory.apply(.fork(child: 32, parent: 30), now: start)
        inventory.apply(.exec(pid: 32, facts: inside(32, parent: 30, "0::/\n")), now: start)
        #expect(told() == [])
    }

    /// Also by the look that an event of it brings, and by a reconciliation.
    @Test mutating func everyFreshLookFindsIt() throws {
        inventory.load(
            [inside(30, "0::\(home)\n", inner: 1), inside(31, parent: 30, "0::\(home)\n", inner: 2)], now: start)
        try tree.process(30, cgroup: "0::/\n", mount: 4_026_532_177, pidNamespace: 4_026_532_180, inner: 1)
        var event = KernelEvent()
        event.pid = 30
        event.time = inventory.clockOffset + start
        #expect(inventory.attribute(event, now: start).container?.id.rawValue == idA)
        #expect(told() == ["30 a1b2c3d4a1b2 unified=/"])
        inventory.load([inside(30, "0::/\n", inner: 1), inside(31, parent: 30, "0::/x\n", inner: 2)], now: start)
        #expect(told() == ["31 a1b2c3d4a1b2 unified=/x"])
    }

    @Test mutating func manyAtOnceAreBoundedAndNoneIsLost() {
        let pids = (100..<300).map(Int32.init)
        inventory.load(pids.map { inside($0, "0::\(home)\n") }, now: start)
        var found: [Int32] = []
        for _ in 0..<10 {
            inventory.look(pids.map { inside($0, "0::/\n") }, now: start)
            let leavings = inventory.takeLeavings(now: start)
            #expect(leavings.count <= 64)
            found += leavings.map(\.process.key.pid)
        }
        #expect(found.sorted() == pids)
    }

    // MARK: Near misses

    @Test mutating func belowTheContainersOwnCgroup() {
        inventory.apply(.exec(pid: 30, facts: inside(30, v1(home), inner: 1)), now: start)
        // crun's and systemd's own; systemd moves in its hierarchy alone.
        for path in ["\(home)/container", "\(home)/init.scope", home, "\(home)/docker/\(idB)", home] {
            inventory.look([inside(30, v1(path))], now: start)
            inventory.look([inside(30, v1(home).replacing("systemd:\(home)", with: "systemd:\(path)"))], now: start)
        }
        // A hierarchy that is joined later, and another that somebody mounts.
        inventory.look([inside(30, "11:name=mine:/\n" + v1(home))], now: start)
        #expect(told() == [])
    }

    @Test mutating func aRuntimeThatJoins() {
        inventory.apply(.exec(pid: 30, facts: inside(30, "0::\(home)\n", inner: 1)), now: start)
        let line = "runc exec -p /p.json \(idA)"
        inventory.apply(.exec(pid: 20, facts: outside(20, "0::/x.service\n", executable: runc, line)), now: start)
        inventory.apply(.fork(child: 22, parent: 20), now: start)
        for lines in ["0::/x.service\n", "0::\(home)\n", "0::/x.service\n", "0::\(home)\n"] {
            var facts = outside(22, lines, executable: runc, "runc init")
            facts.parentPID = 20
            inventory.look([facts], now: start)
        }
        inventory.apply(.exec(pid: 22, facts: inside(22, parent: 20, "0::\(home)\n", inner: 7)), now: start)
        #expect(told() == [])
        // What it has started is the container's and may not leave.
        inventory.look([inside(22, parent: 20, "0::/x.service\n")], now: start)
        #expect(told() == ["22 a1b2c3d4a1b2 unified=/x.service"])
    }

    /// A process of the host that somebody moves in may go back; one that has executed something in there may not.
    @Test mutating func aGuestGoesBack() {
        inventory.apply(.exec(pid: 50, facts: outside(50, "0::/x.service\n")), now: start)
        inventory.look([outside(50, "0::\(home)\n")], now: start)
        #expect(inventory.followed.isEmpty)
        inventory.look([outside(50, "0::\(home)\n")], now: start)
        inventory.look([outside(50, "0::/x.service\n")], now: start)
        #expect(told() == [])
        inventory.look([outside(50, "0::\(home)\n")], now: start)
        inventory.apply(.exec(pid: 50, facts: outside(50, "0::\(home)\n", executable: busybox)), now: start)
        inventory.look([outside(50, "0::/x.service\n")], now: start)
        #expect(told() == ["50 a1b2c3d4a1b2 unified=/x.service"])
    }

    /// v1 shows the root for a process that is ending, v2 says that its cgroup is deleted: neither has moved.
    @Test(arguments: [false, true])
    mutating func aProcessThatEnds(isUnified: Bool) throws {
        let lines = isUnified ? "0::\(home)\n" : v1(home)
        inventory.apply(.exec(pid: 30, facts: inside(30, lines, inner: 1)), now: start)
        try tree.process(30, cgroup: isUnified ? "0::\(home) (deleted)\n" : v1("/"))
        let alive = "30 (x) R 1 0 0 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 1000 0 0 0\n"
        try tree.write("30/stat", alive.replacing("4194560", with: "4194564"))
        let reader = ProcessReader(proc: ProcFilesystem(root: tree.path))
        let dying = try #require(reader.readCgroups(30))
        #expect(!dying.isCgroupKnown && dying.cgroup == nil && dying.memberships.isEmpty)
        #expect(reader.read(30)?.isCgroupKnown == false)
        inventory.look([dying], now: start)
        inventory.load([dying], now: start)
        #expect(told() == [])
        // A zombie is not read at all; and the control: the same lines of one that lives.
        try tree.write("30/stat", alive.replacing(") R", with: ") Z"))
        #expect(reader.readCgroups(30) == nil)
        try tree.write("30/stat", alive)
        inventory.look([try #require(reader.readCgroups(30))], now: start)
        let leaving = try #require(told().first)
        #expect(leaving.hasPrefix("30 a1b2c3d4a1b2 "))
    }

    /// On a hybrid host v2's line is true to the end.
    @Test func theEndingOnAHybridHost() throws {
        try tree.process(30, cgroup: "6:freezer:/\n0::\(home)\n")
        try tree.write("30/stat", "30 (x) R 1 0 0 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 1000 0 0 0\n")
        let facts = try #require(ProcessReader(proc: ProcFilesystem(root: tree.path)).read(30))
        #expect(facts.isCgroupKnown && facts.cgroup?.id.rawValue == idA)
        #expect(facts.memberships.map(\.hierarchy) == [0])
    }

    /// What is read of a pid's next process, of nobody, or of a number that is out of range changes nothing.
    @Test mutating func whatIsNotItsOwn() {
        inventory.apply(.exec(pid: 30, facts: inside(30, "70:x:\(home)\n6:freezer:\(home)\n", inner: 1)), now: start)
        var next = inside(30, "6:freezer:/\n")
        next.key.startTime = 2000
        inventory.look([next, inside(31, "6:freezer:/\n")], now: start)
        inventory.look([inside(30, "70:x:/\n6:freezer:\(home)\n")], now: start)
        #expect(told() == [])
        #expect(inventory.counters.processes == 1)
        #expect(inventory.counters.pidReuses == 0)
    }
}

/// The periodic look: what is handed on, and that all get their turn.
@Suite struct CgroupLooksTests {
    @Test func handsOnWhatHasChanged() throws {
        let tree = try TemporaryTree()
        let reader = ProcessReader(proc: ProcFilesystem(root: tree.path))
        var looks = CgroupLooks()
        for pid in [30, 31] as [Int32] { try tree.process(pid, cgroup: "0::/docker/\(idA)\n") }
        let keys = [30, 31, 32].map { ProcessKey(pid: $0, startTime: 1000) }
        #expect(looks.round(keys, reader: reader).map(\.key.pid) == [30, 31])
        #expect(looks.round(keys, reader: reader).isEmpty)
        try tree.write("31/cgroup", "0::/\n")
        let changed = looks.round(keys, reader: reader)
        #expect(changed.map(\.key) == [ProcessKey(pid: 31, startTime: 1000)])
        #expect(changed.first?.cgroupPath == "/" && changed.first?.commandLine.isEmpty == true)
        // Another process of the same pid is looked at anew, and one that is not asked for is forgotten.
        #expect(looks.round([ProcessKey(pid: 31, startTime: 0)], reader: reader).map(\.key.pid) == [31])
        #expect(looks.round(keys, reader: reader).map(\.key.pid) == [30, 31])
        #expect(looks.round([], reader: reader).isEmpty)
    }

    @Test func aRoundIsBoundedAndTheNextGoesOn() throws {
        let tree = try TemporaryTree()
        let reader = ProcessReader(proc: ProcFilesystem(root: tree.path))
        let pids = (1...10).map(Int32.init)
        for pid in pids { try tree.process(pid) }
        let keys = pids.map { ProcessKey(pid: $0, startTime: 1000) }
        var looks = CgroupLooks(limit: 4)
        var seen: [Int32] = []
        for _ in 0..<3 { seen += looks.round(keys.shuffled(), reader: reader).map(\.key.pid) }
        #expect(seen == pids)
        #expect(looks.round(keys, reader: reader).isEmpty)
    }
}
