import ContainerInventory
import EventModel
import Foundation
import Glibc
import LinuxSystem
import Testing

/// The readers on recordings of the real engines (Fixtures, made on the development machine), on trees that lack parts,
/// and on hostile files.
@Suite struct ContainerReaderTests {
    @Test(arguments: [
        ("podman-runc-plain", ContainerRuntime.podman, "na-test-plain", "localhost/na-test:latest" as String?, false),
        ("podman-runc-priv", .podman, "na-test-priv", "localhost/na-test:latest", true),
        ("podman-kube", .podman, "lab002-privileged-test", "localhost/na-test:latest", true),
        ("docker-plain", .docker, "na-test-plain", "na-test", false),
        ("docker-priv", .docker, "na-test-priv", "na-test", true),
        ("containerd-ctr-plain", .containerd, "na-test-plain", nil, false),
        ("containerd-ctr-priv", .containerd, "na-test-priv", nil, true),
        ("vm-podman-runc-plain", .podman, "na-runc-plain", "localhost/vm-busybox:latest", false),
        ("vm-podman-runc-priv", .podman, "na-runc-priv", "localhost/vm-busybox:latest", true),
        ("vm-podman-crun-plain", .podman, "na-crun-plain", "localhost/vm-busybox:latest", false),
        ("vm-podman-crun-priv", .podman, "na-crun-priv", "localhost/vm-busybox:latest", true),
        ("vm-podman-kube", .podman, "lab002-privileged-test", "localhost/vm-busybox:latest", true),
        ("vm-docker-plain", .docker, "na-plain", "localhost/vm-busybox", false),
        ("vm-docker-priv", .docker, "na-priv", "localhost/vm-busybox", true),
        ("vm-ctr-plain", .containerd, "na-plain", nil, false),
        ("vm-ctr-priv", .containerd, "na-priv", nil, true),
    ])
    func engines(fixture: String, runtime: ContainerRuntime, name: String, image: String?, privileged: Bool) throws {
        let recording = try Recording(fixture)
        let discovery = try recording.discovery()
        let container = recording.reader().describe(discovery)
        #expect(container.id.rawValue == recording.facts.id)
        #expect(container.runtime == runtime)
        #expect(container.name == name)
        #expect(container.image == image)
        #expect(container.isPrivileged == privileged, "\(container.privileges?.reasons ?? [])")
        #expect(container.privileges?.reasons.isEmpty == false)
        #expect(container.initProcess?.pid == recording.facts.init_pid)
        #expect(container.initProcess?.startTime != 0)
        let facts = try #require(ProcessReader(proc: recording.proc).read(recording.facts.init_pid))
        #expect(container.mountNamespace == facts.mountNamespace)
        #expect(container.pidNamespace == facts.pidNamespace)
        #expect(container.networkNamespace != nil)
        #expect(container.declaredDevices.isEmpty != privileged)
        #expect(container.cgroupPath == (facts.cgroup?.path ?? facts.cgroupPath))
    }

    /// `podman kube play`: the pod's name is its infra container's host name.
    @Test func pod() throws {
        let recording = try Recording("podman-kube")
        let container = recording.reader().describe(try recording.discovery())
        #expect(container.pod == "lab002-privileged")
        #expect(container.podNamespace == "default")
        #expect(!container.isSandbox)
        let sandbox = "77f7638c5d356351d1b628864870060b9313b468f692871691cb781e3be61888"
        let infra = recording.reader().describe(
            ContainerDiscovery(
                id: try containerID(sandbox), runtime: .podman, cgroupPath: "/libpod_parent/x/libpod-\(sandbox)"))
        #expect(infra.isSandbox)
        #expect(infra.pod == "lab002-privileged")
        #expect(infra.isPrivileged == false)
    }

    @Test func rawRuncByItsArguments() throws {
        let recording = try Recording("runc-raw")
        let arguments = RuntimeArguments(
            verb: .run, id: try containerID("na-raw"), root: "/tmp/nat/rr/root", bundle: "/tmp/nat/rr/b")
        let container = recording.reader().describe(try recording.discovery(arguments: arguments))
        #expect(container.runtime == .runc)
        #expect(container.name == "na-raw")
        #expect(container.image == nil)
        #expect(container.isPrivileged == false)
        #expect(container.initProcess?.pid == recording.facts.init_pid)
        // Without any file: the kernel's view alone.
        let bare = recording.reader().describe(try recording.discovery())
        #expect(bare.runtime == .unknown)
        #expect(bare.isPrivileged == false)
        #expect(bare.initProcess?.pid == recording.facts.init_pid)
    }

    /// Nobody saw the runtime's exec: its command line is still there, as the parent of the container's first process.
    @Test(arguments: [("na-raw", 0, true), ("another", 0, false), ("na-raw", 1000, false)])
    func rawRuncByItsParent(id: String, uid: Int, isDescribed: Bool) throws {
        let recording = try Recording("runc-raw")
        let parent = 4242
        let pid = recording.facts.init_pid
        let stat = try String(contentsOfFile: "\(recording.root)/proc/\(pid)/stat", encoding: .utf8)
        var fields = stat.split(separator: " ").map(String.init)
        fields[3] = "\(parent)"
        try recording.tree.write("proc/\(pid)/stat", fields.joined(separator: " "))
        let words = ["runc", "--root", "/tmp/nat/rr/root", "run", "--bundle", "/tmp/nat/rr/b", id]
        try recording.tree.write("proc/\(parent)/cmdline", words.joined(separator: "\0") + "\0")
        try recording.tree.link("proc/\(parent)/exe", to: "/bin/true")
        try recording.tree.write("proc/\(parent)/status", "Name:\trunc\nUid:\t7\t\(uid)\t\(uid)\t\(uid)\n")
        var host = testHost
        host.runtimeBinaries = [try FileStatus.of("/bin/true").file]
        for binaries in [host, testHost] {
            let reader = ContainerReader(root: recording.root, proc: recording.proc, host: binaries)
            let container = reader.describe(try recording.discovery())
            let isKnown = isDescribed && !binaries.runtimeBinaries.isDisjoint(with: host.runtimeBinaries)
            #expect((container.runtime == .runc) == isKnown)
            #expect(container.command.isEmpty != isKnown)
        }
    }

    /// The kernel's view finds a privileged container with no runtime file at all.
    @Test(arguments: [
        ("containerd-ctr-priv", true), ("containerd-ctr-plain", false), ("podman-runc-priv", true),
        ("podman-runc-plain", false), ("docker-priv", true), ("docker-plain", false), ("podman-kube", true),
        ("vm-podman-crun-priv", true), ("vm-podman-crun-plain", false), ("vm-docker-priv", true),
        ("vm-docker-plain", false), ("vm-ctr-priv", true), ("vm-ctr-plain", false),
    ])
    func kernelAlone(fixture: String, privileged: Bool) throws {
        let recording = try Recording(fixture)
        for directory in ["run", "var"] { try? recording.tree.remove(directory) }
        let container = recording.reader().describe(try recording.discovery())
        #expect(container.isPrivileged == privileged, "\(container.privileges?.reasons ?? [])")
        #expect(container.initProcess?.pid == recording.facts.init_pid)
    }

    /// A container that is made but not started: the configuration alone, for init still has the runtime's rights.
    @Test func notStartedYet() throws {
        let recording = try Recording("containerd-ctr-plain")
        let pid = recording.facts.init_pid
        try recording.tree.link("proc/\(pid)/exe", to: "/memfd:runc_cloned:/proc/self/exe (deleted)")
        let container = recording.reader().describe(try recording.discovery())
        #expect(container.mountNamespace == nil)
        #expect(container.isPrivileged == false)
        #expect(container.initProcess?.pid == pid)
    }

    @Test func noProcessAndNoFiles() throws {
        let recording = try Recording("docker-priv")
        for directory in ["run", "var", "proc"] { try? recording.tree.remove(directory) }
        let container = recording.reader().describe(
            ContainerDiscovery(id: try containerID(idA), runtime: .docker, cgroupPath: "/docker/\(idA)"))
        #expect(container.isPrivileged == nil)
        #expect(container.initProcess == nil)
        #expect(container.name == nil)
    }

    /// A state file whose process is another one by now.
    @Test func pidOfAStateFileUsedAgain() throws {
        let recording = try Recording("podman-runc-plain")
        let pid = recording.facts.init_pid
        let stat = try String(contentsOfFile: "\(recording.root)/proc/\(pid)/stat", encoding: .utf8)
        var fields = stat.split(separator: " ").map(String.init)
        fields[21] = "999999999"
        try recording.tree.write("proc/\(pid)/stat", fields.joined(separator: " "))
        #expect(recording.reader().scan().isEmpty)
    }

    @Test(arguments: [
        ("podman-kube", ContainerRuntime.podman, 2), ("docker-plain", .docker, 1),
        ("containerd-ctr-plain", .containerd, 1),
        ("vm-podman-crun-plain", .podman, 1), ("vm-docker-plain", .docker, 1), ("vm-ctr-plain", .containerd, 1),
    ])
    func scan(fixture: String, runtime: ContainerRuntime, count: Int) throws {
        let recording = try Recording(fixture)
        let found = recording.reader().scan()
        #expect(found.count == count)
        let own = try #require(found.first { $0.id.rawValue == recording.facts.id })
        #expect(own.runtime == runtime)
        #expect(own.pid == recording.facts.init_pid)
        let last = own.cgroupPath.split(separator: "/").last
        #expect(last?.contains(recording.facts.id) == true)
    }

    /// A command line that was read late does not say which runtime it was; the state file does.
    @Test(arguments: [("crun", "status", ContainerRuntime.crun), ("runc", "state.json", .runc)])
    func stateNamesTheRuntime(directory: String, file: String, runtime: ContainerRuntime) throws {
        let tree = try TemporaryTree()
        try tree.write("run/\(directory)/web/\(file)", #"{"pid": 0, "init_process_pid": 0, "bundle": "/b"}"#)
        let reader = ContainerReader(root: tree.path, proc: ProcFilesystem(root: "\(tree.path)/proc"), host: testHost)
        for told in [ContainerRuntime.runc, .crun, .unknown] {
            let discovery = ContainerDiscovery(id: try containerID("web"), runtime: told, cgroupPath: "/")
            #expect(reader.describe(discovery).runtime == runtime)
        }
    }

    /// crun's status file and containerd's CRI annotations, in the shape of peers.md 3 (no recording yet).
    @Test func crunAndCRI() throws {
        let tree = try TemporaryTree()
        try tree.process(50, start: 77, cgroup: "0::/kubepods/pod1/\(idA)\n", mount: 5, pidNamespace: 6, inner: 1)
        for entry in try FileManager.default.contentsOfDirectory(atPath: tree.path) {
            try FileManager.default.createDirectory(atPath: "\(tree.path)/proc", withIntermediateDirectories: true)
            try FileManager.default.moveItem(atPath: "\(tree.path)/\(entry)", toPath: "\(tree.path)/proc/\(entry)")
        }
        try tree.write(
            "run/crun/\(idA)/status", #"{"pid":50,"process-start-time":77,"cgroup-path":"/x","bundle":"/b"}"#)
        try tree.write(
            "run/containerd/io.containerd.runtime.v2.task/k8s.io/\(idA)/config.json",
            """
            {"annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-name":"web-0",
            "io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.container-name":"web",
            "io.kubernetes.cri.image-name":"registry:5000/web:1"},
            "linux":{"devices":[{"type":"b","major":8,"minor":0},{"type":"p"},{"type":"c","major":-1,"minor":5}]}}
            """)
        let reader = ContainerReader(root: tree.path, proc: ProcFilesystem(root: "\(tree.path)/proc"), host: testHost)
        let container = reader.describe(
            ContainerDiscovery(id: try containerID(idA), runtime: .containerd, cgroupPath: "/kubepods/pod1/\(idA)"))
        #expect(container.runtime == .containerd)
        #expect(container.pod == "web-0")
        #expect(container.podNamespace == "shop")
        #expect(container.name == "web")
        #expect(container.image == "registry:5000/web:1")
        #expect(container.declaredDevices == [DeviceNumber(major: 8, minor: 0)])
        #expect(container.initProcess == ProcessKey(pid: 50, startTime: 77))
        let sandbox = reader.describe(
            ContainerDiscovery(id: try containerID(idB), runtime: .containerd, cgroupPath: "/"))
        #expect(!sandbox.isSandbox)
    }

    /// No hostile file ends the program, and none is believed.
    @Test func hostileFiles() throws {
        let recording = try Recording("docker-plain")
        let id = recording.facts.id
        let bundle = "run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/\(id)/config.json"
        var random = SystemRandomNumberGenerator()
        let deep = Data(repeating: UInt8(ascii: "["), count: 100_000)
        var files = [
            deep, Data("{\"linux\":".utf8) + deep, Data(repeating: UInt8(ascii: "{"), count: 1000), Data(),
            Data(#"{"linux":{"devices":[{"type":"b","major":1e400,"minor":99999999999999999999}]}}"#.utf8),
            Data(#"{"annotations":{"a":1},"mounts":5}"#.utf8), Data("null".utf8), Data("\"x".utf8),
            Data(String(repeating: "[{\"a\":", count: 20_000).utf8),
        ]
        for _ in 0..<200 { files.append(Data((0..<300).map { _ in UInt8.random(in: 0...255, using: &random) })) }
        let names = [
            bundle, "run/docker/runtime-runc/moby/\(id)/state.json", "var/lib/docker/containers/\(id)/config.v2.json",
            "var/lib/docker/containers/\(id)/hostconfig.json", "proc/\(recording.facts.init_pid)/mountinfo",
            "proc/\(recording.facts.init_pid)/status", "proc/\(recording.facts.init_pid)/stat",
        ]
        let reader = recording.reader()
        let discovery = try recording.discovery()
        for file in files {
            for name in names { try recording.tree.write(name, file) }
            let container = reader.describe(discovery)
            #expect(container.isPrivileged != true)
            _ = reader.scan()
        }
        // A link in the place of a file is not followed; a file beyond the cap is not taken.
        let recorded = try Recording("podman-runc-priv")
        let config = "var/lib/containers/storage/overlay-containers/\(recorded.facts.id)/userdata/config.json"
        let original = try Data(contentsOf: URL(fileURLWithPath: "\(recorded.root)/\(config)"))
        try recorded.tree.write("elsewhere", original)
        try recorded.tree.link(config, to: "\(recorded.root)/elsewhere")
        #expect(recorded.reader().describe(try recorded.discovery()).declaredDevices.isEmpty)
        try recorded.tree.remove(config)
        try recorded.tree.write(config, original + Data(repeating: UInt8(ascii: " "), count: 17 << 20))
        #expect(recorded.reader().describe(try recorded.discovery()).declaredDevices.isEmpty)
    }
}

@Suite struct CgroupTreeTests {
    static let hybrid = """
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
        39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
        42 31 0:38 / /mnt/again rw,relatime - cgroup2 cgroup2 rw
        43 31 0:37 /docker/x /mnt/part rw,relatime - cgroup cgroup rw,xattr,name=systemd

        """

    @Test func hierarchies() {
        let tree = CgroupTree(mounts: MountInfo.parse(Array(Self.hybrid.utf8)))
        #expect(
            tree.hierarchies.map(\.mountPoint) == ["cpu", "pids", "systemd", "unified"].map { "/sys/fs/cgroup/\($0)" })
        #expect(tree.principal.map(\.controllers) == [["name=systemd"], [], ["pids"]])
        #expect(tree.relative("/sys/fs/cgroup/unified/docker/x") == "/docker/x")
        #expect(tree.relative("/sys/fs/cgroup/memory/x") == nil)
        let unified = CgroupTree(
            mounts: MountInfo.parse(Array("1 2 0:5 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n".utf8)))
        #expect(unified.relative("/sys/fs/cgroup/machine.slice/x") == "/machine.slice/x")
        #expect(unified.relative("/sys/fs/cgroup") == "/")
    }

    @Test func containersAndProcesses() throws {
        let files = try TemporaryTree()
        for hierarchy in ["systemd", "unified"] {
            let base = "sys/fs/cgroup/\(hierarchy)"
            try files.write("\(base)/cgroup.procs", "1\n2\n")
            try files.write("\(base)/machine.slice/libpod-\(idA).scope/cgroup.procs", "")
            try files.write("\(base)/machine.slice/libpod-\(idA).scope/container/cgroup.procs", "77\n78\n")
            try files.write("\(base)/machine.slice/libpod-conmon-\(idA).scope/cgroup.procs", "5\n")
            try files.write("\(base)/system.slice/memory.service/cgroup.procs", "9\n")
            try files.write("\(base)/docker/\(idB)/cgroup.procs", "90\n")
        }
        let tree = CgroupTree(mounts: MountInfo.parse(Array(Self.hybrid.utf8)), root: files.path)
        #expect(tree.containers().map(\.id.rawValue) == [idB, idA])
        #expect(tree.processes(in: "/machine.slice/libpod-\(idA).scope") == [77, 78])
        #expect(tree.processes(in: "/system.slice/memory.service") == [9])
        #expect(tree.processes(in: "/nothing") == [])
    }

    /// However many cgroups a container makes, the others are found, and so are containers in it.
    @Test func noContainerHidesAnother() throws {
        let files = try TemporaryTree()
        let others = (0..<8).map { String(repeating: "\($0)", count: 64) }
        let inner = "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1.slice/cri-containerd-\(idB).scope"
        for other in others { try files.write("cg/docker/\(other)/cgroup.procs", "") }
        try files.write("cg/docker/\(others[3])/\(inner)/cgroup.procs", "")
        try files.write("cg/docker/\(idA)/cgroup.procs", "")
        for outer in 0..<20 {
            let parent = "\(files.path)/cg/docker/\(idA)/x\(outer)"
            try #require(unsafe mkdir(parent, 0o755) == 0)
            for number in 0..<20 { try #require(unsafe mkdir("\(parent)/\(number)", 0o755) == 0) }
        }
        let row = "30 24 0:26 / /cg rw - cgroup2 cgroup2 rw"
        var tree = CgroupTree(mounts: MountInfo.parse(Array(row.utf8)), root: files.path)
        tree.walkLimit = 200
        let found = tree.containers().map(\.id.rawValue)
        #expect(Set(others).isSubset(of: found))
        #expect(found.contains(idA))
        #expect(found.contains(idB))
    }

    /// This machine, as it is.
    @Test func here() throws {
        let tree = CgroupTree(mounts: try ProcFilesystem().mounts(try #require(Int32(readLink("/proc/self")))))
        var count = 0
        for hierarchy in tree.hierarchies { tree.walk(hierarchy) { _ in count += 1 } }
        #expect(tree.hierarchies.isEmpty || count >= 0)
    }
}

@Suite struct HostTests {
    /// The reader on this very process.
    @Test func readsItself() throws {
        let pid = try #require(Int32(readLink("/proc/self")))
        let facts = try #require(ProcessReader(proc: ProcFilesystem()).read(pid))
        #expect(facts.key.pid == pid)
        #expect(facts.key.startTime > 0)
        #expect(facts.executable != nil)
        #expect(!facts.commandLine.isEmpty)
        #expect(facts.mountNamespace != nil)
        #expect(facts.isCgroupKnown)
        #expect(facts.namespacedPID > 0)
        #expect(ProcessReader(proc: ProcFilesystem()).read(0) == nil)
        #expect(ProcessReader(proc: ProcFilesystem()).read(Int32.max) == nil)
    }

    @Test func userNames() throws {
        let tree = try TemporaryTree()
        try tree.write(
            "passwd", "root:x:0:0::/:/bin/sh\n#c\nbad\nweb:x:33:33::/:/x\nsecond:x:33:33::/:/x\n:x:5:5::/:\n")
        var names = UserNames(path: "\(tree.path)/passwd")
        #expect(names.name(of: 0) == nil)
        names.refresh()
        #expect(names.name(of: 0) == "root")
        #expect(names.name(of: 33) == "web")
        #expect(names.name(of: 5) == nil)
        #expect(names.name(of: .max) == nil)
        try tree.write("passwd", "toor:x:0:0::/:/bin/sh\n")
        names.refresh()
        #expect(names.name(of: 0) == "toor")
        #expect(names.name(of: 33) == nil)
    }

    @Test func identity() throws {
        let tree = try TemporaryTree()
        try tree.process(1)
        try tree.write("1/status", "CapBnd:\t000001fffeffffff\n")
        let host = try HostIdentity.read(
            proc: ProcFilesystem(root: tree.path), runtimePaths: ["\(tree.path)/1/stat", "/nope"])
        #expect(host.pidNamespace == testHost.pidNamespace)
        #expect(host.boundingCapabilities.rawValue == 0x1ff_feff_ffff)
        #expect(host.runtimeBinaries.contains(try FileStatus.of("\(tree.path)/1/stat").file))
    }
}
