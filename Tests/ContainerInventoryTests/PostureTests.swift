import ContainerInventory
import EventModel
import LinuxSystem
import Testing

/// Each check, broken and not.
@Suite struct PostureTests {
    private func container(
        _ facts: PrivilegeFacts = ordinaryFacts(), image: String? = "registry.example/team/web:1"
    ) throws -> Container {
        var container = Container(id: try containerID(idA), runtime: .docker, cgroupPath: "/docker/a", firstSeen: 1)
        container.name = "web"
        container.image = image
        container.privileges = facts.judged
        return container
    }

    private func reader(_ tree: TemporaryTree, hasLabels: Bool = false) throws -> ContainerReader {
        var host = testHost
        host.hasLabels = hasLabels
        try tree.write("proc/1/mountinfo", "20 1 0:40 / /cg rw - cgroup cgroup rw,memory\n")
        return ContainerReader(root: tree.path, proc: ProcFilesystem(root: "\(tree.path)/proc"), host: host)
    }

    private func report(
        _ containers: [Container], allowlist: Allowlist = Allowlist(), today: String = "2026-11-27",
        tree: TemporaryTree? = nil
    ) throws -> PostureReport {
        let tree = try tree ?? TemporaryTree()
        return Posture(reader: try reader(tree), allowlist: allowlist, today: today).report(containers)
    }

    private func finding(_ check: String, _ facts: PrivilegeFacts) throws -> PostureFinding {
        try #require(try report([container(facts)]).findings.first { $0.check.id == check })
    }

    struct Break: Sendable, CustomTestStringConvertible {
        var check: String
        var status: PostureStatus
        var change: @Sendable (inout PrivilegeFacts) -> Void
        var testDescription: String { check }

        init(_ check: String, _ status: PostureStatus, _ change: @escaping @Sendable (inout PrivilegeFacts) -> Void) {
            self.check = check
            self.status = status
            self.change = change
        }
    }

    /// What an ordinary container does not break, and what breaks it.
    static let breaks: [Break] = [
        Break("privileged", .fail) { $0.declared = true },
        Break("privileged-equivalent", .fail) { $0.hostDisks = [DeviceNumber(major: 8, minor: 1)] },
        Break("declaration-differs", .fail) { $0.kernel.hasReadOnlySysfs = false },
        Break("pod-security", .warn) { $0.kernel.hostNamespaces?.insert(.ipc) },
        Break("host-pid", .fail) { $0.kernel.hostNamespaces?.insert(.pid) },
        Break("host-network", .fail) { $0.kernel.hostNamespaces?.insert(.network) },
        Break("host-ipc", .warn) { $0.kernel.hostNamespaces?.insert(.ipc) },
        Break("host-uts", .warn) { $0.kernel.hostNamespaces?.insert(.uts) },
        Break("capabilities", .warn) { $0.kernel.capabilities?.insert(.sysPtrace) },
        Break("seccomp", .warn) { $0.kernel.hasSeccomp = false },
        Break("masked-paths", .fail) { $0.declaration.hasMaskedPaths = false },
        Break("runtime-socket", .fail) {
            $0.kernel.mounts = [HostMount(source: "/run/docker.sock", destination: "/s", isReadOnly: true)]
        },
        Break("sensitive-mounts", .fail) {
            $0.kernel.mounts = [HostMount(source: "/etc", destination: "/e", isReadOnly: false)]
        },
        Break("sensitive-mounts-read-only", .warn) {
            $0.kernel.mounts = [HostMount(source: "/etc", destination: "/e", isReadOnly: true)]
        },
        Break("host-credentials", .fail) {
            $0.kernel.mounts = [HostMount(source: "/root/.ssh", destination: "/k", isReadOnly: true)]
        },
        Break("mount-propagation", .warn) {
            $0.kernel.mounts = [HostMount(source: "/srv", destination: "/s", isReadOnly: true, isShared: true)]
        },
        Break("host-devices", .fail) { $0.blockDevices = [DeviceNumber(major: 8, minor: 1)] },
        Break("host-devices", .fail) { $0.blockMajors = [8] },
        Break("privileged-ports", .warn) { $0.docker = docker { $0.ports = [port("127.0.0.1", 80)] } },
        Break("host-interface", .warn) { $0.docker = docker { $0.ports = [port("", 8080)] } },
        Break("restart-policy", .warn) { $0.docker = docker { $0.restartPolicy = "always" } },
        Break("default-bridge", .warn) { $0.docker = docker { $0.networkMode = "default" } },
        Break("published-ports", .info) { $0.docker = docker { $0.ports = [port("127.0.0.1", 8080)] } },
        Break("health-check", .info) { $0.docker = docker { $0.hasHealthCheck = false } },
    ]

    static func docker(_ change: (inout PrivilegeFacts.DockerFacts) -> Void) -> PrivilegeFacts.DockerFacts {
        var docker = PrivilegeFacts.DockerFacts()
        docker.networkMode = "web"
        docker.restartPolicy = "on-failure"
        docker.restartAttempts = 5
        docker.hasHealthCheck = true
        change(&docker)
        return docker
    }
    static func port(_ address: String, _ port: UInt16) -> PrivilegeFacts.PublishedPort {
        PrivilegeFacts.PublishedPort(address: address, port: port)
    }

    @Test(arguments: breaks) func broken(_ break: Break) throws {
        var facts = ordinaryFacts()
        facts.docker = Self.docker { _ in }
        let before = try finding(`break`.check, facts)
        #expect(before.status == .pass, "\(before.detail)")
        `break`.change(&facts)
        let after = try finding(`break`.check, facts)
        #expect(after.status == `break`.status)
        #expect(!after.detail.isEmpty)
        #expect(after.severity == after.check.severity)
    }

    /// What an ordinary container breaks, and what mends it.
    static let mendings: [Break] = [
        Break("user-namespace", .warn) { $0.kernel.userID = 1000 },
        Break("user-namespace", .warn) {
            $0.kernel.hostNamespaces = []
            $0.declaration.hostNamespaces = []
        },
        Break("no-new-privileges", .warn) { $0.kernel.noNewPrivileges = true },
        Break("root-user", .warn) { $0.kernel.userID = 1000 },
        Break("read-only-root", .warn) { $0.kernel.isRootReadOnly = true },
        Break("memory-limit", .warn) { $0.memoryLimit = 1 << 30 },
        Break("pids-limit", .warn) { $0.processLimit = 100 },
        Break("cpu-shares", .info) { $0.cpuShares = 512 },
        Break("security-label", .warn) { $0.kernel.label = "docker-default (enforce)" },
    ]

    @Test(arguments: mendings) func mended(_ mending: Break) throws {
        var facts = ordinaryFacts()
        facts.hostHasLabels = true
        facts.kernel.label = "unconfined"
        let before = try finding(mending.check, facts)
        #expect(before.status == mending.status)
        mending.change(&facts)
        #expect(try finding(mending.check, facts).status == .pass)
    }

    /// Nothing is known: nothing is said to be broken, and nothing to be right.
    @Test func unknown() throws {
        let report = try report([container(PrivilegeFacts(), image: nil)])
        let own = report.findings.filter { $0.container != nil }
        let told = own.filter { $0.status != .info }.map(\.check.id)
        #expect(told == ["exec-privileged", "declaration-differs"] + Self.byMounts + ["cgroup", "sshd"])
        #expect(own.allSatisfy { $0.status == .pass || $0.status == .info })
    }
    /// Mounts and devices that nobody tells of are none.
    static let byMounts = [
        "runtime-socket", "sensitive-mounts", "sensitive-mounts-read-only", "host-credentials", "mount-propagation",
        "host-devices",
    ]

    @Test func imagePinned() throws {
        let pinned = try container(image: "web@sha256:\(String(repeating: "a", count: 64))")
        for (container, status) in [(try container(), PostureStatus.info), (pinned, .pass)] {
            let found = try report([container]).findings.first { $0.check.id == "image-pinned" }
            #expect(found?.status == status)
        }
    }

    @Test func identifiersAndScore() throws {
        let ids = Posture.checks.map(\.id)
        #expect(Set(ids).count == ids.count)
        #expect(Posture.checkIDs == Set(ids))
        #expect(Posture.checks.allSatisfy { !$0.remedy.isEmpty && $0.technique.hasPrefix("T") })
        let empty = PostureReport(findings: [], containers: [])
        #expect(empty.score == 100)
        #expect(empty.worst == nil)
        let ordinary = try report([container()])
        var privileged = sampleFacts(declared: true)
        privileged.blockDevices = [DeviceNumber(major: 8, minor: 1)]
        let worse = try report([container(privileged)])
        #expect(worse.score < ordinary.score)
        #expect(worse.worst == .critical)
        #expect(try #require(ordinary.worst) < .high)
    }

    // MARK: Allowlist

    @Test func allowed() throws {
        var facts = ordinaryFacts()
        facts.kernel.hostNamespaces?.insert(.pid)
        var web = try container(facts)
        web.podNamespace = "monitoring"
        web.imageDigest = "sha256:1"
        let entry = AllowlistEntry(
            image: "registry.example/team/web", digest: "sha256:1", namespace: "monitoring", checks: ["host-pid"],
            reason: "reads the host's processes", expires: "2026-11-27", place: "a.yaml:3")
        func status(_ entry: AllowlistEntry, _ container: Container, today: String = "2026-11-27") throws
            -> PostureStatus?
        {
            let report = try report([container], allowlist: Allowlist(entries: [entry]), today: today)
            return report.findings.first { $0.check.id == "host-pid" }?.status
        }
        #expect(try status(entry, web) == .info)
        #expect(try status(entry, web, today: "2026-11-28") == .fail)
        var other = entry
        other.image = "registry.example/team/web2"
        #expect(try status(other, web) == .fail)
        other = entry
        other.digest = "sha256:2"
        #expect(try status(other, web) == .fail)
        other = entry
        other.namespace = "default"
        #expect(try status(other, web) == .fail)
        other = entry
        other.checks = ["host-network"]
        #expect(try status(other, web) == .fail)
        other.checks = []
        #expect(try status(other, web) == .info)
        // A digest in the name is the user's wish, not the store's word.
        web.imageDigest = nil
        web.image = "registry.example/team/web@sha256:1"
        #expect(try status(entry, web) == .fail)
    }

    @Test func expiredEntryIsAFinding() throws {
        let entry = AllowlistEntry(image: "x", reason: "r", expires: "2026-11-26", place: "a.yaml:3")
        let found = try report([], allowlist: Allowlist(entries: [entry])).findings.filter {
            $0.check.id == "allowlist-expired"
        }
        #expect(found.map(\.status) == [.warn])
        #expect(found.first?.detail.contains("a.yaml:3") == true)
        let fresh = try report([], allowlist: Allowlist(entries: [])).findings.first {
            $0.check.id == "allowlist-expired"
        }
        #expect(fresh?.status == .pass)
    }

    // MARK: The host

    struct HostFile: Sendable {
        var check: String
        var path: String
        var good: String
        var bad: String
        var status: PostureStatus
    }

    @Test(arguments: [
        HostFile(check: "uevent-helper", path: "sys/kernel/uevent_helper", good: "\n", bad: "/x\n", status: .fail),
        HostFile(
            check: "core-pattern", path: "proc/sys/kernel/core_pattern", good: "|/usr/bin/handler %P\n",
            bad: "|/var/lib/docker/overlay2/a/diff/x\n", status: .fail),
        HostFile(
            check: "core-pattern", path: "proc/sys/kernel/core_pattern", good: "core\n", bad: "|/nowhere %P\n",
            status: .fail),
        HostFile(
            check: "core-pattern", path: "proc/sys/kernel/core_pattern", good: "|/usr/../usr/bin/handler\n",
            bad: "|/usr/../srv/handler\n", status: .fail),
        HostFile(
            check: "modprobe-path", path: "proc/sys/kernel/modprobe", good: "/sbin/modprobe\n", bad: "/tmp/x\n",
            status: .fail),
        HostFile(
            check: "release-agent", path: "cg/release_agent", good: "/usr/bin/handler\n", bad: "/cmd\n", status: .fail),
        HostFile(
            check: "unprivileged-bpf", path: "proc/sys/kernel/unprivileged_bpf_disabled", good: "2\n", bad: "0\n",
            status: .warn),
        HostFile(
            check: "ptrace-scope", path: "proc/sys/kernel/yama/ptrace_scope", good: "1\n", bad: "0\n", status: .warn),
        HostFile(
            check: "kernel-pointers", path: "proc/sys/kernel/kptr_restrict", good: "1\n", bad: "0\n", status: .warn),
        HostFile(check: "kernel-log", path: "proc/sys/kernel/dmesg_restrict", good: "1\n", bad: "0\n", status: .warn),
        HostFile(
            check: "perf-events", path: "proc/sys/kernel/perf_event_paranoid", good: "3\n", bad: "-1\n", status: .warn),
        HostFile(check: "kexec", path: "proc/sys/kernel/kexec_load_disabled", good: "1\n", bad: "0\n", status: .warn),
        HostFile(
            check: "protected-links", path: "proc/sys/fs/protected_symlinks", good: "1\n", bad: "0\n", status: .warn),
    ])
    func hostFiles(_ file: HostFile) throws {
        let tree = try TemporaryTree()
        // Root's own, in the tests that run as root; else nobody's program is trusted.
        try tree.write("usr/bin/handler", "#!/bin/sh\n")
        try tree.write("srv/handler", "#!/bin/sh\n")
        for (text, status) in [(file.good, PostureStatus.pass), (file.bad, file.status)] {
            try tree.write(file.path, text)
            let found = try report([], tree: tree).findings.first { $0.check.id == file.check }
            #expect(found?.status == status, "\(found?.detail ?? "")")
        }
    }

    @Test func dockerDaemon() throws {
        let tree = try TemporaryTree()
        func statuses() throws -> [String: PostureStatus] {
            let found = try report([], tree: tree).findings.filter { $0.check.id.hasPrefix("docker-") }
            return Dictionary(uniqueKeysWithValues: found.map { ($0.check.id, $0.status) })
        }
        #expect(try Set(statuses().values) == [.info])
        let proc = "proc/50"
        try tree.write("\(proc)/stat", "50 (dockerd) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9 0 0 0 0 0 0 0\n")
        try tree.write("\(proc)/cmdline", "dockerd\0-H\0tcp://0.0.0.0:2375\0")
        // A program of a container's that is called so.
        try tree.link("\(proc)/ns/mnt", to: "mnt:[4026532999]")
        try tree.write("\(proc)/status", "Uid:\t0\t0\t0\t0\n")
        #expect(try Set(statuses().values) == [.info])
        try tree.link("\(proc)/ns/mnt", to: "mnt:[\(testHost.mountNamespace.rawValue)]")
        #expect(
            try statuses() == [
                "docker-tcp": .fail, "docker-userns": .warn, "docker-no-new-privileges": .warn, "docker-icc": .warn,
                "docker-live-restore": .info,
            ])
        try tree.write("\(proc)/cmdline", "dockerd\0--userns-remap=default\0--no-new-privileges\0")
        try tree.write(
            "etc/docker/daemon.json",
            #"{"hosts": ["tcp://0.0.0.0:2376"], "tlsverify": true, "icc": false, "live-restore": true}"#)
        #expect(try Set(statuses().values) == [.pass])
        try tree.write("etc/docker/daemon.json", #"{"hosts": 7}"#)
        #expect(try statuses()["docker-tcp"] == .pass)
    }
}
