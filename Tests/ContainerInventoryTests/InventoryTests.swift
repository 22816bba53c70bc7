import ContainerInventory
import EventModel
import LinuxSystem
import Testing

/// The life of the table: fork, exec, exit, setup, evidence, reconciliation, bounds. /proc is a tree of the test's own,
/// empty unless the test fills it: then every process of an event is gone.
@Suite struct InventoryTests {
    let tree: TemporaryTree
    var inventory: Inventory
    let second: UInt64 = 1_000_000_000
    let start: UInt64 = 1_000_000_000_000

    init() throws {
        tree = try TemporaryTree()
        inventory = Inventory(host: testHost, reader: ProcessReader(proc: ProcFilesystem(root: tree.path)))
        inventory.clockOffset = 1_700_000_000_000_000_000
    }

    func facts(
        _ pid: Int32, parent: Int32 = 1, start: UInt64 = 500, executable: FileID? = bash, path: String = "/bin/bash",
        cgroup: String = "/", mount: NamespaceID? = testHost.mountNamespace,
        pidNamespace: NamespaceID? = testHost.pidNamespace,
        inner: Int32 = 0, arguments: [String] = [], root: FileID? = testHost.root
    ) -> ProcessFacts {
        ProcessFacts(
            key: ProcessKey(pid: pid, startTime: start), parentPID: parent, comm: "x", executable: executable,
            executablePath: path, commandLine: arguments, cgroup: ContainerCgroup.classify(cgroup), cgroupPath: cgroup,
            root: root, mountNamespace: mount, pidNamespace: pidNamespace, namespacedPID: inner, uid: 0)
    }

    func runtime(_ pid: Int32, parent: Int32 = 1, _ line: String) -> ProcessFacts {
        facts(
            pid, parent: parent, executable: runc, path: "/usr/sbin/runc",
            arguments: line.split(separator: " ").map(String.init))
    }

    func inside(_ pid: Int32, parent: Int32 = 20, cgroup: String, inner: Int32 = 1, start: UInt64 = 500) -> ProcessFacts
    {
        facts(
            pid, parent: parent, start: start, executable: busybox, path: "/bin/busybox", cgroup: cgroup,
            mount: NamespaceID(4_026_532_177), pidNamespace: NamespaceID(4_026_532_180), inner: inner,
            root: FileID(device: DeviceNumber(major: 0, minor: 39), inode: 2))
    }

    func event(_ pid: Int32, parent: Int32 = 0, after: UInt64 = 0, executable: String? = nil) -> KernelEvent {
        var event = KernelEvent()
        event.pid = pid
        event.parentPID = parent
        event.time = inventory.clockOffset + start + after
        if let executable { event.executable = event.append(executable) }
        return event
    }

    @Test mutating func forkInheritsExecDecidesExitStays() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idA)")), now: start)
        inventory.apply(.fork(child: 31, parent: 30), now: start)
        #expect(inventory.attribute(event(30), now: start).certainty == .certain)
        let child = inventory.attribute(event(31), now: start)
        #expect(child.container?.id.rawValue == idA)
        #expect(child.certainty == .inherited)
        #expect(child.ancestors.map(\.key.pid) == [30])
        inventory.apply(.exit(pid: 31), now: start)
        let gone = inventory.attribute(event(31), now: start + 29 * second)
        #expect(gone.container?.id.rawValue == idA)
        #expect(gone.process?.exitedAt == start)
        inventory.expire(now: start + 31 * second)
        #expect(inventory.attribute(event(31), now: start).certainty == .unknown)
        let orphan = inventory.attribute(event(31, parent: 30), now: start)
        #expect(orphan.container?.id.rawValue == idA)
        #expect(orphan.certainty == .inherited)
        #expect(inventory.counters.deadProcesses == 0)
    }

    @Test mutating func containersLastAMinuteAfterTheirLastProcess() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idA)")), now: start)
        #expect(inventory.containers.map(\.id.rawValue) == [idA])
        #expect(inventory.takeDiscoveries().map(\.id.rawValue) == [idA])
        #expect(inventory.takeDiscoveries().isEmpty)
        inventory.apply(.exit(pid: 30), now: start + second)
        #expect(inventory.containers.isEmpty)
        #expect(inventory.container(try containerID(idA)) != nil)
        inventory.expire(now: start + 60 * second)
        #expect(inventory.container(try containerID(idA)) != nil)
        inventory.expire(now: start + 62 * second)
        #expect(inventory.container(try containerID(idA)) == nil)
        #expect(inventory.counters.containersExpired == 1)
    }

    /// conmon → runc create → runc init → the command: setup until the command, the container by its cgroup.
    @Test mutating func setupFromRuntimeToCommand() throws {
        inventory.apply(.exec(pid: 20, facts: runtime(20, "runc --root /r create --bundle /b \(idA)")), now: start)
        inventory.apply(.fork(child: 21, parent: 20), now: start)
        inventory.apply(.exec(pid: 21, facts: runtime(21, parent: 20, "runc init")), now: start)
        inventory.apply(.fork(child: 22, parent: 21), now: start)
        for pid in [20, 21, 22] as [Int32] {
            #expect(inventory.attribute(event(pid), now: start).process?.isContainerSetup == true)
        }
        #expect(inventory.takeDiscoveries().isEmpty)
        inventory.apply(.exec(pid: 22, facts: inside(22, cgroup: "/libpod_parent/libpod-\(idA)")), now: start)
        let command = inventory.attribute(event(22), now: start)
        #expect(command.process?.isContainerSetup == false)
        #expect(command.container?.id.rawValue == idA)
        #expect(command.certainty == .certain)
        let discovery = try #require(inventory.takeDiscoveries().first)
        #expect(discovery.pid == 22)
        #expect(discovery.arguments?.bundle == "/b")
        // A child of the command is none either, and no later exec of anything brings it back.
        inventory.apply(.fork(child: 23, parent: 22), now: start)
        var again = runtime(23, "runc run x")
        again.mountNamespace = NamespaceID(4_026_532_177)
        inventory.apply(.exec(pid: 23, facts: again), now: start)
        #expect(inventory.attribute(event(23), now: start).process?.isContainerSetup == false)
    }

    /// Raw runc, any root, any bundle, any cgroup: known by the runtime's own exec.
    @Test mutating func rawRuncByEvidence() throws {
        inventory.apply(
            .exec(pid: 20, facts: runtime(20, "runc --root /tmp/rr/root run -b /tmp/rr/b na-raw")), now: start)
        inventory.apply(.fork(child: 22, parent: 20), now: start)
        inventory.apply(.exec(pid: 22, facts: inside(22, cgroup: "/na-raw")), now: start)
        let attribution = inventory.attribute(event(22), now: start)
        #expect(attribution.container?.id.rawValue == "na-raw")
        #expect(attribution.container?.runtime == .runc)
        #expect(attribution.certainty == .certain)
        let discovery = try #require(inventory.takeDiscoveries().first)
        #expect(discovery.arguments?.root == "/tmp/rr/root")
        #expect(discovery.cgroupPath == "/na-raw")
        // Joined later by its cgroup (or one below it) alone.
        inventory.apply(.exec(pid: 40, facts: inside(40, cgroup: "/na-raw/sub", inner: 9)), now: start)
        #expect(inventory.attribute(event(40), now: start).container?.id.rawValue == "na-raw")
        #expect(inventory.attribute(event(20), now: start).container?.id.rawValue == "na-raw")
        #expect(inventory.attribute(event(20), now: start).process?.isContainerSetup == true)
    }

    /// Without a cgroup of its own a container must not take its caller's neighbours with it.
    @Test mutating func rawRuncInItsCallersCgroup() throws {
        var caller = runtime(20, "runc run --no-pivot na-raw")
        caller.cgroupPath = "/system.slice/ci.service"
        inventory.apply(.exec(pid: 20, facts: caller), now: start)
        inventory.apply(.fork(child: 22, parent: 20), now: start)
        inventory.apply(.exec(pid: 22, facts: inside(22, cgroup: "/system.slice/ci.service")), now: start)
        #expect(inventory.attribute(event(22), now: start).container?.id.rawValue == "na-raw")
        inventory.apply(.exec(pid: 50, facts: facts(50, cgroup: "/system.slice/ci.service")), now: start)
        let neighbour = inventory.attribute(event(50), now: start)
        #expect(neighbour.container == nil)
        #expect(neighbour.certainty == .certain)
    }

    /// ctr: `/default/web` says nothing by itself; the shim's runc says it.
    @Test mutating func ctrByEvidence() throws {
        let line = "runc --root /run/containerd/runc/default create --bundle /run/containerd/x/default/web web"
        inventory.apply(.exec(pid: 20, facts: runtime(20, line)), now: start)
        inventory.apply(.fork(child: 22, parent: 20), now: start)
        inventory.apply(.exec(pid: 22, facts: inside(22, cgroup: "/default/web")), now: start)
        #expect(inventory.attribute(event(22), now: start).container?.runtime == .containerd)
    }

    @Test mutating func hookOfARuntimeIsTheHosts() throws {
        inventory.apply(.exec(pid: 20, facts: runtime(20, "runc create \(idA)")), now: start)
        inventory.apply(.fork(child: 21, parent: 20), now: start)
        inventory.apply(.exec(pid: 21, facts: facts(21, parent: 20)), now: start)
        let hook = inventory.attribute(event(21), now: start)
        #expect(hook.process?.isContainerSetup == false)
        #expect(hook.container == nil)
        #expect(inventory.containers.isEmpty)
    }

    /// A container whose only command is gone before anything of it could be read.
    @Test mutating func commandShorterThanARead() throws {
        inventory.add(
            [
                ContainerDiscovery(
                    id: try containerID(idA), runtime: .podman, cgroupPath: "/libpod_parent/libpod-\(idA)")
            ], now: start)
        inventory.apply(.exec(pid: 20, facts: runtime(20, "runc create \(idA)")), now: start)
        inventory.apply(.fork(child: 22, parent: 20), now: start)
        inventory.apply(.exec(pid: 22, facts: nil), now: start)
        inventory.apply(.exit(pid: 22), now: start)
        let gone = inventory.attribute(event(22), now: start)
        #expect(gone.container?.id.rawValue == idA)
        #expect(gone.certainty == .inherited)
        #expect(gone.process?.isContainerSetup == false)
    }

    /// runc's init by CLONE_PARENT: its fork names the runtime, while it runs from a private mount of the runtime's binary and
    /// has a mount namespace of its own already. A fresh look is no exec.
    @Test mutating func lookAtARuntimesInitEndsNoSetup() throws {
        inventory.apply(.exec(pid: 20, facts: runtime(20, "runc create \(idA)"), time: start), now: start)
        inventory.apply(.fork(child: 22, parent: 20), now: start)
        let own = NamespaceID(4_026_532_177)
        inventory.load(
            [
                runtime(20, "runc create \(idA)"),
                facts(22, parent: 20, executable: runc, path: "/", mount: own, arguments: ["runc", "init"]),
            ], now: start)
        #expect(inventory.isContainerSetup(22))
        // Its exec of the same binary in those mounts is an entrypoint /proc/self/exe, and no runtime any more.
        let exec = facts(22, parent: 20, executable: runc, path: "/", mount: own, arguments: ["runc", "init"])
        inventory.apply(.exec(pid: 22, facts: exec, time: start + second), now: start + second)
        #expect(!inventory.isContainerSetup(22))
    }

    /// A first process that was read while it died: no namespaces, the root for a cgroup, no words of its own.
    @Test mutating func dyingFirstProcessIsWhatItsRuntimeWasTold() throws {
        inventory.apply(.exec(pid: 20, facts: runtime(20, "runc run \(idA)"), time: start), now: start)
        inventory.apply(.fork(child: 22, parent: 20), now: start)
        let dying = facts(22, parent: 20, executable: nil, path: "", mount: nil, pidNamespace: nil, inner: 1)
        inventory.apply(.exec(pid: 22, facts: dying, time: start), now: start)
        let id = try containerID(idA)
        #expect(inventory.hasStarted(id))
        var container = try #require(inventory.container(id))
        container.command = ["cat", "/proc/1/environ"]
        inventory.set(container, now: start)
        inventory.apply(.exit(pid: 22), now: start)
        let attribution = inventory.attribute(event(22), now: start)
        #expect(attribution.container?.id == id)
        #expect(attribution.certainty == .inherited)
        #expect(attribution.process?.commandLine == ["cat", "/proc/1/environ"])
        #expect(inventory.ended(since: start, aliveBy: start, naming: "/1/environ") == [22])
        #expect(inventory.ended(since: start + 1, aliveBy: start, naming: "/1/environ").isEmpty)
        #expect(inventory.ended(since: start, aliveBy: start, naming: "/2/environ").isEmpty)
        // It began after what it is asked about.
        let born = dying.key.startTime * 10_000_000
        #expect(inventory.ended(since: start, aliveBy: born, naming: "/1/environ") == [22])
        #expect(inventory.ended(since: start, aliveBy: born - 1, naming: "/1/environ").isEmpty)
    }

    /// The exec that makes a runtime's process the container's first, told once; not one into a container, nor a hook.
    @Test mutating func startsOnce() {
        let times = (1...9 as ClosedRange<UInt64>).map { start + $0 }
        inventory.apply(.exec(pid: 20, facts: runtime(20, "runc create \(idA)"), time: times[0]), now: start)
        inventory.apply(.fork(child: 21, parent: 20), now: start)
        inventory.apply(.exec(pid: 21, facts: facts(21, parent: 20), time: times[1]), now: start)
        inventory.apply(.fork(child: 22, parent: 20), now: start)
        inventory.apply(.exec(pid: 22, facts: runtime(22, parent: 20, "runc init"), time: times[2]), now: start)
        let first = inside(22, cgroup: "/docker/\(idA)")
        inventory.apply(.exec(pid: 22, facts: first, time: times[3]), now: start)
        inventory.apply(.exec(pid: 22, facts: first, time: times[4]), now: start)
        let starts = { (inventory: Inventory) in
            ([20, 21, 22, 31] as [Int32]).flatMap { pid in times.filter { inventory.isContainerStart(pid, at: $0) } }
        }
        #expect(starts(inventory) == [times[3]])
        inventory.apply(.exec(pid: 30, facts: runtime(30, "runc exec \(idA)"), time: times[5]), now: start)
        inventory.apply(.fork(child: 31, parent: 30), now: start)
        inventory.apply(
            .exec(pid: 31, facts: inside(31, parent: 30, cgroup: "/docker/\(idA)", inner: 9), time: times[6]),
            now: start)
        #expect(starts(inventory) == [times[3]])
        // A source that stamps nothing tells of no start.
        #expect(!inventory.isContainerStart(22, at: 0))
    }

    /// The runtime's own act, told of after the exec of the command.
    @Test mutating func eventOlderThanTheExec() throws {
        inventory.apply(.exec(pid: 20, facts: runtime(20, "runc run \(idA)"), time: start), now: start)
        inventory.apply(.fork(child: 22, parent: 20), now: start)
        let exec = start + 100_000_000
        inventory.apply(.exec(pid: 22, facts: inside(22, cgroup: "/docker/\(idA)"), time: exec), now: exec + second)
        func isSetup(_ after: UInt64, _ path: String?) -> Bool? {
            var copy = inventory
            return copy.attribute(event(22, after: after, executable: path), now: exec + second).process?
                .isContainerSetup
        }
        #expect(isSetup(50_000_000, nil) == true)
        #expect(isSetup(200_000_000, "/usr/sbin/runc") == false)
        // Within a timer tick of the exec the kernel's path decides.
        #expect(isSetup(95_000_000, "/usr/sbin/runc") == true)
        #expect(isSetup(95_000_000, "/bin/busybox") == false)
        #expect(isSetup(95_000_000, nil) == false)
    }

    @Test mutating func leavingTheCgroupChangesNothingJoiningAnotherIsTold() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idA)")), now: start)
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/")), now: start)
        #expect(inventory.attribute(event(30), now: start).container?.id.rawValue == idA)
        #expect(inventory.attribute(event(30), now: start).certainty == .certain)
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idB)")), now: start)
        let joined = inventory.attribute(event(30), now: start)
        #expect(joined.container?.id.rawValue == idB)
        #expect(joined.certainty.name == "ambiguous")
    }

    /// The inner container's processes come out of the outer one's: no ambiguity.
    @Test mutating func nestedContainer() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idA)")), now: start)
        inventory.apply(.fork(child: 31, parent: 30), now: start)
        inventory.apply(.exec(pid: 31, facts: inside(31, cgroup: "/docker/\(idA)/docker/\(idB)")), now: start)
        let inner = inventory.attribute(event(31), now: start)
        #expect(inner.container?.id.rawValue == idB)
        #expect(inner.certainty == .certain)
        #expect(inventory.takeDiscoveries().first { $0.id.rawValue == idB }?.outer?.rawValue == idA)
    }

    /// A container names a cgroup of its own after another container: it stays itself.
    @Test mutating func takenIdentity() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idB)")), now: start)
        inventory.apply(.exec(pid: 40, facts: inside(40, cgroup: "/docker/\(idA)")), now: start)
        inventory.apply(.exec(pid: 40, facts: inside(40, cgroup: "/docker/\(idA)/docker-\(idB).scope")), now: start)
        let liar = inventory.attribute(event(40), now: start)
        #expect(liar.container?.id.rawValue == idA)
        #expect(liar.certainty.name == "ambiguous")
    }

    @Test mutating func namespacesOfNsenter() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idA)")), now: start)
        var described = Container(
            id: try containerID(idA), runtime: .docker, cgroupPath: "/docker/\(idA)", firstSeen: 1)
        described.pidNamespace = NamespaceID(4_026_532_180)
        described.mountNamespace = NamespaceID(4_026_532_177)
        inventory.set(described, now: start)
        inventory.apply(.exec(pid: 60, facts: inside(60, cgroup: "/user.slice/x", inner: 7)), now: start)
        let entered = inventory.attribute(event(60), now: start)
        #expect(entered.container?.id.rawValue == idA)
        #expect(entered.certainty == .inherited)
        // Two containers of a pod share the pid namespace, and this one has neither's mounts.
        inventory.apply(.exec(pid: 31, facts: inside(31, cgroup: "/docker/\(idB)")), now: start)
        described = Container(id: try containerID(idB), runtime: .docker, cgroupPath: "/docker/\(idB)", firstSeen: 1)
        described.pidNamespace = NamespaceID(4_026_532_180)
        inventory.set(described, now: start)
        var other = inside(61, cgroup: "/user.slice/x", inner: 8)
        other.mountNamespace = testHost.mountNamespace
        inventory.apply(.exec(pid: 61, facts: other), now: start)
        let unsure = inventory.attribute(event(61), now: start)
        #expect(unsure.container == nil)
        #expect(unsure.certainty.name == "ambiguous")
    }

    @Test mutating func pidUsedAgain() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idA)", start: 500)), now: start)
        // The exit was lost; /proc shows another process.
        try tree.process(30, start: 120_000, comm: "cron", cgroup: "0::/system.slice/cron.service\n")
        var late = event(30)
        late.time = inventory.clockOffset + 1_300_000_000_000
        #expect(inventory.attribute(late, now: start).container == nil)
        #expect(inventory.counters.pidReuses == 1)
        // An event that is older than the new process is the old one's.
        var early = event(30)
        early.time = inventory.clockOffset + 600_000_000_000
        #expect(inventory.attribute(early, now: start).container?.id.rawValue == idA)
    }

    /// A fresh read beats the table, whichever source told first.
    @Test mutating func readsAfresh() throws {
        try tree.process(
            30, parent: 20, comm: "sh", cgroup: "1:name=systemd:/\n0::/docker/\(idA)\n", executable: "/bin/sh",
            mount: 4_026_532_177, pidNamespace: 4_026_532_180, inner: 1, arguments: ["sh", "-c", "x"], uid: 0)
        var act = event(30)
        act.uid = 0
        let attribution = inventory.attribute(act, now: start)
        #expect(attribution.container?.id.rawValue == idA)
        #expect(attribution.certainty == .certain)
        #expect(attribution.process?.commandLine == ["sh", "-c", "x"])
        #expect(attribution.process?.namespacedPID == 1)
        #expect(attribution.userName == "root")
        // The connector's word comes later and changes nothing.
        inventory.apply(.fork(child: 30, parent: 20), now: start)
        #expect(inventory.attribute(act, now: start).certainty == .certain)
        act.uid = 4_000_000_000
        #expect(inventory.attribute(act, now: start).userName == nil)
    }

    @Test mutating func reconciles() throws {
        inventory.load([facts(1, parent: 0), inside(30, cgroup: "/docker/\(idA)"), facts(31)], now: start)
        #expect(inventory.counters.processes == 3)
        #expect(inventory.takeDiscoveries().map(\.pid) == [30])
        // 31 and 30 went unseen, 40 came; 41 was born while the list was made.
        inventory.apply(.fork(child: 41, parent: 1), now: start)
        try tree.process(41)
        inventory.load([facts(1, parent: 0), inside(40, cgroup: "/docker/\(idB)", start: 900)], now: start + second)
        #expect(inventory.counters.processes == 3)
        #expect(inventory.counters.reconciledGone == 2)
        #expect(inventory.counters.reconciledNew == 1)
        #expect(inventory.containers.map(\.id.rawValue) == [idB])
        #expect(inventory.attribute(event(30), now: start).container?.id.rawValue == idA)
        // The same pid, another process.
        inventory.load([facts(1, parent: 0), facts(40, start: 5000)], now: start + second)
        #expect(inventory.containers.isEmpty)
    }

    /// Found running: a raw container beside its waiting runtime, and one without any trace.
    @Test mutating func loadFindsUndeclaredContainers() throws {
        var bare = inside(32, parent: 1, cgroup: "/", start: 600)
        bare.pidNamespace = NamespaceID(4_026_532_999)
        bare.mountNamespace = NamespaceID(4_026_532_998)
        var browser = inside(33, parent: 1, cgroup: "/user.slice", start: 600)
        browser.root = testHost.root
        browser.pidNamespace = NamespaceID(4_026_532_997)
        var runner = runtime(20, "runc --root /tmp/r run -b /b na-raw")
        runner.key.startTime = 400
        inventory.load(
            [facts(1, parent: 0, start: 1), inside(30, cgroup: "/na-raw"), runner, bare, browser], now: start)
        #expect(Set(inventory.containers.map(\.id.rawValue)) == ["na-raw", "pidns-4026532999"])
        let found = inventory.takeDiscoveries()
        #expect(found.first { $0.pid == 30 }?.arguments?.bundle == "/b")
        #expect(found.first { $0.pid == 32 }?.runtime == .unknown)
        #expect(inventory.attribute(event(20), now: start).process?.isContainerSetup == true)
    }

    /// Who opens a file and then executes something harmless is told as what he was at the open.
    @Test mutating func programOfTheMoment() throws {
        func program(_ name: String) -> ProcessFacts {
            var facts = inside(30, cgroup: "/docker/\(idA)")
            facts.comm = name
            facts.executablePath = "/bin/\(name)"
            facts.commandLine = [name, "x"]
            return facts
        }
        func told(_ received: UInt64, source: EventSource = .fanotify) -> [String]? {
            var event = event(30)
            event.source = source
            event.received = received
            return inventory.attribute(event, now: received).process?.commandLine
        }
        inventory.apply(.exec(pid: 30, facts: program("cat"), time: start), now: start)
        #expect(told(start + 5) == ["cat", "x"])
        inventory.apply(.exec(pid: 30, facts: program("sleep"), time: start + 10), now: start + 10)
        #expect(told(start + 5) == ["cat", "x"])
        #expect(told(start + 10) == ["sleep", "x"])
        #expect(told(start + 5, source: .audit) == ["sleep", "x"])
        // Found by a fresh read: what is told of comes later, and has its time.
        inventory.load([program("true")], now: start + 20)
        #expect(told(start + 15) == ["sleep", "x"])
        inventory.tellsExecs = false
        #expect(told(start + 15) == ["true", "x"])
        inventory.tellsExecs = true
        inventory.apply(.exec(pid: 30, facts: program("true"), time: start + 18), now: start + 21)
        #expect(told(start + 15) == ["sleep", "x"])
        #expect(told(start + 19) == ["true", "x"])
        // A child begins with what its parent runs, and nothing before it.
        inventory.apply(.fork(child: 31, parent: 30), now: start + 22)
        var child = event(31)
        child.source = .fanotify
        child.received = start + 1
        #expect(inventory.attribute(child, now: start + 23).process?.commandLine == ["true", "x"])
    }

    /// A program can write over its own arguments; what it was started with is what counts.
    @Test mutating func argumentsOfTheStart() throws {
        let reader = ProcessReader(proc: ProcFilesystem(root: tree.path))
        let cgroup = "0::/docker/\(idA)\n"
        try tree.process(30, comm: "sh", cgroup: cgroup, arguments: ["sh", "-c", "read x < /proc/1/environ"])
        inventory.apply(.exec(pid: 30, facts: reader.read(30), time: start), now: start)
        try tree.process(30, comm: "kworker", cgroup: cgroup, arguments: ["nothing", "at", "all"])
        let told = inventory.attribute(event(30, after: second), now: start + 1).process
        #expect(told?.commandLine == ["sh", "-c", "read x < /proc/1/environ"])
        #expect(told?.comm == "sh")
        // After a loss the table knows nothing better than /proc.
        inventory.load([try #require(reader.read(30))], now: start + 2)
        #expect(
            inventory.attribute(event(30, after: second), now: start + 3).process?.commandLine == [
                "nothing", "at", "all",
            ])
        // Nor where no source tells of execs.
        inventory.tellsExecs = false
        try tree.process(30, comm: "sh", cgroup: cgroup, arguments: ["sh"])
        #expect(inventory.attribute(event(30, after: second), now: start + 4).process?.commandLine == ["sh"])
    }

    @Test mutating func descriptionsArriveLate() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idA)")), now: start)
        let first = try #require(inventory.takeDiscoveries().first)
        var described = Container(id: first.id, runtime: .docker, cgroupPath: first.cgroupPath, firstSeen: 99)
        described.name = "web"
        described.privileges = ContainerPrivileges(verdict: .privileged)
        inventory.set(described, now: start)
        described.name = nil
        described.privileges = ContainerPrivileges(verdict: nil)
        inventory.set(described, now: start)
        let container = try #require(inventory.attribute(event(30), now: start).container)
        #expect(container.name == "web")
        #expect(container.isPrivileged == true)
        #expect(container.firstSeen == start + inventory.clockOffset)
        // Of a container that nobody knows nothing is kept.
        inventory.set(Container(id: try containerID(idB), runtime: .docker, cgroupPath: "/", firstSeen: 0), now: start)
        #expect(inventory.containers.count == 1)
    }

    @Test mutating func stateFilesAndCgroupsThatGo() throws {
        inventory.add(
            [ContainerDiscovery(id: try containerID("web"), runtime: .runc, cgroupPath: "/web", pid: 7)], now: start)
        inventory.apply(.exec(pid: 40, facts: inside(40, cgroup: "/web", inner: 9)), now: start)
        #expect(inventory.attribute(event(40), now: start).container?.id.rawValue == "web")
        inventory.cgroupRemoved("/web", now: start)
        #expect(inventory.containers.count == 1)
        inventory.apply(.exit(pid: 40), now: start)
        inventory.cgroupRemoved("/web", now: start)
        #expect(inventory.containers.isEmpty)
    }

    /// `docker restart`: the same id with another first process and another cgroup. What was known of them is not kept.
    @Test mutating func startsAgain() throws {
        let path = "/docker/\(idA)"
        inventory.apply(.exec(pid: 40, facts: inside(40, cgroup: path)), now: start)
        let id = try containerID(idA)
        #expect(inventory.takeDiscoveries().map(\.id) == [id])
        var described = Container(id: id, runtime: .docker, cgroupPath: path, firstSeen: 0)
        described.name = "web"
        described.initProcess = ProcessKey(pid: 40, startTime: 500)
        described.cgroup = CgroupID(7)
        inventory.set(described, now: start)
        inventory.apply(.exec(pid: 41, facts: inside(41, cgroup: path, inner: 2)), now: start)
        #expect(inventory.takeDiscoveries().isEmpty)
        inventory.apply(.exit(pid: 41), now: start)
        inventory.apply(.exit(pid: 40), now: start)

        inventory.apply(.exec(pid: 50, facts: inside(50, cgroup: path, start: 900)), now: start)
        let again = inventory.takeDiscoveries()
        #expect(again.map(\.id) == [id])
        #expect(again.first?.pid == 50)
        let known = try #require(inventory.container(id))
        #expect(known.name == "web")
        #expect(known.initProcess == nil)
        #expect(known.cgroup == nil)
    }

    /// State files that are read after the processes: the container takes over what stood in for it.
    @Test mutating func stateFilesAfterProcesses() throws {
        var bare = inside(32, parent: 1, cgroup: "/")
        bare.pidNamespace = NamespaceID(4_026_532_999)
        inventory.load(
            [facts(1, parent: 0, start: 1), bare, inside(33, parent: 1, cgroup: "/default/web", inner: 5)], now: start)
        #expect(inventory.containers.map(\.id.rawValue) == ["pidns-4026532999"])
        inventory.add(
            [
                ContainerDiscovery(id: try containerID("raw"), runtime: .runc, cgroupPath: "/", pid: 32),
                ContainerDiscovery(
                    id: try containerID("web"), runtime: .containerd, cgroupPath: "/default/web", pid: 33),
            ], now: start)
        #expect(Set(inventory.containers.map(\.id.rawValue)) == ["raw", "web"])
        #expect(inventory.attribute(event(32), now: start).container?.id.rawValue == "raw")
        #expect(inventory.attribute(event(33), now: start).container?.id.rawValue == "web")
        #expect(Set(inventory.takeDiscoveries().map(\.id.rawValue)) == ["raw", "web"])
    }

    /// Raw runc's cgroup has a free name, and what a container of it makes below takes nobody's identity.
    @Test mutating func belowAFreeNameIsNested() throws {
        inventory.add(
            [ContainerDiscovery(id: try containerID("raw"), runtime: .runc, cgroupPath: "/raw", pid: 30)], now: start)
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/raw")), now: start)
        inventory.apply(.exec(pid: 31, facts: inside(31, cgroup: "/docker/\(idA)")), now: start)
        _ = inventory.takeDiscoveries()
        // Another's id: it stays the outer one's, in doubt.
        inventory.apply(.exec(pid: 32, facts: inside(32, cgroup: "/raw/docker-\(idA).scope", inner: 5)), now: start)
        let forged = inventory.attribute(event(32), now: start)
        #expect(forged.container?.id.rawValue == "raw")
        #expect(forged.certainty.name == "ambiguous")
        #expect(inventory.container(try containerID(idA))?.cgroupPath == "/docker/\(idA)")
        // Nobody's: nested.
        inventory.apply(.exec(pid: 33, facts: inside(33, cgroup: "/raw/docker-\(idB).scope", inner: 6)), now: start)
        #expect(inventory.attribute(event(33), now: start).container?.id.rawValue == idB)
        #expect(inventory.takeDiscoveries().first { $0.id.rawValue == idB }?.outer?.rawValue == "raw")
        // Before it is described as well: what is done about its first act is done to the outer one.
        #expect(inventory.container(try containerID(idB))?.outer?.rawValue == "raw")
    }

    /// A description can come before the runtime has written its state: it is asked for again, until the first process is
    /// known or nobody believes in it any more.
    @Test mutating func describedWithoutItsFirstProcessIsAskedForAgain() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idA)")), now: start)
        let discovery = try #require(inventory.takeDiscoveries().first)
        var container = Container(
            id: discovery.id, runtime: .docker, cgroupPath: discovery.cgroupPath, firstSeen: discovery.firstSeen)
        inventory.set(container, now: start)
        for tick in 1...3 as ClosedRange<UInt64> {
            inventory.expire(now: start + tick * second)
            #expect(inventory.takeDiscoveries() == [discovery])
        }
        container.initProcess = ProcessKey(pid: 30, startTime: 500)
        inventory.set(container, now: start)
        inventory.expire(now: start + 4 * second)
        #expect(inventory.takeDiscoveries().isEmpty)
    }

    @Test mutating func doesNotAskForEver() throws {
        inventory.apply(.exec(pid: 30, facts: inside(30, cgroup: "/docker/\(idA)")), now: start)
        _ = inventory.takeDiscoveries()
        var asked = 0
        for tick in 1...50 as ClosedRange<UInt64> {
            inventory.expire(now: start + tick * second)
            asked += inventory.takeDiscoveries().count
        }
        #expect(asked == 10)
        // Its processes gone, nothing is left to be found.
        inventory.apply(.exec(pid: 31, facts: inside(31, cgroup: "/docker/\(idB)")), now: start)
        _ = inventory.takeDiscoveries()
        inventory.apply(.exit(pid: 31), now: start)
        inventory.expire(now: start + 51 * second)
        #expect(inventory.takeDiscoveries().isEmpty)
    }

    /// 100,000 processes' worth of churn, all of them in containers: the table is bounded. `InventoryChurnTests` measures memory.
    @Test mutating func churn() throws {
        var limits = Inventory.Limits()
        limits.processes = 4096
        limits.containers = 64
        var inventory = Inventory(
            host: testHost, reader: ProcessReader(proc: ProcFilesystem(root: tree.path)), limits: limits)
        for cycle in 0..<100_000 { oneLife(cycle, &inventory) }
        let counters = inventory.counters
        #expect(counters.processes + counters.deadProcesses <= 4096)
        #expect(counters.containers <= 64)
        #expect(counters.processEvictions > 0)
        #expect(counters.containerEvictions > 0)
    }

    private func oneLife(_ cycle: Int, _ inventory: inout Inventory) {
        let now = start + UInt64(cycle) * 100_000
        let pid = Int32(1000 + cycle % 30_000)
        inventory.apply(.fork(child: pid, parent: 1), now: now)
        let suffix = String(cycle / 50, radix: 16)
        let id = String(repeating: "0", count: 64 - suffix.utf8.count) + suffix
        var facts = inside(pid, cgroup: "/docker/\(id)", start: UInt64(cycle + 1))
        facts.commandLine = ["sh", "-c", String(repeating: "x", count: 200)]
        inventory.apply(.exec(pid: pid, facts: facts, time: now), now: now)
        inventory.apply(.exit(pid: pid), now: now)
        _ = inventory.takeDiscoveries()
    }

    /// Living processes beyond the limit are not kept, and nothing breaks.
    @Test mutating func fullOfTheLiving() throws {
        var limits = Inventory.Limits()
        limits.processes = 100
        var inventory = Inventory(
            host: testHost, reader: ProcessReader(proc: ProcFilesystem(root: tree.path)), limits: limits)
        for pid in 1...1000 as ClosedRange<Int32> { inventory.apply(.fork(child: pid, parent: 1), now: start) }
        #expect(inventory.counters.processes == 100)
        for pid in 1...1000 as ClosedRange<Int32> { inventory.apply(.exit(pid: pid), now: start) }
        #expect(inventory.counters.processes == 0)
    }
}
