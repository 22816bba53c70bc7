import ContainerInventory
import EventModel
import LinuxSystem
import Testing

/// Whose process is `/proc/N/environ`? Containers A (own pid namespace) and, in a pod, B and C that share one.
@Suite struct ProcfsEntryTests {
    let tree: TemporaryTree
    var inventory: Inventory
    let idC = String(repeating: "c0ffee00", count: 8)
    let own: UInt64 = 4_026_532_180
    let shared: UInt64 = 4_026_532_300

    init() throws {
        tree = try TemporaryTree()
        try tree.process(100, cgroup: "0::/docker/\(idA)\n", mount: 11, pidNamespace: own, inner: 1)
        try tree.process(
            101, parent: 100, start: 1001, cgroup: "0::/docker/\(idA)\n", mount: 11, pidNamespace: own, inner: 2)
        try tree.process(200, cgroup: "0::/docker/\(idB)\n", mount: 12, pidNamespace: shared, inner: 1)
        try tree.process(300, start: 1002, cgroup: "0::/docker/\(idC)\n", mount: 13, pidNamespace: shared, inner: 7)
        try tree.process(
            301, parent: 300, start: 1003, cgroup: "0::/docker/\(idC)\n", mount: 13, pidNamespace: shared, inner: 8)
        try tree.process(1, parent: 0, start: 1, comm: "systemd")
        let reader = ProcessReader(proc: ProcFilesystem(root: tree.path))
        inventory = Inventory(host: testHost, reader: reader)
        inventory.load(try reader.readAll(), now: 5)
        for (id, pid, start, namespace) in [(idA, 100, 1000, own), (idB, 200, 1000, shared), (idC, 300, 1002, shared)] {
            var container = Container(
                id: try containerID(id), runtime: .docker, cgroupPath: "/docker/\(id)", firstSeen: 1)
            container.initProcess = ProcessKey(pid: Int32(pid), startTime: UInt64(start))
            container.pidNamespace = NamespaceID(namespace)
            inventory.set(container, now: 5)
        }
    }

    mutating func ask(_ actor: Int32, _ pid: Int32, host: Int32 = 0, in namespace: UInt64) -> (
        same: Bool?, isSelf: Bool?
    ) {
        var event = KernelEvent()
        event.pid = actor
        event.procfsEntry = ProcfsEntry(pid: pid, hostPID: host, pidNamespace: namespace)
        let attribution = inventory.attribute(event, now: 6)
        return (attribution.entryIsInSameContainer, attribution.entryIsSelf)
    }

    @Test mutating func ownNamespace() {
        #expect(ask(101, 1, in: own) == (true, false))
        #expect(ask(101, 2, in: own) == (true, true))
        #expect(ask(101, 77, in: own) == (true, false))
        #expect(ask(100, 1, in: own) == (true, true))
    }

    @Test mutating func hostNamespace() {
        let host = testHost.pidNamespace.rawValue
        #expect(ask(101, 1, in: host) == (false, false))
        #expect(ask(101, 100, in: host) == (true, false))
        #expect(ask(101, 101, in: host) == (true, true))
        #expect(ask(101, 200, in: host) == (false, false))
        #expect(ask(101, 999, in: host).same == nil)
    }

    @Test mutating func hostPIDGiven() {
        #expect(ask(101, 1, host: 200, in: 0) == (false, false))
        #expect(ask(101, 1, host: 100, in: own) == (true, false))
        #expect(ask(101, 2, host: 101, in: 0) == (true, true))
    }

    @Test mutating func anothersNamespace() {
        #expect(ask(101, 1, in: shared) == (false, nil))
        #expect(ask(200, 1, in: own) == (false, false))
    }

    /// In a pod's shared namespace pid 1 is the first container's.
    @Test mutating func sharedNamespace() {
        #expect(ask(301, 1, in: shared) == (false, false))
        #expect(ask(301, 7, in: shared) == (true, false))
        #expect(ask(301, 8, in: shared) == (true, true))
        #expect(ask(200, 7, in: shared) == (false, false))
        #expect(ask(301, 99, in: shared).same == nil)
    }

    /// Nobody saw the process: whose procfs it is, is known. Where several share it, nothing is.
    @Test mutating func unseenActor() throws {
        var event = KernelEvent()
        event.pid = 999
        event.procfsEntry = ProcfsEntry(pid: 1, hostPID: 0, pidNamespace: own)
        let attribution = inventory.attribute(event, now: 6)
        #expect(attribution.container?.id == (try containerID(idA)))
        guard case .ambiguous = attribution.certainty else {
            Issue.record("\(attribution.certainty)")
            return
        }
        #expect(attribution.entryIsInSameContainer == nil)
        #expect(attribution.entryIsSelf == nil)
        #expect(inventory.counters.ambiguous == 1)
        event.procfsEntry = ProcfsEntry(pid: 1, hostPID: 0, pidNamespace: shared)
        #expect(inventory.attribute(event, now: 6).container == nil)
        event.procfsEntry = ProcfsEntry(pid: 1, hostPID: 0, pidNamespace: testHost.pidNamespace.rawValue)
        #expect(inventory.attribute(event, now: 6).container == nil)
    }

    @Test mutating func notKnown() {
        #expect(ask(101, 1, in: 0) == (nil, nil))
        #expect(ask(101, 1, in: 12345).same == nil)
        // The actor is the host's: /proc/1 of the host is as well.
        #expect(ask(1, 1, in: testHost.pidNamespace.rawValue) == (true, true))
    }
}
