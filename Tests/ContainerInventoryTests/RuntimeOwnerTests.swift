import ContainerInventory
import EventModel
import LinuxSystem
import Testing

/// Anybody may execute the host's runtime, call his container as he likes and say where its files lie: the word of a user
/// is his own, whatever the cgroup is called, and never describes, names or hides a container of root's.
@Suite struct RuntimeOwnerTests {
    let tree: TemporaryTree
    var inventory: Inventory
    let now: UInt64 = 1_000_000_000_000

    init() throws {
        tree = try TemporaryTree()
        inventory = Inventory(host: testHost, reader: ProcessReader(proc: ProcFilesystem(root: tree.path)))
    }

    private func facts(_ pid: Int32, _ executable: FileID, cgroup: String, uid: UInt32, _ words: [String] = [])
        -> ProcessFacts
    {
        let isInside = executable == busybox
        return ProcessFacts(
            key: ProcessKey(pid: pid, startTime: 500), parentPID: 1, comm: "x", executable: executable,
            executablePath: isInside ? "/bin/busybox" : "/usr/sbin/runc", commandLine: words,
            cgroup: ContainerCgroup.classify(cgroup), cgroupPath: cgroup,
            root: isInside ? FileID(device: DeviceNumber(major: 0, minor: 39), inode: 2) : testHost.root,
            mountNamespace: isInside ? NamespaceID(4_026_532_000 + UInt64(pid)) : testHost.mountNamespace,
            pidNamespace: isInside ? NamespaceID(4_026_533_000 + UInt64(pid)) : testHost.pidNamespace,
            namespacedPID: isInside ? 1 : 0, uid: uid)
    }

    /// A runtime's exec as pid, its container's first process as pid + 1.
    private mutating func run(_ pid: Int32, uid: UInt32, cgroup: String, root: String = "/r", _ name: String = "web") {
        let words = ["runc", "--root", root, "run", "--bundle", "/b", name]
        inventory.apply(.exec(pid: pid, facts: facts(pid, runc, cgroup: "/", uid: uid, words)), now: now)
        inventory.apply(.fork(child: pid + 1, parent: pid), now: now)
        let first = facts(pid + 1, busybox, cgroup: cgroup, uid: uid)
        inventory.apply(.exec(pid: pid + 1, facts: first), now: now)
    }

    private func container(of pid: Int32) -> String? {
        var inventory = inventory
        var event = KernelEvent()
        event.pid = pid
        event.time = inventory.clockOffset + now
        return inventory.attribute(event, now: now).container?.id.rawValue
    }

    /// Outside every user's slice, which is where a user's runtime is after `systemd-run`, cron or an `at` job.
    @Test mutating func usersRuntimeIsHis() throws {
        run(20, uid: 1000, cgroup: "/system.slice/cron.service/web")
        let his = try #require(inventory.takeDiscoveries().first)
        #expect(his.id.rawValue == "web")
        #expect(his.rootlessUser == 1000)
        #expect(his.arguments?.root == "/r")
        // The near miss: root's, though he is in a user's slice (sudo).
        run(30, uid: 0, cgroup: "/user.slice/user-1000.slice/session-3.scope/own", "own")
        let own = try #require(inventory.takeDiscoveries().first)
        #expect(own.rootlessUser == nil)
        #expect(own.arguments?.bundle == "/b")
    }

    /// A cgroup that names the container, where no slice names the user; what runs in it later is the same container's.
    @Test mutating func usersContainerByItsCgroup() throws {
        let path = "/system.slice/cron.service/\(idA)"
        run(20, uid: 1000, cgroup: path, idA)
        let his = try #require(inventory.takeDiscoveries().first)
        #expect(his.rootlessUser == 1000)
        #expect(his.arguments?.root == "/r")
        inventory.apply(.exec(pid: 40, facts: facts(40, busybox, cgroup: path, uid: 1000)), now: now)
        #expect(container(of: 21) == idA)
        #expect(container(of: 40) == idA)
        #expect(inventory.containers.count == 1)
        // Root's of that id, elsewhere.
        inventory.apply(.exec(pid: 50, facts: facts(50, busybox, cgroup: "/docker/\(idA)", uid: 0)), now: now)
        #expect(container(of: 50) == idA)
        #expect(container(of: 21) == "user-1000-\(idA)")
        inventory.apply(.exec(pid: 21, facts: facts(21, busybox, cgroup: path, uid: 1000)), now: now)
        #expect(container(of: 21) == "user-1000-\(idA)")
        #expect(inventory.containers.count == 2)
    }

    @Test mutating func userTakesNoNameOfRoots() throws {
        run(20, uid: 0, cgroup: "/web")
        _ = inventory.takeDiscoveries()
        run(30, uid: 1000, cgroup: "/system.slice/cron.service/web", root: "/home/alice/r")
        #expect(container(of: 21) == "web")
        #expect(container(of: 31) == "user-1000-web")
        // The runtimes themselves.
        #expect(container(of: 20) == "web")
        #expect(container(of: 30) == "user-1000-web")
        let found = inventory.takeDiscoveries()
        #expect(found.map(\.id.rawValue) == ["user-1000-web"])
        #expect(found.first?.runtimeID.rawValue == "web")
        #expect(found.first?.rootlessUser == 1000)
        // What joins it by its cgroup alone is the user's as well.
        inventory.apply(
            .exec(pid: 40, facts: facts(40, busybox, cgroup: "/system.slice/cron.service/web/x", uid: 1000)), now: now)
        #expect(container(of: 40) == "user-1000-web")
        // Another user, and one who has that very name already.
        run(50, uid: 1001, cgroup: "/a/web", "user-1000-web")
        #expect(container(of: 51) == "user-1001-user-1000-web")
    }

    /// systemd's driver puts the name into the cgroup's path.
    @Test mutating func usersScopeOfRootsName() throws {
        let path = "/user.slice/user-1000.slice/user@1000.service/user.slice/runc-web.scope"
        run(20, uid: 0, cgroup: "/system.slice/runc-web.scope")
        run(30, uid: 1000, cgroup: path)
        #expect(container(of: 21) == "web")
        #expect(container(of: 31) == "user-1000-web")
        inventory.apply(.exec(pid: 40, facts: facts(40, busybox, cgroup: path + "/x", uid: 1000)), now: now)
        #expect(container(of: 40) == "user-1000-web")
        #expect(inventory.container(try containerID("web"))?.cgroupPath == "/system.slice/runc-web.scope")
    }

    /// The user was first: root's container gets the name, the user's one keeps its processes.
    @Test(arguments: [false, true]) mutating func rootTakesHisNameBack(isByStateFile: Bool) throws {
        run(20, uid: 1000, cgroup: "/system.slice/cron.service/web")
        #expect(container(of: 21) == "web")
        _ = inventory.takeDiscoveries()
        let id = try containerID("web")
        var described = Container(id: id, runtime: .runc, cgroupPath: "/", firstSeen: 0)
        described.name = "the user's"
        var facts = PrivilegeFacts()
        facts.isRootless = true
        described.privileges = facts.judged
        inventory.set(described, now: now)
        if isByStateFile {
            let first = self.facts(31, busybox, cgroup: "/web", uid: 0)
            inventory.apply(.exec(pid: 31, facts: first), now: now)
            inventory.add([ContainerDiscovery(id: id, runtime: .runc, cgroupPath: "/web", pid: 31)], now: now)
        } else {
            run(30, uid: 0, cgroup: "/web")
        }
        #expect(container(of: 31) == "web")
        #expect(container(of: 21) == "user-1000-web")
        let found = inventory.takeDiscoveries()
        let roots = try #require(found.first { $0.id == id })
        #expect(roots.rootlessUser == nil)
        #expect(roots.cgroupPath == "/web")
        #expect(found.first { $0.id.rawValue == "user-1000-web" }?.runtimeID == id)
        #expect(inventory.container(id)?.name == nil)
        #expect(inventory.container(try containerID("user-1000-web"))?.name == "the user's")
        // A description of the user's that was under way meanwhile.
        inventory.set(described, now: now)
        #expect(inventory.container(id)?.name == nil)
        // Both end by themselves.
        inventory.apply(.exit(pid: 21), now: now)
        #expect(inventory.containers.map(\.id) == [id])
    }

    /// `exec` makes no container: root's into a user's one names that.
    @Test mutating func execIntoAUsersContainer() throws {
        run(20, uid: 1000, cgroup: "/")
        let words = ["runc", "--root", "/r", "exec", "web", "sh"]
        inventory.apply(.exec(pid: 30, facts: facts(30, runc, cgroup: "/", uid: 0, words)), now: now)
        inventory.apply(.fork(child: 31, parent: 30), now: now)
        inventory.apply(.exec(pid: 31, facts: facts(31, busybox, cgroup: "/", uid: 0)), now: now)
        #expect(container(of: 31) == "web")
        #expect(container(of: 21) == "web")
        #expect(inventory.takeDiscoveries().first?.rootlessUser == 1000)
    }

    /// The paths that a user gave lead to another's files: they are not opened as root.
    @Test func usersPathsAreReadAsHis() throws {
        try tree.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
        try tree.process(1)
        try tree.process(30, pidNamespace: 5, inner: 1)
        try tree.write("secret/web/state.json", #"{"id": "web", "init_process_pid": 30}"#)
        try tree.write("secret/config.json", #"{"process": {"args": ["of", "root"]}}"#)
        let reader = ContainerReader(root: tree.path, proc: ProcFilesystem(root: tree.path), host: testHost)
        let id = try containerID("web")
        var discovery = ContainerDiscovery(id: id, runtime: .runc, cgroupPath: "/system.slice/cron.service/web")
        discovery.arguments = RuntimeArguments(verb: .run, id: id, root: "/secret", bundle: "/secret")
        let roots = reader.describe(discovery)
        #expect(roots.command == ["of", "root"])
        #expect(roots.initProcess?.pid == 30)
        discovery.rootlessUser = 1000
        let users = reader.describe(discovery)
        #expect(users.command.isEmpty)
        #expect(users.initProcess == nil)
        #expect(users.privileges?.facts.isRootless == true)
    }
}
