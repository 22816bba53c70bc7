import ContainerInventory
import EventModel
import Foundation
import LinuxSystem
import Testing

/// Runtimes of machines that the project did not have, by what others have pasted of them (`Fixtures/quoted/README.md`).
/// What stands in the tests themselves has its shape from the runtime's source, in the version that is named.
@Suite struct QuotedRecordingsTests {
    private static let directory = Recording.directory + "/quoted"

    private func quoted(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(Self.directory)/\(name)"))
    }

    // MARK: /proc/PID/cgroup

    @Test(arguments: [
        (
            "crio-systemd", "5eed917563583925ffdbd40a64efb2aaffe58638e57add8becaf460fe74f5b1c", ContainerRuntime.crio,
            nil as String?
        ),
        (
            "minikube-crio", "0ba8ac17e4e7a31fb82279503552fe94e64bab4745bf6fd2ff231e7c8ca8bed0", .crio,
            "d6701ec289c56e4391acb11d07474b3139466857a305490575508a8b7a9fcf22"
        ),
        ("lxc-3-payload", "example", .lxc, nil), ("lxc-1-privileged", "privileged-container", .lxc, nil),
        ("lxd-4-service", "focal", .lxc, nil),
    ])
    func cgroups(file: String, id: String, runtime: ContainerRuntime, outer: String?) throws {
        let memberships = CgroupMembership.parse(Array(try quoted("\(file).cgroup")))
        let found = try #require(ContainerCgroup.classify(memberships))
        #expect(found.id.rawValue == id)
        #expect(found.runtime == runtime)
        #expect(found.outer?.rawValue == outer)
        #expect(found.path.contains(id))
        #expect(!found.path.hasSuffix("init.scope") && !found.path.hasSuffix(".service"))
    }

    /// The monitor is the host's. A user's container of LXC 1 has a free name: nothing tells it from any other cgroup.
    @Test(arguments: ["lxc-3-monitor", "lxc-1-unprivileged"])
    func cgroupsOfNoContainer(file: String) throws {
        let memberships = CgroupMembership.parse(Array(try quoted("\(file).cgroup")))
        #expect(!memberships.isEmpty)
        #expect(ContainerCgroup.classify(memberships) == nil)
    }

    /// CRI-O 1.37, internal/config/cgmgr: where each driver puts a container, conmon, and a pod's empty sandbox cgroup.
    @Test(arguments: [
        ("/kubepods.slice/kubepods-pod1.slice/crio-\(idA).scope/container", true), ("/crio/crio-\(idA)", true),
        ("/system.slice/crio-\(idA).scope", true), ("/kubepods/burstable/pod1/crio-\(idA)", true),
        ("/kubepods.slice/kubepods-pod1.slice:crio:\(idA)", true),
        ("/kubepods.slice/kubepods-pod1.slice/crio-\(idA)", false),
        ("/kubepods.slice/kubepods-pod1.slice/crio-conmon-\(idA).scope", false),
        ("/kubepods/burstable/pod1/crio-conmon-\(idA)", false),
    ])
    func crioDrivers(path: String, isContainer: Bool) {
        #expect((ContainerCgroup.classify(path)?.runtime == .crio) == isContainer)
    }

    /// LXC 7.0, src/lxc/cgroups/cgfsng.c: a name that is taken gets a number, a user's systemd a scope around it,
    /// lxc.cgroup.dir a directory; lxc-attach works in `.lxc`.
    @Test(arguments: [
        ("/lxc.payload.web-1", "web-1"), ("/lxc.payload.web/.lxc", "web"), ("/mine/lxc.payload.web", "web"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/lxc-web-0.scope/lxc.payload.web/init.scope", "web"
        ),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/lxc-web-0.scope/lxc.monitor.web", nil),
        ("/lxc.monitor.web-1", nil), ("/lxc.pivot", nil),
    ])
    func lxc(path: String, id: String?) {
        #expect(ContainerCgroup.classify(path)?.id.rawValue == id)
    }

    // MARK: Files

    private func reader(_ tree: TemporaryTree) -> ContainerReader {
        ContainerReader(root: tree.path, proc: ProcFilesystem(root: "\(tree.path)/proc"), host: testHost)
    }

    private func crio(_ id: String, _ pod: String = "kubepods-pod1.slice") throws -> ContainerDiscovery {
        let cgroup = try #require(ContainerCgroup.classify("/kubepods.slice/\(pod)/crio-\(id).scope"))
        return ContainerDiscovery(id: cgroup.id, runtime: cgroup.runtime, cgroupPath: cgroup.path)
    }

    @Test func crioContainer() throws {
        let tree = try TemporaryTree()
        let id = "438e2ba9d5970597608a7df68ae72f6085a1460f976f964ed5f369c793eaa4fe"
        try tree.write(
            "run/containers/storage/overlay-containers/\(id)/userdata/config.json", try quoted("crio-container.json"))
        let container = reader(tree).describe(try crio(id))
        #expect(container.runtime == .crio)
        #expect(container.name == "coredns")
        #expect(container.image == "k8s.gcr.io/coredns/coredns:v1.8.6")
        #expect(container.pod == "coredns-6d4b75cb6d-4mtdm")
        #expect(container.podNamespace == "kube-system")
        #expect(!container.isSandbox)
        #expect(
            container.privileges?.facts.own.ids.contains(
                "500027715b8ab8cdb7871c0894b8a7d3eea199c7a8f458351952f44a6ad6cc14") == true)
    }

    /// Its storage is where the administrator put it: the runtime's state says where.
    @Test func crioSandbox() throws {
        let tree = try TemporaryTree()
        let id = "134b58ab2e0cfd7432a9db818b1b4ec52fdc747333f0ba2c9342860dc2ea7c50"
        let bundle = "var/data/crioruntimestorage/overlay-containers/\(id)/userdata"
        try tree.write("\(bundle)/config.json", try quoted("crio-sandbox.json"))
        try tree.write("run/crun/\(id)/status", #"{"pid": 0, "bundle": "/\#(bundle)"}"#)
        let container = reader(tree).describe(
            try crio(id, "kubepods-besteffort-podaaaa2b4a_f398_41c0_928b_049e1cc4ec40.slice"))
        #expect(container.runtime == .crio)
        #expect(container.isSandbox)
        #expect(container.name == nil)
        #expect(container.pod == "segfaulter")
        #expect(container.podNamespace == "default")
        #expect(container.image == "registry.eu-gb.bluemix.net/armada-master/pause:3.5")
        #expect(container.command == ["/pause"])
        #expect(container.isPrivileged == false)
        #expect(container.privileges?.facts.own.podUID == "aaaa2b4a-f398-41c0-928b-049e1cc4ec40")
    }

    /// crictl makes no labels as the kubelet does. What the annotations leave out is in CRI-O's entry in containers/storage
    /// (CRI-O 1.24 to 1.37, internal/storage/runtime.go), which newer ones keep in a file of its own.
    @Test(arguments: ["containers.json", "volatile-containers.json"])
    func crioPrivileged(list: String) throws {
        let tree = try TemporaryTree()
        let storage = "var/lib/containers/storage"
        try tree.write(
            "run/containers/storage/overlay-containers/\(idA)/userdata/config.json",
            try quoted("crio-privileged.json"))
        let digest = "sha256:" + String(repeating: "ab", count: 32)
        try tree.write("\(storage)/overlay-images/images.json", #"[{"id": "i", "digest": "\#(digest)"}]"#)
        let metadata =
            #"{\"pod-name\": \"k8s_podsandbox1_redhat.test.crio_redhat-test-crio_1\", \"image-name\": \"r/redis\", "#
            + #"\"name\": \"k8s_container1_podsandbox1_redhat.test.crio_redhat-test-crio_1\", "#
            + #"\"metadata-name\": \"container1\", \"created-at\": 1, \"privileged\": true}"#
        try tree.write(
            "\(storage)/overlay-containers/\(list)", #"[{"id": "\#(idA)", "image": "i", "metadata": "\#(metadata)"}]"#)
        let container = reader(tree).describe(try crio(idA))
        #expect(container.runtime == .crio)
        #expect(container.name == "container1")
        #expect(container.pod == "podsandbox1")
        #expect(container.podNamespace == "redhat.test.crio")
        #expect(container.image == "r/redis")
        #expect(container.imageDigest == digest)
        #expect(container.isPrivileged == true)
        #expect(container.privileges?.facts.allowsAllBlockDevices == true)
        // Without the entry nothing declares it, and the rules say what they say.
        try tree.remove(storage)
        let bare = reader(tree).describe(try crio(idA))
        #expect(bare.name == nil)
        #expect(bare.privileges?.facts.declared == nil)
        #expect(bare.privileges?.facts.allowsAllBlockDevices == true)
    }

    /// A pod's author has annotations that his sandbox' come from after CRI-O's own: they do not say whose it is.
    @Test func annotationOfAPodsAuthor() throws {
        let tree = try TemporaryTree()
        let annotations = #"{"io.container.manager": "libpod", "io.podman.annotations.privileged": "FALSE"}"#
        for directory in ["containers/storage/overlay-containers/\(idA)/userdata", "crun/\(idA)"] {
            try tree.write("run/\(directory)/config.json", #"{"annotations": \#(annotations)}"#)
        }
        #expect(reader(tree).describe(try crio(idA)).runtime == .crio)
        // The near miss: no engine's cgroup says it, and the annotation does.
        let free = ContainerDiscovery(id: try containerID(idA), runtime: .crun, cgroupPath: "/")
        #expect(reader(tree).describe(free).runtime == .podman)
    }

    /// nerdctl with the cgroupfs driver: containerd's own cgroup, `/NAMESPACE/ID`.
    @Test(arguments: [("/default", "", false), ("/system.slice/nerdctl-", ".scope", true)])
    func nerdctl(before: String, after: String, isPrivileged: Bool) throws {
        let tree = try TemporaryTree()
        let id = "22a611624245e35fee8a15126f23f2b226d8ea3800a213823605303f4988183b"
        var text = String(decoding: try quoted("nerdctl-labels.json"), as: UTF8.self)
        if isPrivileged {
            // nerdctl 2.3, pkg/labels.
            text.replace(#""nerdctl/auto-remove": "false""#, with: #""nerdctl/privileged": "true""#)
        }
        try tree.write("run/containerd/io.containerd.runtime.v2.task/default/\(id)/config.json", text)
        let path = before == "/default" ? "/default/\(id)" : "\(before)\(id)\(after)"
        let cgroup = try #require(ContainerCgroup.classify(path))
        let container = reader(tree).describe(
            ContainerDiscovery(id: cgroup.id, runtime: cgroup.runtime, cgroupPath: cgroup.path))
        #expect(cgroup.id.rawValue == id)
        #expect(container.runtime == .containerd)
        #expect(container.name == "lab-nature-localnet-nyxdab")
        #expect(container.pod == nil)
        #expect(container.privileges?.facts.declared == (isPrivileged ? true : nil))
    }
}
