import ContainerInventory
import EventModel
import Testing

/// A container's facts by the parts that matter for a verdict; without more, all rights by hand.
func sampleFacts(
    declared: Bool? = nil, userHost: Bool? = true, capabilities: UInt64? = 0x1ff_feff_ffff, masked: Bool? = false,
    sysReadOnly: Bool? = false
) -> PrivilegeFacts {
    var facts = PrivilegeFacts()
    facts.hostCapabilities = testHost.boundingCapabilities
    facts.declared = declared
    facts.kernel.hostNamespaces = userHost.map { $0 ? [.user] : [] }
    facts.kernel.capabilities = capabilities.map(CapabilitySet.init(rawValue:))
    facts.kernel.hasMaskedPaths = masked
    facts.kernel.hasReadOnlySysfs = sysReadOnly
    return facts
}

/// What an engine gives without being asked for more.
func ordinaryFacts() -> PrivilegeFacts {
    var facts = sampleFacts(capabilities: CapabilitySet.engineDefaults.rawValue, masked: true, sysReadOnly: true)
    facts.kernel.hasSeccomp = true
    facts.kernel.userID = 0
    facts.kernel.noNewPrivileges = false
    facts.kernel.isRootReadOnly = false
    facts.kernel.mounts = []
    facts.declaration = facts.kernel
    facts.seccomp = SeccompProfile(allowed: ["ptrace", "mknodat"])
    return facts
}

@Suite struct PrivilegeFactsTests {
    @Test func kernelAlone() {
        #expect(sampleFacts().judged.verdict == .privileged)
        #expect(sampleFacts(userHost: false).judged.verdict == .inUserNamespace)
        #expect(sampleFacts(capabilities: 0xa804_25fb).judged.verdict == .restricted)
        #expect(sampleFacts(masked: true).judged.verdict == .equivalent)
        #expect(sampleFacts(sysReadOnly: true).judged.verdict == .equivalent)
        #expect(sampleFacts(capabilities: nil).judged.verdict == nil)
        #expect(sampleFacts(capabilities: nil, sysReadOnly: true).judged.verdict == .restricted)
        #expect(PrivilegeFacts().judged.verdict == nil)
    }

    /// Its engine is in a user namespace, and says nothing of it; the kernel's word, once it is there, decides.
    @Test func rootlessBeforeTheKernelIsAsked() {
        var facts = sampleFacts(declared: true, userHost: nil)
        facts.declaration.hostNamespaces = [.user]
        #expect(facts.judged.verdict == .privileged)
        facts.isRootless = true
        #expect(facts.judged.verdict == .inUserNamespace)
        facts.kernel.hostNamespaces = [.user]
        #expect(facts.judged.verdict == .privileged)
    }

    @Test func declaredYesWinsAndNoDoesNotContradictTheKernel() {
        #expect(sampleFacts(declared: true, capabilities: 0).judged.verdict == .privileged)
        #expect(sampleFacts(declared: true, userHost: false, capabilities: 0).judged.verdict == .inUserNamespace)
        #expect(sampleFacts(declared: false).judged.verdict == .privileged)
        #expect(sampleFacts(declared: false, capabilities: nil).judged.verdict == .restricted)
        #expect(sampleFacts(declared: true).judged.reasons.first == "declared privileged")
    }

    /// docker 20.10 does not know the three newest capabilities; SYS_ADMIN grants what they do.
    @Test func olderEngine() {
        #expect(sampleFacts(capabilities: 0x3f_feff_ffff).judged.verdict == .privileged)
        #expect(sampleFacts(capabilities: 0x3f_feff_ffff & ~(1 << 21)).judged.verdict != .privileged)
    }

    @Test func capabilityNames() {
        let set = CapabilitySet(names: ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE", "CAP_NEW", "", "CHOWN"])
        #expect(set.rawValue == 1 | 1 << 21 | 1 << 40)
        #expect(set.names == ["CHOWN", "SYS_ADMIN", "CHECKPOINT_RESTORE"])
        #expect(CapabilitySet(rawValue: 1 << 45).names == ["#45"])
    }

    /// One way out each, beside a near miss that is none.
    struct Way: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var open: @Sendable (inout PrivilegeFacts) -> Void
        var close: @Sendable (inout PrivilegeFacts) -> Void

        init(
            _ name: String, open: @escaping @Sendable (inout PrivilegeFacts) -> Void,
            close: @escaping @Sendable (inout PrivilegeFacts) -> Void
        ) {
            testDescription = name
            self.open = open
            self.close = close
        }
    }

    static let ways: [Way] = [
        Way("SYS_ADMIN, mount allowed") {
            add(&$0, .sysAdmin); allow(&$0, "mount")
        } close: {
            allow(&$0)
        },
        Way("SYS_ADMIN, AppArmor") {
            add(&$0, .sysAdmin); allow(&$0, "mount")
        } close: {
            $0.hostHasLabels = true
            $0.kernel.label = "docker-default (enforce)"
        },
        Way("SYS_MODULE") {
            add(&$0, .sysModule); allow(&$0, "finit_module")
        } close: {
            allow(&$0)
        },
        Way("/dev/mem") {
            add(&$0, .sysRawIO); $0.hasMemoryDevice = true
        } close: {
            $0.hasMemoryDevice = false
        },
        Way("SYS_PTRACE with the host's pids") {
            add(&$0, .sysPtrace)
            $0.kernel.hostNamespaces?.insert(.pid)
        } close: {
            $0.kernel.hostNamespaces?.remove(.pid)
        },
        Way("DAC_READ_SEARCH") {
            add(&$0, .dacReadSearch); allow(&$0, "open_by_handle_at")
        } close: {
            allow(&$0)
        },
        Way("BPF and PERFMON") {
            add(&$0, [.bpf, .perfmon]); allow(&$0, "bpf")
        } close: {
            $0.kernel.capabilities?.remove(.perfmon)
        },
        Way("every block device") {
            $0.allowsAllBlockDevices = true
        } close: {
            $0.kernel.capabilities?.remove(.mknod)
        },
        Way("the host's disk") {
            $0.hostDisks = [DeviceNumber(major: 8, minor: 1)]
        } close: {
            $0.hostDisks = []
        },
        Way("the host's disk by a device rule") {
            $0.ruledHostDisks = [DeviceNumber(major: 8, minor: 1)]
        } close: {
            $0.kernel.capabilities?.remove(.mknod)
        },
        Way("/dev/mem by a device rule") {
            add(&$0, .sysRawIO); $0.rulesAllowMemory = true
        } close: {
            $0.kernel.capabilities?.remove(.mknod)
        },
        Way("docker's socket, read-only, for another user") {
            $0.kernel.userID = 1000
            $0.kernel.mounts = [HostMount(source: "/var/run/docker.sock", destination: "/s", isReadOnly: true)]
        } close: {
            $0.kernel.mounts = []
        },
        Way("libvirt's socket, for another user") {
            $0.kernel.userID = 1000
            $0.kernel.mounts = [HostMount(source: "/run/libvirt", destination: "/s", isReadOnly: true)]
        } close: {
            $0.kernel.mounts = [HostMount(source: "/run/libvirt/qemu", destination: "/s", isReadOnly: false)]
        },
        Way("the system bus, for root alone") {
            $0.kernel.mounts = [
                HostMount(source: "/var/run/dbus/system_bus_socket", destination: "/s", isReadOnly: true)
            ]
        } close: {
            $0.kernel.userID = 1000
        },
        Way("/etc, writable, for root alone") {
            $0.kernel.mounts = [HostMount(source: "/etc", destination: "/host/etc", isReadOnly: false)]
        } close: {
            $0.kernel.userID = 1000
        },
        Way("/etc, writable") {
            $0.kernel.mounts = [HostMount(source: "/etc", destination: "/host/etc", isReadOnly: false)]
        } close: {
            $0.kernel.mounts = [HostMount(source: "/etc", destination: "/host/etc", isReadOnly: true)]
        },
        Way("the host's /proc, writable") {
            $0.kernel.mounts = [HostMount(source: "/proc", destination: "/host/proc", isReadOnly: false)]
        } close: {
            $0.kernel.mounts = [HostMount(source: "/proc", destination: "/host/proc", isReadOnly: true)]
        },
        Way("/, writable") {
            $0.kernel.mounts = [HostMount(source: "/", destination: "/host", isReadOnly: false)]
        } close: {
            $0.kernel.mounts = [HostMount(source: "/srv/data", destination: "/host", isReadOnly: false)]
        },
    ]

    static func add(_ facts: inout PrivilegeFacts, _ capabilities: CapabilitySet) {
        facts.kernel.capabilities?.formUnion(capabilities)
    }
    static func allow(_ facts: inout PrivilegeFacts, _ calls: String...) {
        facts.seccomp = SeccompProfile(allowed: Set(calls + ["ptrace"]))
    }

    @Test(arguments: ways) func waysOut(way: Way) {
        var facts = ordinaryFacts()
        #expect(facts.judged.verdict == .restricted)
        way.open(&facts)
        #expect(facts.judged.verdict == .equivalent, "\(facts.judged.reasons)")
        #expect(facts.judged.reasons.count == 1)
        var elsewhere = facts
        elsewhere.kernel.hostNamespaces?.remove(.user)
        elsewhere.declaration.hostNamespaces?.remove(.user)
        #expect(elsewhere.judged.verdict == .restricted)
        way.close(&facts)
        #expect(facts.judged.verdict == .restricted, "\(facts.judged.reasons)")
    }

    /// A first process can leave what its container was given, by unshare(2) and chroot(2); the container has it still.
    @Test func firstProcessThatHides() {
        var facts = sampleFacts(declared: true)
        facts.declaration.hostNamespaces = [.user]
        facts.kernel.hostNamespaces = []
        #expect(facts.judged.verdict == .privileged)
        facts = ordinaryFacts()
        facts.declaration.mounts = [HostMount(source: "/run/docker.sock", destination: "/s", isReadOnly: false)]
        facts.kernel.mounts = []
        facts.kernel.hostNamespaces = []
        #expect(facts.judged.verdict == .equivalent)
        // A rootless engine is in its user's namespace, and its configuration says nothing of it.
        facts.isRootless = true
        #expect(facts.judged.verdict == .restricted)
    }

    /// The filter that the kernel shows counts, and not the one that was declared.
    @Test func filterThatIsNotInForce() {
        var facts = ordinaryFacts()
        facts.kernel.capabilities?.insert(.sysAdmin)
        #expect(facts.judged.verdict == .restricted)
        facts.kernel.hasSeccomp = false
        #expect(facts.judged.verdict == .equivalent)
        #expect(facts.disagreements.contains("no seccomp filter, one was declared"))
    }

    /// `exec --privileged` gives all capabilities and leaves the container's filter and mounts.
    @Test func processWithMoreRights() throws {
        let facts = ordinaryFacts()
        var view = facts.kernel
        #expect(facts.verdict(ofProcess: view) == nil)
        view.capabilities = testHost.boundingCapabilities
        #expect(facts.verdict(ofProcess: view)?.verdict == .privileged)
        view.hostNamespaces = []
        #expect(facts.verdict(ofProcess: view)?.verdict == .inUserNamespace)
        // One capability more, which the filter makes useless.
        view = facts.kernel
        view.capabilities?.insert(.sysAdmin)
        #expect(facts.verdict(ofProcess: view) == nil)
        view.hasSeccomp = false
        #expect(facts.verdict(ofProcess: view)?.verdict == .equivalent)
        // Fewer rights are no finding, and in a privileged container all have them.
        view = facts.kernel
        view.capabilities = []
        #expect(facts.verdict(ofProcess: view) == nil)
        #expect(sampleFacts().verdict(ofProcess: sampleFacts().kernel) == nil)
    }

    @Test func disagreements() {
        var facts = ordinaryFacts()
        #expect(facts.disagreements.isEmpty)
        // A process may drop what it was given.
        facts.kernel.capabilities = []
        facts.kernel.noNewPrivileges = true
        facts.kernel.isRootReadOnly = true
        #expect(facts.disagreements.isEmpty)
        facts = ordinaryFacts()
        facts.hostHasLabels = true
        facts.declaration.noNewPrivileges = true
        facts.declaration.isRootReadOnly = true
        facts.declaration.label = "docker-default"
        facts.kernel.capabilities?.insert(.sysModule)
        facts.kernel.hostNamespaces?.insert(.network)
        facts.kernel.label = "unconfined"
        facts.kernel.hasMaskedPaths = false
        facts.kernel.hasReadOnlySysfs = false
        #expect(
            facts.disagreements == [
                "capabilities beyond the declared: SYS_MODULE", "the host's network namespace, an own one was declared",
                "no_new_privs is not set, it was declared", "no security label, docker-default was declared",
                "no masked paths, some were declared", "/sys is writable, read-only was declared",
                "the root file system is writable, read-only was declared",
            ])
    }

    @Test func podSecurity() {
        var facts = ordinaryFacts()
        #expect(facts.judged.podSecurity == .baseline)
        #expect(facts.baselineViolations.isEmpty)
        facts.kernel.capabilities = [.netBindService]
        facts.kernel.noNewPrivileges = true
        facts.kernel.userID = 1000
        #expect(facts.judged.podSecurity == .restricted)
        facts.kernel.userID = 0
        #expect(facts.judged.podSecurity == .baseline)
        facts.kernel.mounts = [HostMount(source: "/srv/data", destination: "/data", isReadOnly: true)]
        #expect(facts.judged.podSecurity == .privileged)
        #expect(facts.baselineViolations == ["host path /srv/data"])
        facts.kernel.mounts = [
            HostMount(source: "/var/lib/kubelet/pods/1/volumes/x", destination: "/data", isReadOnly: true)
        ]
        #expect(facts.judged.podSecurity == .baseline)
        facts.sysctls = ["net.ipv4.tcp_syncookies"]
        #expect(facts.judged.podSecurity == .baseline)
        facts.sysctls.append("kernel.msgmax")
        #expect(facts.judged.podSecurity == .privileged)
        #expect(sampleFacts().judged.podSecurity == .privileged)
        #expect(PrivilegeFacts().judged.podSecurity == nil)
    }

    @Test(arguments: [
        ("/", HostPath.Kind.root as HostPath.Kind?), ("/etc", .system), ("/etc/", .system), ("/etc/cron.d", .system),
        ("/etc/nginx", .configuration),
        ("/usr/share/nginx", .configuration), ("/usr/../etc/passwd", .system), ("/sys/fs/cgroup", nil),
        ("/home/a/project/.docker", nil), ("/run/user/0/podman/podman.sock", .runtimeSocket),
        ("/run/user/1000/../..", .runtimeSocket),
        ("/usr/bin", .system), ("/var/lib", .system), ("/dev", .devices), ("/opt/cni/bin", .system),
        ("/var/run/docker.sock", .runtimeSocket), ("/run", .runtimeSocket), ("/run/containerd", .runtimeSocket),
        ("/var/lib/docker", .engine), ("/var/lib/kubelet", .engine), ("/root", .credentials), ("/home", .credentials),
        ("/home/a/.ssh", .credentials), ("/proc", .kernel), ("/sys/fs", .kernel), ("/var/log", .logs),
        ("/root/.kube/config", .credentials), ("/root/project", nil), ("/var/lib/rancher/k3s/storage/pvc-1", nil),
        ("/var/lib/docker/volumes/x/_data", nil), ("/var/lib/kubelet/pods/1/etc-hosts", nil), ("/etc/localtime", nil),
        ("/run/podman/podman.sock", .runtimeSocket), ("/run/crio", .runtimeSocket),
        ("/run/libvirt/libvirt-sock", .runtimeSocket), ("/var/lib/lxd", .runtimeSocket),
        ("/var/snap/lxd/common/lxd/unix.socket", .runtimeSocket), ("/var/lib/incus/unix.socket", .runtimeSocket),
        ("/run/dbus", .serviceSocket), ("/run/dbus/system_bus_socket", .serviceSocket),
        ("/run/systemd", .serviceSocket), ("/run/snapd.socket", .serviceSocket),
        ("/run/libvirt/libvirt-sock-ro", nil), ("/var/lib/lxd/devices", nil), ("/run/user/1000/bus", nil),
        ("/run/systemd/journal/socket", .engine), ("/var", .system),
        ("/srv", nil), ("/etcetera", nil), ("/runner", nil), ("/home/a", nil),
        ("/var/lib/docker/containers/1/hosts", nil),
    ])
    func hostPaths(path: String, kind: HostPath.Kind?) { #expect(HostPath.kind(of: path) == kind) }

    @Test(arguments: [
        ("", false), ("unconfined", false), ("docker-default (enforce)", true), ("docker-default", true),
        ("docker-default (complain)", false), ("system_u:system_r:container_runtime_t:s0", false),
        ("system_u:system_r:spc_t:s0", false), ("system_u:system_r:container_t:s0:c1,c2", true),
        ("unconfined_u:unconfined_r:unconfined_t:s0", false),
    ])
    func labels(label: String, isConfined: Bool) { #expect(PrivilegeFacts.confines(label) == isConfined) }
}
