import ContainerInventory
import EventModel
import LinuxSystem
import Testing

/// A container's rights out of its configuration and /proc: on recordings of the real engines, and on trees that are made
/// for one thing.
@Suite struct ContainerPrivilegesTests {
    @Test(arguments: [
        ("podman-runc-plain", PrivilegeVerdict.restricted, PodSecurityLevel.baseline),
        ("podman-runc-priv", .privileged, .privileged), ("podman-kube", .privileged, .privileged),
        ("docker-plain", .restricted, .baseline), ("docker-priv", .privileged, .privileged),
        ("containerd-ctr-plain", .restricted, .baseline), ("containerd-ctr-priv", .privileged, .privileged),
        ("vm-podman-runc-plain", .restricted, .baseline), ("vm-podman-runc-priv", .privileged, .privileged),
        ("vm-podman-crun-plain", .restricted, .baseline), ("vm-podman-crun-priv", .privileged, .privileged),
        ("vm-docker-plain", .restricted, .baseline), ("vm-docker-priv", .privileged, .privileged),
        ("vm-ctr-plain", .restricted, .baseline), ("vm-ctr-priv", .privileged, .privileged),
    ])
    func engines(fixture: String, verdict: PrivilegeVerdict, level: PodSecurityLevel) throws {
        let recording = try Recording(fixture)
        let container = recording.reader().describe(try recording.discovery())
        let privileges = try #require(container.privileges)
        #expect(privileges.verdict == verdict, "\(privileges.reasons)")
        #expect(privileges.podSecurity == level, "\(privileges.facts.baselineViolations)")
        let facts = privileges.facts
        #expect(facts.disagreements.isEmpty, "\(facts.disagreements)")
        #expect(facts.mounts.allSatisfy { HostPath.isGiven($0.source, own: facts.own) }, "\(facts.mounts)")
        #expect(facts.allowsAllBlockDevices == (verdict == .privileged))
        #expect(facts.userID == 0)
        #expect((facts.docker != nil) == fixture.contains("docker"))
        // By default docker's filter lets no mount(2) through, podman's does (for user namespaces); neither a module.
        #expect((facts.seccomp != nil) == (verdict == .restricted && !fixture.contains("ctr")))
        if let seccomp = facts.seccomp {
            #expect(seccomp.allowed.isDisjoint(with: ["init_module", "finit_module", "bpf", "open_by_handle_at"]))
            #expect(seccomp.allowed.contains("mount") == fixture.contains("podman"))
        }
    }

    /// A bundle, its process and the host's first one.
    private func container(
        _ configuration: String, status: String = "", mounts: String? = nil, hostMounts: String = "",
        uidMap: String = "0 0 4294967295", userNamespace: UInt64 = 4_026_531_837, label: String? = nil,
        cgroup: String = "/web"
    ) throws -> ContainerPrivileges {
        let tree = try TemporaryTree()
        try tree.write("run/crun/web/status", #"{"pid": 30, "bundle": "/b"}"#)
        try tree.write("b/config.json", configuration)
        try tree.process(1)
        try tree.process(30, pidNamespace: 5, inner: 1)
        try tree.write(
            "30/status",
            "Uid:\t0\t0\t0\t0\nNSpid:\t30\t1\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n\(status)")
        try tree.link("30/ns/user", to: "user:[\(userNamespace)]")
        try tree.write("30/uid_map", "         \(uidMap)\n")
        try tree.write("1/mountinfo", hostMounts)
        if let mounts { try tree.write("30/mountinfo", mounts) }
        if let label { try tree.write("30/attr/current", label + "\n") }
        var host = testHost
        host.hasLabels = label != nil
        let reader = ContainerReader(root: tree.path, proc: ProcFilesystem(root: tree.path), host: host)
        let found = reader.describe(
            ContainerDiscovery(id: try containerID("web"), runtime: .crun, cgroupPath: cgroup, pid: 30))
        return try #require(found.privileges)
    }

    /// What lies on the host is told by file system and directory, where the configuration does not say it.
    @Test func mountsOfTheHost() throws {
        let host = """
            20 1 8:1 / / rw - ext4 /dev/sda1 rw
            21 20 8:2 /sub /srv rw - ext4 /dev/sda2 rw
            22 20 0:20 / /run rw - tmpfs tmpfs rw

            """
        let seen = """
            30 29 0:50 / / rw - overlay overlay rw
            31 30 0:51 / /proc rw - proc proc rw
            32 31 0:52 /null /proc/kcore rw - tmpfs tmpfs rw
            33 30 0:53 / /sys ro - sysfs sysfs ro
            34 30 8:1 /etc /host/etc ro - ext4 /dev/sda1 rw
            35 30 8:2 /sub/data /data rw - ext4 /dev/sda2 rw
            36 30 0:20 /docker.sock /s rw - tmpfs tmpfs rw
            37 30 8:1 /var/lib/docker/volumes/v/_data /v rw - ext4 /dev/sda1 rw

            """
        let privileges = try container("{}", mounts: seen, hostMounts: host)
        #expect(
            privileges.facts.mounts == [
                HostMount(source: "/etc", destination: "/host/etc", isReadOnly: true),
                HostMount(source: "/srv/data", destination: "/data", isReadOnly: false),
                HostMount(source: "/run/docker.sock", destination: "/s", isReadOnly: false),
                HostMount(source: "/var/lib/docker/volumes/v/_data", destination: "/v", isReadOnly: false),
            ])
        #expect(privileges.verdict == .equivalent)
        #expect(privileges.reasons == ["runtime socket /run/docker.sock"])
        #expect(privileges.facts.hasReadOnlySysfs == true)
        #expect(privileges.facts.isRootReadOnly == false)
    }

    /// A host whose own root is an overlay: the container's is another one, a directory of the host's is the host's.
    @Test func overlayOnTheHost() throws {
        let privileges = try container(
            #"{"root": {"path": "/var/lib/docker/overlay2/x/merged"}}"#,
            mounts: """
                30 29 0:50 / / rw - overlay overlay rw
                31 30 0:40 /etc /e rw - overlay overlay rw
                32 30 0:50 /etc/own /o rw - overlay overlay rw

                """,
            hostMounts: """
                20 1 0:40 / / rw - overlay overlay rw
                21 20 0:50 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw

                """)
        #expect(
            privileges.facts.mounts.map(\.source) == ["/etc", "/var/lib/docker/overlay2/x/merged/etc/own"])
        #expect(privileges.reasons == ["/etc of the host, writable"])
    }

    /// What engines put into a container is given to that one: another's directory is a way out.
    @Test(arguments: [
        ("/var/lib/docker/containers/web", "/var/lib/docker/containers/web" as String?),
        ("/var/lib/docker/containers/web/hostconfig.json", "/var/lib/docker/containers/web/hostconfig.json"),
        ("/var/lib/docker/containers/web/mounts/secrets", nil),
        ("/var/lib/docker/containers/other/mounts/secrets", "/var/lib/docker/containers/other/mounts/secrets"),
        // A network or an IPC namespace that is shared (--network container:other).
        ("/var/lib/docker/containers/other/hosts", nil), ("/var/lib/docker/containers/other/mounts/shm", nil),
        ("/var/lib/docker/containers/other/x/hosts", "/var/lib/docker/containers/other/x/hosts"),
        ("/var/lib/docker/overlay2/mine/merged/etc", nil),
        ("/var/lib/docker/overlay2/mine/merged2", "/var/lib/docker/overlay2/mine/merged2"),
        ("/var/lib/docker/overlay2/other/merged", "/var/lib/docker/overlay2/other/merged"),
        ("/run/containers/storage/overlay-containers/web/userdata/.containerenv", nil),
        ("/run/containers/storage/overlay-containers/sandbox/userdata/run/secrets", nil),
        (
            "/var/lib/containers/storage/overlay-containers/other/userdata",
            "/var/lib/containers/storage/overlay-containers/other/userdata"
        ),
        (
            "/var/lib/containers/storage/overlay-containers/web/userdata/config.json",
            "/var/lib/containers/storage/overlay-containers/web/userdata/config.json"
        ),
        (
            "/var/lib/containers/storage/overlay/other/merged/etc",
            "/var/lib/containers/storage/overlay/other/merged/etc"
        ),
        ("/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/other/resolv.conf", nil),
        ("/run/containerd/io.containerd.grpc.v1.cri/sandboxes/sandbox/shm", nil),
        ("/var/lib/containerd/io.containerd.grpc.v1.cri/containers/web/volumes/v", nil),
        (
            "/var/lib/containerd/io.containerd.grpc.v1.cri/containers/other/volumes/v",
            "/var/lib/containerd/io.containerd.grpc.v1.cri/containers/other/volumes/v"
        ),
        (
            "/run/containerd/io.containerd.runtime.v2.task/k8s.io/other/rootfs",
            "/run/containerd/io.containerd.runtime.v2.task/k8s.io/other/rootfs"
        ),
        ("/run/containerd/io.containerd.runtime.v2.task", "/run/containerd/io.containerd.runtime.v2.task"),
        (
            "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs",
            "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs"
        ),
        ("/var/lib/nerdctl/1935db59/etchosts/default/web/hosts", nil),
        ("/var/lib/nerdctl/1935db59/volumes/default/v/_data", nil),
        (
            "/var/lib/nerdctl/1935db59/containers/default/other/lifecycle.json",
            "/var/lib/nerdctl/1935db59/containers/default/other/lifecycle.json"
        ),
        ("/var/lib/docker/volumes/v/_data", nil),
        ("/var/lib/kubelet/pods/1234-56/volumes/kubernetes.io~secret/s", nil),
        (
            "/var/lib/kubelet/pods/1234-57/volumes/kubernetes.io~secret/s",
            "/var/lib/kubelet/pods/1234-57/volumes/kubernetes.io~secret/s"
        ),
    ])
    func directoriesOfEngines(source: String, told: String?) throws {
        let privileges = try container(
            #"""
            {"root": {"path": "/var/lib/docker/overlay2/mine/merged"},
             "annotations": {"io.kubernetes.cri-o.SandboxID": "sandbox"},
             "mounts": [{"destination": "/m", "source": "\#(source)", "type": "bind", "options": ["rbind"]}]}
            """#, cgroup: "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1234_56.slice/web")
        let way = told.map { "\($0) of the host, writable" }
        #expect(privileges.reasons.filter { $0.hasSuffix("writable") } == [way].compactMap(\.self))
        #expect(privileges.facts.baselineViolations.contains("host path \(source)") == (told != nil))
    }

    /// The host's root as the container's own is no mount like others.
    @Test(arguments: [("/", true), ("/var/lib/machines/web", false)])
    func rootDirectory(directory: String, isHosts: Bool) throws {
        let privileges = try container(
            "{}", mounts: "30 29 8:1 \(directory) / rw - ext4 /dev/sda1 rw\n",
            hostMounts: "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
        #expect(privileges.facts.mounts.map(\.source) == (isHosts ? ["/"] : []))
    }

    @Test func declaration() throws {
        let privileges = try container(
            """
            {"root": {"path": "rootfs", "readonly": true},
             "process": {"user": {"uid": 7}, "noNewPrivileges": true, "apparmorProfile": "p",
                         "capabilities": {"bounding": ["CAP_CHOWN"]}},
             "mounts": [{"destination": "/h", "source": "/home", "type": "none", "options": ["rbind", "ro", "rshared"]},
                        {"destination": "/dev/x", "source": "/dev/x", "type": "bind"},
                        {"destination": "/t", "source": "tmpfs", "type": "tmpfs"}],
             "linux": {"namespaces": [{"type": "pid"}, {"type": "user"}], "maskedPaths": ["/proc/kcore"],
                       "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
                       "resources": {"memory": {"limit": -1}, "pids": {"limit": 100}, "cpu": {"shares": 0}},
                       "sysctl": {"net.core.somaxconn": "1"},
                       "devices": [{"path": "/dev/sda", "type": "b", "major": 8, "minor": 0},
                                   {"path": "/dev/mem", "type": "c", "major": 1, "minor": 1}]}}
            """)
        let facts = privileges.facts
        #expect(facts.declaration.capabilities?.names == ["CHOWN"])
        #expect(facts.declaration.hostNamespaces == [.network, .ipc, .uts, .mount, .cgroup])
        #expect(facts.declaration.userMappings == [IDMapping(inside: 0, outside: 1000, count: 10)])
        #expect(
            facts.declaration.mounts == [
                HostMount(source: "/home", destination: "/h", isReadOnly: true, isShared: true)
            ])
        #expect(facts.declaration.userID == 7)
        #expect(facts.declaration.label == "p")
        #expect(facts.declaration.hasMaskedPaths == true)
        #expect(facts.declaration.isRootReadOnly == true)
        #expect(facts.declaration.noNewPrivileges == true)
        #expect(facts.declaration.hasSeccomp == false)
        #expect(facts.blockDevices == [DeviceNumber(major: 8, minor: 0)])
        #expect(facts.hasMemoryDevice)
        #expect(facts.hostDisks.isEmpty)
        #expect(facts.memoryLimit == nil)
        #expect(facts.processLimit == 100)
        #expect(facts.cpuShares == nil)
        #expect(facts.sysctls == ["net.core.somaxconn"])
    }

    @Test(arguments: [
        (#"{"defaultAction": "SCMP_ACT_ERRNO"}"#, [] as [String]),
        (#"{"defaultAction": "SCMP_ACT_ALLOW"}"#, SeccompProfile.callsOfInterest),
        (
            #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO"}]}"#,
            SeccompProfile.callsOfInterest.filter { $0 != "mount" }
        ),
        (
            #"""
            {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read", "mount"], "action": "SCMP_ACT_ALLOW"},
             {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}]}
            """#, ["mount"]
        ),
    ])
    func filters(profile: String, allowed: [String]) throws {
        let privileges = try container(#"{"linux": {"seccomp": \#(profile)}}"#)
        #expect(privileges.facts.seccomp?.allowed == Set(allowed))
    }

    @Test(arguments: [
        (#"[{"allow": false, "access": "rwm"}, {"allow": true, "type": "b", "access": "m"}]"#, false),
        (#"[{"allow": true, "access": "rwm"}]"#, true),
        (#"[{"allow": true, "type": "a", "major": -1, "minor": -1, "access": "rwm"}]"#, true),
        (#"[{"allow": true, "type": "b", "access": "r"}]"#, true),
        (#"[{"allow": true, "type": "c", "access": "rwm"}]"#, false),
        (#"[{"allow": true, "type": "b", "major": 8, "access": "rwm"}]"#, false),
        (#"[{"allow": true, "access": "rwm"}, {"allow": false, "access": "rwm"}]"#, false),
        (#"[{"allow": true, "access": "rwm"}, {"allow": false, "access": "m"}]"#, true),
        ("[]", false),
    ])
    func deviceRules(rules: String, allowsAll: Bool) throws {
        let privileges = try container(#"{"linux": {"resources": {"devices": \#(rules)}}}"#)
        #expect(privileges.facts.allowsAllBlockDevices == allowsAll)
    }

    /// `--device-cgroup-rule`: a rule without a node. The host has 8:1 mounted; the container may make nodes.
    @Test(arguments: [
        (#"{"allow": true, "type": "b", "major": 8, "minor": -1, "access": "rwm"}"#, [8] as [UInt32], true, false),
        (#"{"allow": true, "type": "b", "major": 8, "access": "r"}"#, [8], true, false),
        (#"{"allow": true, "type": "b", "major": 8, "minor": 1, "access": "rwm"}"#, [], true, false),
        (#"{"allow": true, "type": "c", "major": 1, "access": "rwm"}"#, [], false, true),
        // Other disks, other devices of that number, making a node without opening it, and what is taken back.
        (#"{"allow": true, "type": "b", "major": 9, "access": "rwm"}"#, [9], false, false),
        (#"{"allow": true, "type": "b", "major": 8, "minor": 16, "access": "rwm"}"#, [], false, false),
        (#"{"allow": true, "type": "c", "major": 8, "access": "rwm"}"#, [], false, false),
        (#"{"allow": true, "type": "b", "major": 8, "access": "m"}"#, [], false, false),
        (#"{"allow": true, "type": "b", "major": 99999999999, "access": "rwm"}"#, [], false, false),
        (
            #"{"allow": true, "type": "b", "major": 8, "access": "rwm"}, {"allow": false, "type": "b", "access": "rwm"}"#,
            [], false, false
        ),
    ])
    func deviceRulesWithoutANode(rules: String, majors: [UInt32], isDisk: Bool, isMemory: Bool) throws {
        let ordinary = #"{"allow": false, "access": "rwm"}, {"allow": true, "type": "b", "access": "m"}"#
        let privileges = try container(
            #"{"linux": {"resources": {"devices": [\#(ordinary), \#(rules)]}}}"#,
            hostMounts: "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
        #expect(privileges.facts.blockMajors == majors)
        #expect(privileges.facts.ruledHostDisks == (isDisk ? [DeviceNumber(major: 8, minor: 1)] : []))
        #expect(privileges.facts.rulesAllowMemory == isMemory)
        #expect(privileges.facts.allowsAllBlockDevices == false)
        let way = "block device 8:1 of a mounted file system of the host"
        #expect(privileges.reasons.contains(way) == isDisk)
    }

    /// A user namespace of its own: its root is another on the host.
    @Test func mappedUser() throws {
        let own = #"{"linux": {"namespaces": [{"type": "pid"}, {"type": "user"}]}}"#
        let mapped = try container(own, status: "", uidMap: "0 100000 65536", userNamespace: 4_026_532_999)
        #expect(mapped.facts.sharesHost(.user) == false)
        #expect(mapped.facts.kernel.userMappings == [IDMapping(inside: 0, outside: 100_000, count: 65_536)])
        // uid 0 of the host is nobody in it.
        #expect(mapped.facts.kernel.userID == nil)
        let shared = try container(#"{"linux": {"namespaces": [{"type": "pid"}]}}"#)
        #expect(shared.facts.sharesHost(.user) == true)
        #expect(shared.facts.kernel.userID == 0)
        #expect(shared.facts.sharesHost(.pid) == false)
        #expect(shared.facts.sharesHost(.network) == true)
    }

    @Test(arguments: [("docker-default (enforce)", true), ("unconfined", false)])
    func securityLabel(label: String, isConfined: Bool) throws {
        #expect(try container("{}", label: label).facts.isConfined == isConfined)
    }
}
