import ContainerInventory
import EventModel
import LinuxSystem
import Testing

/// A host that starts and ends containers without pause: what is kept does not grow with what has been.
@Suite struct InventoryChurnTests {
    private static let starts = 100_000
    /// Between two starts, nanoseconds: 83 minutes in all.
    private static let interval: UInt64 = 50_000_000
    /// Containers that live at once.
    private static let living = 20

    /// One start: its processes, its cgroup, its id. Every tenth is raw runc's, with a cgroup of a free name.
    private struct Life {
        let number: Int
        let now: UInt64
        let id: String
        let cgroup: String
        var runtime: Int32 { 1000 + Int32(number % 7000) * 3 }
        var first: Int32 { runtime + 1 }
        var child: Int32 { runtime + 2 }
        /// A fifth of them, of both kinds, have a child that leaves its cgroup.
        var isLeft: Bool { number % 10 < 2 }

        init(_ number: Int) {
            self.number = number
            now = 1_000_000_000_000 + UInt64(number) * InventoryChurnTests.interval
            if number % 10 == 1 {
                id = "raw-\(number)"
                cgroup = "/\(id)"
            } else {
                let digits = String(number, radix: 16)
                id = String(repeating: "0", count: 64 - digits.utf8.count) + digits
                cgroup = "/docker/\(id)"
            }
        }

        func facts(_ pid: Int32, parent: Int32, _ file: FileID, cgroup: String, _ words: [String]) -> ProcessFacts {
            let memberships = CgroupMembership.parse(Array("0::\(cgroup)\n".utf8))
            let isRuntime = file == runc
            return ProcessFacts(
                key: ProcessKey(pid: pid, startTime: UInt64(number + 1)), parentPID: parent, comm: "x",
                executable: file, executablePath: isRuntime ? "/usr/sbin/runc" : "/bin/busybox", commandLine: words,
                cgroup: ContainerCgroup.classify(memberships), cgroupPath: cgroup, memberships: memberships,
                mountNamespace: isRuntime ? testHost.mountNamespace : NamespaceID(4_026_532_177),
                pidNamespace: isRuntime ? testHost.pidNamespace : NamespaceID(4_026_532_180),
                namespacedPID: isRuntime ? 0 : pid - first + 1, uid: 0)
        }

        /// From the runtime's start to a child of the container's first process. How many leavings were told.
        func begin(_ inventory: inout Inventory) -> Int {
            let line = ["runc", "--root", "/r", "create", "--bundle", "/b", id]
            let words = ["sh", "-c", String(repeating: "x", count: 200)]
            inventory.apply(.fork(child: runtime, parent: 1), now: now)
            let run = facts(runtime, parent: 1, runc, cgroup: "/", line)
            inventory.apply(.exec(pid: runtime, facts: run, time: now), now: now)
            inventory.apply(.fork(child: first, parent: runtime), now: now)
            let setup = facts(first, parent: runtime, runc, cgroup: cgroup, ["runc", "init"])
            inventory.apply(.exec(pid: first, facts: setup, time: now + 1), now: now)
            let program = facts(first, parent: runtime, busybox, cgroup: cgroup, words)
            inventory.apply(.exec(pid: first, facts: program, time: now + 2), now: now)
            inventory.apply(.fork(child: child, parent: first), now: now)
            let below = facts(child, parent: first, busybox, cgroup: cgroup + "/sub", words)
            inventory.apply(.exec(pid: child, facts: below, time: now + 3), now: now)
            for discovery in inventory.takeDiscoveries() {
                var container = Container(
                    id: discovery.id, runtime: discovery.runtime, cgroupPath: discovery.cgroupPath, firstSeen: now)
                container.name = "web-\(number)"
                container.command = words
                container.initProcess = program.key
                inventory.set(container, now: now)
            }
            if isLeft { inventory.look([facts(child, parent: first, busybox, cgroup: "/", [])], now: now) }
            return inventory.takeLeavings(now: now).count
        }

        func end(_ inventory: inout Inventory, now: UInt64) {
            for pid in [child, first, runtime] { inventory.apply(.exit(pid: pid), now: now) }
            inventory.cgroupRemoved(cgroup, now: now)
        }
    }

    /// 100,000 starts: each table keeps what the last half minute or minute had, and memory is flat after the first
    /// fifth.
    @Test func keepsNothingOfWhatHasBeen() throws {
        let tree = try TemporaryTree()
        var inventory = Inventory(host: testHost, reader: ProcessReader(proc: ProcFilesystem(root: tree.path)))
        var leavings = 0
        var growths: [Int] = []
        var resident = 0
        for round in 0..<5 {
            for number in (round * Self.starts / 5)..<((round + 1) * Self.starts / 5) {
                let life = Life(number)
                leavings += life.begin(&inventory)
                if number >= Self.living { Life(number - Self.living).end(&inventory, now: life.now) }
                if number % 100 == 0 { inventory.expire(now: life.now) }
            }
            let sizes = inventory.sizes
            #expect(sizes.processes == 3 * Self.living)
            // Three processes each, for 30 s; containers for 60 s; five seconds more until the next round of expiry.
            #expect(sizes.deadProcesses <= 3 * 700 && sizes.deaths <= 3 * 700, "\(sizes)")
            #expect(sizes.containers <= 1300 + Self.living && sizes.evidence <= 130 + Self.living, "\(sizes)")
            #expect(sizes.pending == 0 && sizes.leavings == 0, "\(sizes)")
            let before = resident
            resident = try residentKilobytes()
            if round > 0 { growths.append(resident - before) }
        }
        let counters = inventory.counters
        #expect(counters.containersDiscovered == UInt64(Self.starts))
        #expect(counters.containerEvictions == 0 && counters.processEvictions == 0 && counters.pidReuses == 0)
        #expect(leavings == Self.starts / 5)
        // Other tests run beside this one and move the resident set, both ways: a leak shows in every fifth. 1 MiB is
        // 52 bytes a start.
        #expect(growths.sorted()[1] < 1024, "growth of the resident set in KiB: \(growths)")

        let end = Life(Self.starts).now
        for number in (Self.starts - Self.living)..<Self.starts { Life(number).end(&inventory, now: end) }
        inventory.expire(now: end + 61_000_000_000)
        #expect(inventory.sizes == Inventory.Sizes())
    }
}
