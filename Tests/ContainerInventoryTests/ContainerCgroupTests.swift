import ContainerInventory
import EventModel
import LinuxSystem
import Testing

@Suite struct ContainerCgroupTests {
    /// Every layout of peers.md 3 that issue 2 asks for: path, id, runtime, the container's own cgroup.
    @Test(arguments: [
        ("/system.slice/docker-\(idA).scope", idA, ContainerRuntime.docker, "/system.slice/docker-\(idA).scope"),
        ("/docker/\(idA)", idA, .docker, "/docker/\(idA)"),
        ("/docker/\(idA)/system.slice/cron.service", idA, .docker, "/docker/\(idA)"),
        ("/actions_job/\(idA)", idA, .docker, "/actions_job/\(idA)"),
        ("/custom/parent/\(idA)", idA, .unknown, "/custom/parent/\(idA)"),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-\(idA).scope", idA, .docker,
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-\(idA).scope"
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_34.slice/cri-containerd-\(idA).scope",
            idA,
            .containerd,
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_34.slice/cri-containerd-\(idA).scope"
        ),
        (
            "/kubepods/besteffort/pod1234-56/\(idA)", idA, .containerd, "/kubepods/besteffort/pod1234-56/\(idA)"
        ),
        ("/kubepods/pod1234-56/\(idA)", idA, .containerd, "/kubepods/pod1234-56/\(idA)"),
        (
            "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:\(idA)", idA, .containerd,
            "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:\(idA)"
        ),
        (
            "/kubepods.slice/kubepods-pod1.slice/docker-\(idA).scope", idA, .docker,
            "/kubepods.slice/kubepods-pod1.slice/docker-\(idA).scope"
        ),
        (
            "/kubepods.slice/kubepods-pod1.slice/crio-\(idA).scope/container", idA, .crio,
            "/kubepods.slice/kubepods-pod1.slice/crio-\(idA).scope"
        ),
        ("/kubepods/pod1/crio-\(idA)", idA, .crio, "/kubepods/pod1/crio-\(idA)"),
        ("/system.slice/nerdctl-\(idA).scope", idA, .containerd, "/system.slice/nerdctl-\(idA).scope"),
        ("/machine.slice/libpod-\(idA).scope", idA, .podman, "/machine.slice/libpod-\(idA).scope"),
        ("/machine.slice/libpod-\(idA).scope/container", idA, .podman, "/machine.slice/libpod-\(idA).scope"),
        ("/machine.slice/libpod-\(idA).scope/container/init.scope", idA, .podman, "/machine.slice/libpod-\(idA).scope"),
        (
            "/machine.slice/machine-libpod_pod_\(podID).slice/libpod-\(idA).scope/container", idA, .podman,
            "/machine.slice/machine-libpod_pod_\(podID).slice/libpod-\(idA).scope"
        ),
        ("/libpod_parent/libpod-\(idA)", idA, .podman, "/libpod_parent/libpod-\(idA)"),
        ("/libpod_parent/\(podID)/libpod-\(idA)", idA, .podman, "/libpod_parent/\(podID)/libpod-\(idA)"),
        (
            "/system.slice/web.service/libpod-payload-\(idA)", idA, .podman,
            "/system.slice/web.service/libpod-payload-\(idA)"
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(idA).scope/container", idA, .podman,
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(idA).scope"
        ),
        ("/system.slice/runc-web.scope", "web", .runc, "/system.slice/runc-web.scope"),
        ("/system.slice/crun-web.1.scope/container", "web.1", .crun, "/system.slice/crun-web.1.scope"),
        ("/../\(idA)", idA, .unknown, "/../\(idA)"),
        ("/lxc.payload.web", "web", .lxc, "/lxc.payload.web"),
        ("/lxc.payload.web/system.slice/cron.service", "web", .lxc, "/lxc.payload.web"),
        ("/lxc.payload/web/init.scope", "web", .lxc, "/lxc.payload/web"),
        ("/lxc/web", "web", .lxc, "/lxc/web"),
        ("/lxc.payload.project_web", "project_web", .lxc, "/lxc.payload.project_web"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/lxc.payload.web", "web", .lxc,
            "/user.slice/user-1000.slice/user@1000.service/app.slice/lxc.payload.web"
        ),
        (
            "/machine.slice/systemd-nspawn@deb\\x2d12.service/payload/init.scope", "deb-12", .nspawn,
            "/machine.slice/systemd-nspawn@deb\\x2d12.service/payload"
        ),
        ("/machine.slice/machine-deb.scope/payload", "deb", .nspawn, "/machine.slice/machine-deb.scope/payload"),
    ])
    func layouts(path: String, id: String, runtime: ContainerRuntime, own: String) throws {
        let found = try #require(ContainerCgroup.classify(path))
        #expect(found == ContainerCgroup(id: try containerID(id), runtime: runtime, path: own, outer: nil))
    }

    @Test(arguments: [
        "/", "", "/system.slice", "/system.slice/ssh.service", "/init.scope",
        "/user.slice/user-0.slice/session-1.scope",
        "/machine.slice/libpod-conmon-\(idA).scope", "/kubepods.slice/crio-conmon-\(idA).scope",
        "/libpod_parent/conmon", "/libpod_parent/\(podID)", "/libpod_parent/\(podID)/conmon",
        "/system.slice/web.service/supervisor", "/lxc.monitor.web", "/machine.slice/machine-libpod_pod_\(podID).slice",
        // ctr and raw runc: only by evidence.
        "/default/web", "/web", "/process_api/3b72d6dfadafb3432bf2f02c8c7a4ab3",
        "/system.slice/docker-short.scope", "/system.slice/docker-\(idA)zz.scope", "/runc-web",
        "/lxc.monitor/web", "/lxc.payload", "/lxc", "/lxc.payload.", "/lxc.payload/..", "/lxc.payload.a b",
        "/machine.slice/systemd-nspawn@deb.service/supervisor", "/machine.slice/systemd-nspawn@deb.service",
        "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "/system.slice/web.service/payload",
        "/machine.slice/systemd-nspawn@a\\x2f..\\x2fb.service/payload",
        "/system.slice/runc-..scope/x", "/a:b", "/a:cri-containerd:short", "/a:unknown:\(idA)",
        "/docker/\(idA.uppercased())",
    ])
    func noContainers(path: String) {
        #expect(ContainerCgroup.classify(path) == nil)
    }

    @Test func nestedNamesBoth() throws {
        let path = "/system.slice/docker-\(idA).scope/kubelet.slice/cri-containerd-\(idB).scope/init.scope"
        let found = try #require(ContainerCgroup.classify(path))
        #expect(found.id.rawValue == idB)
        #expect(found.outer?.rawValue == idA)
        #expect(found.path.hasSuffix("cri-containerd-\(idB).scope"))
        #expect(found.runtime == .containerd)
    }

    @Test func outermost() {
        let own = "/system.slice/docker-\(idA).scope"
        let below = "/x/docker/\(idB)/conmon"
        for path in [own, "\(own)/init.scope", own + below, own + below + "/docker/\(idA)", own + below + below] {
            #expect(ContainerCgroup.outermostPath(path) == own)
        }
        for path in ["/", "/libpod_parent/conmon/libpod-\(idA)", "/docker", "/libpod_parent/\(podID)"] {
            #expect(ContainerCgroup.outermostPath(path) == nil)
        }
    }

    /// What lies below a container is its own doing: a name of a monitor does not hide it.
    @Test(arguments: ["conmon", "supervisor", "libpod-conmon-\(idB).scope", "lxc.monitor.x", "x:y:z"])
    func monitorBelowContainerStaysInside(name: String) throws {
        let found = try #require(ContainerCgroup.classify("/docker/\(idA)/\(name)"))
        #expect(found.id.rawValue == idA)
        #expect(found.outer == nil)
    }

    /// A container that calls a cgroup of its own like another engine's is nested at most.
    @Test(arguments: ["lxc.payload.web", "lxc/web", "systemd-nspawn@web.service/payload"])
    func systemContainerBelowContainer(name: String) throws {
        let found = try #require(ContainerCgroup.classify("/docker/\(idA)/\(name)"))
        #expect(found.id.rawValue == "web")
        #expect(found.outer?.rawValue == idA)
    }

    @Test func hybridTakesTheLineThatClassifies() throws {
        let memberships = CgroupMembership.parse(
            Array("9:name=systemd:/\n8:pids:/docker/\(idA)\n4:memory:/process_api/x\n0::/\n".utf8))
        #expect(ContainerCgroup.classify(memberships)?.id.rawValue == idA)
        #expect(ContainerCgroup.principalPath(memberships) == "/docker/\(idA)")
        let raw = CgroupMembership.parse(Array("9:name=systemd:/na\n4:memory:/process_api/x/na\n0::/na\n".utf8))
        #expect(ContainerCgroup.classify(raw) == nil)
        #expect(ContainerCgroup.principalPath(raw) == "/na")
        #expect(ContainerCgroup.principalPath([]) == "/")
    }

    /// Bytes of chance and of malice neither trap nor make an id that is not valid.
    @Test func hostileText() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("/-:.acdefghiklmnoprsuvx0123456789\n\u{0}é".utf8) + [0xff, 0xc3]
        for round in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0..<200, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            if round % 3 == 0 { bytes.insert(contentsOf: Array("0::/docker/\(idA)".utf8), at: bytes.count / 2) }
            let text = String(decoding: bytes, as: UTF8.self)
            for found in [ContainerCgroup.classify(text), ContainerCgroup.classify(CgroupMembership.parse(bytes))] {
                guard let found else { continue }
                #expect(ContainerID(validating: found.id.rawValue) != nil)
            }
        }
        #expect(ContainerCgroup.classify(String(repeating: "/docker/\(idA)", count: 100)) == nil)
    }
}
