import ContainerInventory
import EventModel
import Foundation
import Glibc
import LinuxSystem
import Testing

/// Rootless podman and docker, as their documentation has the layout: what a user's files say is believed of his own
/// processes alone. Live acts play the real ones.
@Suite(.enabled(if: geteuid() == 0, "files of another user are made")) struct RootlessTests {
    let tree: TemporaryTree
    let reader: ContainerReader
    let uid: UInt32 = 1000
    let home = "home/alice"
    private let processNamespace: UInt64 = 4_026_532_777

    init() throws {
        tree = try TemporaryTree()
        try tree.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
        try tree.process(1)
        try tree.process(30, cgroup: "0::/user.slice/user-1000.slice/session-1.scope\n", pidNamespace: 5, inner: 1)
        try tree.link("30/ns/user", to: "user:[\(processNamespace)]")
        try tree.write("30/uid_map", "         0       1000          1\n         1     100000      65536\n")
        reader = ContainerReader(root: tree.path, proc: ProcFilesystem(root: tree.path), host: testHost)
    }

    private func own(_ file: String, _ text: String, uid: UInt32 = 1000) throws {
        try tree.write(file, text)
        #expect(unsafe chown("\(tree.path)/\(file)", uid, uid) == 0)
    }

    private func podman(_ id: String, pid: Int32 = 30, privileged: Bool = false) throws {
        let storage = "\(home)/.local/share/containers/storage/overlay-containers"
        try own("run/user/1000/crun/\(id)/status", #"{"pid": \#(pid), "bundle": "/\#(storage)/\#(id)/userdata"}"#)
        let word = privileged ? "TRUE" : "FALSE"
        try own(
            "\(storage)/\(id)/userdata/config.json",
            #"""
            {"annotations": {"io.container.manager": "libpod", "io.podman.annotations.privileged": "\#(word)"},
             "process": {"args": ["sleep"], "capabilities": {"bounding": []}}}
            """#)
        try own(
            "\(storage)/containers.json",
            #"[{"id": "\#(id)", "names": ["web"], "metadata": "{\"image-name\": \"docker.io/nginx:1\"}"}]"#)
    }

    private func discovery(_ id: String) throws -> ContainerDiscovery {
        ContainerDiscovery(
            id: try containerID(id), runtime: .podman,
            cgroupPath: "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(id).scope")
    }

    @Test(arguments: [(false, PrivilegeVerdict.restricted), (true, .inUserNamespace)])
    func podman(privileged: Bool, verdict: PrivilegeVerdict) throws {
        try podman(idA, privileged: privileged)
        let container = reader.describe(try discovery(idA))
        #expect(container.runtime == .podman)
        #expect(container.name == "web")
        #expect(container.image == "docker.io/nginx:1")
        #expect(container.initProcess?.pid == 30)
        #expect(container.privileges?.verdict == verdict)
        #expect(container.isPrivileged == false)
        #expect(container.command == ["sleep"])
    }

    /// Where the overlay driver does not work, podman takes another one, and its directories another name.
    @Test func anotherStorageDriver() throws {
        try podman(idA)
        let storage = "\(home)/.local/share/containers/storage"
        try FileManager.default.moveItem(
            atPath: "\(tree.path)/\(storage)/overlay-containers", toPath: "\(tree.path)/\(storage)/vfs-containers")
        try own("run/user/1000/crun/\(idA)/status", #"{"pid": 30, "bundle": "/nowhere"}"#)
        let digest = "sha256:" + String(repeating: "ab", count: 32)
        try own("\(storage)/vfs-images/images.json", #"[{"id": "i", "digest": "\#(digest)"}]"#)
        try own(
            "\(storage)/vfs-containers/containers.json", #"[{"id": "\#(idA)", "names": ["other"], "image": "i"}]"#)
        let container = reader.describe(try discovery(idA))
        #expect(container.name == "other")
        // His word, and a digest is believed.
        #expect(container.imageDigest == nil)
        #expect(container.command == ["sleep"])
    }

    @Test func docker() throws {
        let runtime = "run/user/1000/docker"
        try own(
            "\(runtime)/runtime-runc/moby/\(idA)/state.json", #"{"id": "\#(idA)", "init_process_pid": 30}"#)
        try own(
            "\(runtime)/containerd/daemon/io.containerd.runtime.v2.task/moby/\(idA)/config.json",
            #"{"process": {"args": ["sleep"]}}"#)
        let data = "\(home)/.local/share/docker/containers/\(idA)"
        try own("\(data)/config.v2.json", #"{"Name": "/web", "Config": {"Image": "nginx"}}"#)
        try own("\(data)/hostconfig.json", #"{"Privileged": true}"#)
        let container = reader.describe(
            ContainerDiscovery(
                id: try containerID(idA), runtime: .docker,
                cgroupPath: "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-\(idA).scope"))
        #expect(container.runtime == .docker)
        #expect(container.name == "web")
        #expect(container.image == "nginx")
        #expect(container.initProcess?.pid == 30)
        #expect(container.privileges?.verdict == .inUserNamespace)
    }

    /// nerdctl (extras/rootless/containerd-rootless.sh of 2.3): the user's runtime directory is containerd's /run in the
    /// namespaces that rootlesskit makes. What the user says of his container's digest is not asked for.
    @Test func nerdctl() throws {
        try own(
            "run/user/1000/containerd/runc/default/\(idA)/state.json", #"{"id": "\#(idA)", "init_process_pid": 30}"#)
        try own(
            "run/user/1000/containerd/io.containerd.runtime.v2.task/default/\(idA)/config.json",
            #"{"annotations": {"nerdctl/name": "web", "nerdctl/privileged": "true"}, "process": {"args": ["sleep"]}}"#)
        let container = reader.describe(
            ContainerDiscovery(
                id: try containerID(idA), runtime: .containerd,
                cgroupPath: "/user.slice/user-1000.slice/user@1000.service/user.slice/nerdctl-\(idA).scope"))
        #expect(container.runtime == .containerd)
        #expect(container.name == "web")
        #expect(container.initProcess?.pid == 30)
        #expect(container.privileges?.verdict == .inUserNamespace)
        #expect(reader.scanRootless().map(\.id.rawValue) == [idA])
    }

    /// Without a cgroup of its own, only the state file names it.
    @Test func withoutCgroup() throws {
        try podman(idA)
        try tree.write("run/user/1000/empty", "")
        let found = reader.scanRootless()
        #expect(found.map(\.id.rawValue) == [idA])
        #expect(found.first?.cgroupPath == "/")
        #expect(found.first?.pid == 30)
        #expect(found.first?.rootlessUser == uid)
        #expect(reader.describe(try #require(found.first)).name == "web")
    }

    /// A user who names somebody else's process gets nothing.
    @Test func anothersProcess() throws {
        try podman(idA)
        // The host's own namespace.
        try tree.link("30/ns/user", to: "user:[4026531837]")
        #expect(reader.scanRootless().isEmpty)
        #expect(reader.describe(try discovery(idA)).initProcess == nil)
        // Another user's container.
        try tree.link("30/ns/user", to: "user:[\(processNamespace)]")
        try tree.write("30/uid_map", "0 1001 1\n1 200000 65536\n")
        #expect(reader.scanRootless().isEmpty)
        // A container that root's engine made for itself: its cgroup names another id.
        try tree.write("30/uid_map", "0 1000 1\n")
        try tree.write("30/cgroup", "0::/system.slice/docker-\(idB).scope\n")
        #expect(reader.scanRootless().isEmpty)
        try tree.write("30/cgroup", "0::/user.slice/x\n")
        #expect(reader.scanRootless().count == 1)
    }

    /// Files that are not his, and ways out of his directories.
    @Test func anothersFiles() throws {
        try podman(idA)
        let status = "run/user/1000/crun/\(idA)/status"
        #expect(unsafe chown("\(tree.path)/\(status)", 0, 0) == 0)
        #expect(reader.scanRootless().isEmpty)
        try own(status, #"{"pid": 30, "bundle": "/elsewhere"}"#)
        try own("elsewhere/config.json", #"{"process": {"args": ["elsewhere"]}}"#)
        #expect(reader.describe(try discovery(idA)).command == ["sleep"])
        // A link on the way.
        try tree.remove("\(home)/.local/share/containers/storage/overlay-containers/\(idA)/userdata")
        try tree.link(
            "\(home)/.local/share/containers/storage/overlay-containers/\(idA)/userdata", to: "\(tree.path)/elsewhere")
        #expect(reader.describe(try discovery(idA)).command.isEmpty)
    }
}
