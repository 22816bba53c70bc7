private import EventModel
private import LinuxSystem

/// A check of the host and how it is made.
struct HostCheck {
    var check: PostureCheck
    var run: @Sendable (HostView) -> PostureOutcome

    private init(
        _ id: String, _ title: String, cis: String? = nil, _ severity: PostureSeverity, _ technique: String,
        remedy: String,
        _ run: @escaping @Sendable (HostView) -> PostureOutcome
    ) {
        check = PostureCheck(
            id: id, title: title, cis: cis, severity: severity, technique: technique, remedy: remedy)
        self.run = run
    }

    static var all: [HostCheck] { traces + kernel + engines }

    // MARK: What an escape leaves behind

    private static let traces = [
        HostCheck(
            "uevent-helper", "No program is set as uevent helper", .critical, "T1611",
            remedy: "Clear it (echo > /sys/kernel/uevent_helper) and find out who set it: nodeagent collect --host."
        ) { host in
            guard let helper = host.text("/sys/kernel/uevent_helper") else { return .passed }
            return helper.isEmpty ? .passed : .failed("it is \(helper)")
        },
        HostCheck(
            "core-pattern", "Core dumps go to no program of a container's", .critical, "T1611",
            remedy: "Set kernel.core_pattern to 'core' or the distribution's handler, and find out who set it."
        ) { host in
            guard let pattern = host.text("/proc/sys/kernel/core_pattern"), pattern.hasPrefix("|") else {
                return .passed
            }
            let program = String(pattern.dropFirst().drop { $0 == " " }.prefix { $0 != " " })
            return host.isTrusted(program: program)
                ? .passed : .failed("\(program) is no program of root's on this host")
        },
        HostCheck(
            "modprobe-path", "The kernel's module loader is the host's", .critical, "T1611",
            remedy: "Set kernel.modprobe to /sbin/modprobe, and find out who set it."
        ) { host in
            guard let path = host.text("/proc/sys/kernel/modprobe"), !path.isEmpty, path != "/sbin/modprobe",
                path != "/usr/sbin/modprobe"
            else { return .passed }
            return host.isTrusted(program: path) ? .passed : .failed("\(path) is no program of root's on this host")
        },
        HostCheck(
            "release-agent", "No cgroup release agent but the host's own", .critical, "T1611",
            remedy: "Clear the file, and find out who set it: nodeagent collect --host."
        ) { host in
            for mount in host.cgroupV1 {
                guard let agent = host.text("\(mount)/release_agent"), !agent.isEmpty else { continue }
                guard host.isTrusted(program: agent) else { return .failed("\(mount)/release_agent is \(agent)") }
            }
            return .passed
        },
    ]

    // MARK: The kernel's settings

    private static let kernel = [
        HostCheck(
            "mandatory-access-control", "AppArmor or SELinux is at work", .medium, "T1611",
            remedy: "Enable AppArmor (Debian's default) or SELinux."
        ) { $0.hasLabels ? .passed : .failed("no security module labels processes") },
        setting("unprivileged-bpf", "kernel/unprivileged_bpf_disabled", atLeast: 1, .medium, "T1068"),
        setting("kernel-pointers", "kernel/kptr_restrict", atLeast: 1, .low, "T1082"),
        setting("kernel-log", "kernel/dmesg_restrict", atLeast: 1, .low, "T1082"),
        setting("ptrace-scope", "kernel/yama/ptrace_scope", atLeast: 1, .low, "T1055.008"),
        setting("perf-events", "kernel/perf_event_paranoid", atLeast: 2, .low, "T1068"),
        setting("kexec", "kernel/kexec_load_disabled", atLeast: 1, .low, "T1542"),
        setting("protected-links", "fs/protected_symlinks", atLeast: 1, .low, "T1574"),
    ]

    private static func setting(
        _ id: String, _ path: String, atLeast least: Int, _ severity: PostureSeverity, _ technique: String
    ) -> HostCheck {
        let name = path.split(separator: "/").joined(separator: ".")
        return HostCheck(
            id, "\(name) is at least \(least)", severity, technique,
            remedy: "Set \(name)=\(least) in /etc/sysctl.d."
        ) { host in
            guard let value = host.number("/proc/sys/\(path)") else { return .unknown("this kernel has no \(name)") }
            return value >= least ? .passed : .failed("it is \(value)")
        }
    }

    // MARK: The engines

    private static let engines = [
        HostCheck(
            "engine-sockets", "The engines' sockets are open to root and one group only", cis: "3.15", .high, "T1610",
            remedy: "chmod 660 the socket, and keep its group empty of people."
        ) { host in
            var open: [String] = []
            for path in HostPath.sockets {
                guard let status = host.status(path) else { continue }
                if status.owner != 0 || status.mode & 0o007 != 0 { open.append(path) }
            }
            return open.isEmpty ? .passed : .failed(open.joined(separator: "; "))
        },
        docker(
            "docker-tcp", "docker listens on no network address without TLS", cis: "2.7", .critical, "T1133",
            remedy: "Take the tcp:// host away, or set tlsverify with certificates."
        ) { daemon in
            guard !daemon.addresses.isEmpty, daemon.tlsVerify != true, !daemon.has("tlsverify") else { return nil }
            return daemon.addresses.joined(separator: ", ")
        },
        docker(
            "docker-userns", "docker maps root to another user", cis: "2.9", .low, "T1611",
            remedy: "Set userns-remap in /etc/docker/daemon.json."
        ) { $0.usernsRemap != nil || $0.has("userns-remap") ? nil : "userns-remap is not set" },
        docker(
            "docker-no-new-privileges", "docker's containers get no new privileges", cis: "2.14", .low, "T1548.001",
            remedy: "Set no-new-privileges in /etc/docker/daemon.json."
        ) { $0.noNewPrivileges == true || $0.has("no-new-privileges") ? nil : "no-new-privileges is not set" },
        docker(
            "docker-icc", "docker's default bridge lets no container reach another", cis: "2.2", .low, "T1046",
            remedy: "Set icc to false in /etc/docker/daemon.json."
        ) { $0.interContainer == false || $0.arguments.contains("--icc=false") ? nil : "icc is on" },
        docker(
            "docker-live-restore", "docker's containers outlive its daemon", cis: "2.15", .info, "T1499",
            remedy: "Set live-restore in /etc/docker/daemon.json."
        ) { $0.liveRestore == true || $0.has("live-restore") ? nil : "live-restore is off" },
    ]

    private static func docker(
        _ id: String, _ title: String, cis: String, _ severity: PostureSeverity, _ technique: String, remedy: String,
        _ broken: @escaping @Sendable (DockerDaemon) -> String?
    ) -> HostCheck {
        HostCheck(id, title, cis: cis, severity, technique, remedy: remedy) { host in
            guard let daemon = host.docker() else { return .unknown("docker does not run here") }
            return broken(daemon).map(PostureOutcome.failed) ?? .passed
        }
    }
}

extension ContainerReader {
    var hostView: HostView {
        HostView(
            root: root, proc: proc, hasLabels: host.hasLabels, mountNamespace: host.mountNamespace,
            cgroupV1: hostMounts.filter { $0.filesystemType == "cgroup" }.map(\.mountPoint))
    }
}
