import EventModel

/// What the checks of a container look at.
struct ContainerSubject {
    var container: Container
    var facts: PrivilegeFacts
    var deviations: [ProcessPrivileges] = []
    var commands: Set<String> = []
}

/// A check and how it is made.
struct ContainerCheck {
    var check: PostureCheck
    var run: @Sendable (ContainerSubject) -> PostureOutcome

    init(
        _ id: String, _ title: String, cis: String? = nil, _ severity: PostureSeverity, _ technique: String,
        remedy: String,
        _ run: @escaping @Sendable (ContainerSubject) -> PostureOutcome
    ) {
        check = PostureCheck(
            id: id, title: title, cis: cis, severity: severity, technique: technique, remedy: remedy)
        self.run = run
    }

    /// `isBroken` nil: not known.
    static func broken(_ isBroken: Bool?, _ detail: @autoclosure () -> String) -> PostureOutcome {
        switch isBroken {
        case true?: .failed(detail())
        case false?: .passed
        case nil: .unknown("neither the runtime's files nor /proc tell")
        }
    }

    static func none(_ found: [String]) -> PostureOutcome {
        found.isEmpty ? .passed : .failed(found.joined(separator: "; "))
    }

    static var all: [ContainerCheck] { verdicts + isolation + mounts + limits + operation }

    // MARK: What is enough to leave

    private static let verdicts = [
        ContainerCheck(
            "privileged", "The container is not privileged", cis: "5.4", .critical, "T1611",
            remedy: "Run it without --privileged; give single capabilities (--cap-add) and devices (--device) instead."
        ) { subject in
            broken(
                subject.container.isPrivileged,
                (subject.container.privileges?.reasons ?? []).joined(separator: ", "))
        },
        ContainerCheck(
            "privileged-equivalent", "Nothing else is enough to leave the container", .critical, "T1611",
            remedy: "Take away what is named; each item alone gives the host."
        ) { subject in
            guard let verdict = subject.container.privileges?.verdict else { return broken(nil, "") }
            return verdict == .equivalent ? none(subject.container.privileges?.reasons ?? []) : .passed
        },
        ContainerCheck(
            "exec-privileged", "No process has more rights than its container", cis: "5.22", .critical, "T1609",
            remedy: "Do not use exec --privileged; end the process that is named."
        ) { subject in
            none(subject.deviations.map { "\($0.comm) (pid \($0.pid)): \($0.reasons.joined(separator: ", "))" })
        },
        ContainerCheck(
            "declaration-differs", "The kernel shows no more rights than were declared", .high, "T1611",
            remedy: "Find out who changed the container after its start; start it anew."
        ) { subject in none(subject.facts.disagreements) },
        ContainerCheck(
            "pod-security", "The container meets the Pod Security Standard 'baseline'", .medium, "T1611",
            remedy: "Change what is named, or run the pod in a namespace that is meant for it."
        ) { subject in
            guard let level = subject.container.privileges?.podSecurity else { return broken(nil, "") }
            return level == .privileged ? none(subject.facts.baselineViolations) : .passed
        },
    ]

    // MARK: Namespaces, capabilities, filters

    private static let isolation = [
        shares(.pid, "host-pid", cis: "5.15", .high, "T1057", "--pid=host, hostPID"),
        shares(.network, "host-network", cis: "5.9", .high, "T1040", "--network=host, hostNetwork"),
        shares(.ipc, "host-ipc", cis: "5.16", .medium, "T1559", "--ipc=host, hostIPC"),
        shares(.uts, "host-uts", cis: "5.20", .low, "T1611", "--uts=host"),
        ContainerCheck(
            "user-namespace", "Root in the container is not root on the host", cis: "5.30", .low, "T1611",
            remedy: "Map users (userns-remap, --userns=auto, hostUsers: false) or run as another user than root."
        ) { subject in
            guard let isShared = subject.facts.sharesHost(.user) else { return broken(nil, "") }
            return broken(isShared && (subject.facts.userID ?? 0) == 0, "runs as the host's root")
        },
        ContainerCheck(
            "capabilities", "No capability beyond the engines' default", cis: "5.3", .medium, "T1611",
            remedy: "Drop all capabilities and add back the few that are needed (--cap-drop=ALL --cap-add=…)."
        ) { subject in
            guard let capabilities = subject.facts.capabilities else { return broken(nil, "") }
            return none(capabilities.subtracting(.engineDefaults).names)
        },
        ContainerCheck(
            "seccomp", "A seccomp filter is in force", cis: "5.21", .medium, "T1611",
            remedy: "Leave the engine's default profile on (no seccomp=unconfined; seccompProfile: RuntimeDefault)."
        ) { subject in broken(subject.facts.hasSeccomp.map(!), "no filter") },
        ContainerCheck(
            "security-label", "AppArmor or SELinux confines it, where the host has one", cis: "5.1, 5.2", .medium,
            "T1611",
            remedy: "Leave the engine's default profile on, or load one of your own."
        ) { subject in
            guard subject.facts.hostHasLabels else { return .unknown("the host has neither AppArmor nor SELinux") }
            return broken(subject.facts.isConfined.map(!), "no profile")
        },
        ContainerCheck(
            "no-new-privileges", "execve(2) gives no new privileges", cis: "5.25", .low, "T1548.001",
            remedy: "Start it with --security-opt no-new-privileges (allowPrivilegeEscalation: false)."
        ) { subject in broken(subject.facts.noNewPrivileges.map(!), "no_new_privs is not set") },
        ContainerCheck(
            "masked-paths", "The sensitive parts of /proc and /sys are masked", .high, "T1611",
            remedy: "Leave procMount at Default; do not unmask paths."
        ) { subject in
            guard let isMasked = subject.facts.hasMaskedPaths, let isReadOnly = subject.facts.hasReadOnlySysfs
            else { return broken(nil, "") }
            return none((isMasked ? [] : ["nothing is masked"]) + (isReadOnly ? [] : ["/sys is not read-only"]))
        },
        ContainerCheck(
            "root-user", "It does not run as root", .low, "T1611",
            remedy: "Give it a user of its own (USER in the image, --user, runAsNonRoot: true)."
        ) { subject in broken(subject.facts.userID.map { $0 == 0 }, "its first process is uid 0") },
    ]

    private static func shares(
        _ kind: NamespaceKind, _ id: String, cis: String, _ severity: PostureSeverity, _ technique: String,
        _ option: String
    ) -> ContainerCheck {
        ContainerCheck(
            id, "It has a \(kind.rawValue) namespace of its own", cis: cis, severity, technique,
            remedy: "Run it without \(option)."
        ) { subject in
            // A pod's containers share the pod's, which the kernel's view tells from the host's.
            broken(subject.facts.sharesHost(kind), "shares the host's \(kind.rawValue) namespace")
        }
    }

    // MARK: What it sees of the host

    private static let mounts = [
        ContainerCheck(
            "runtime-socket", "No socket that gives the host's root is mounted", cis: "5.31", .critical, "T1610",
            remedy: "Do not mount it, read-only does not help; use an API proxy that allows the few calls needed."
        ) { subject in none(kinds(subject, [.runtimeSocket, .serviceSocket]).map(describe)) },
        ContainerCheck(
            "sensitive-mounts", "No sensitive directory of the host is mounted writable", cis: "5.5", .high, "T1611",
            remedy: "Mount a volume instead, or read-only (:ro), and only the directory that is needed."
        ) { subject in
            none(
                kinds(subject, [.root, .system, .configuration, .engine, .kernel, .devices]).filter { !$0.isReadOnly }
                    .map(describe))
        },
        ContainerCheck(
            "sensitive-mounts-read-only", "None is mounted read-only either", .low, "T1005",
            remedy: "Mount only the file or directory that is needed."
        ) { subject in
            none(
                kinds(subject, [.root, .system, .configuration, .engine, .kernel, .devices, .logs]).filter(\.isReadOnly)
                    .map(describe))
        },
        ContainerCheck(
            "host-credentials", "No secrets of the host are mounted", .high, "T1552.001",
            remedy: "Give secrets by the engine's or the cluster's own means, read-only."
        ) { subject in none(kinds(subject, [.credentials]).map(describe)) },
        ContainerCheck(
            "mount-propagation", "No mount is propagated to the host", cis: "5.19", .medium, "T1611",
            remedy: "Leave the propagation private (no :shared, no Bidirectional)."
        ) { subject in none(subject.facts.mounts.filter(\.isShared).map(describe)) },
        ContainerCheck(
            "host-devices", "No block device of the host is given to it", cis: "5.17", .high, "T1611",
            remedy: "Do not give disks; of other devices only those needed (--device, read-only where possible)."
        ) { subject in
            if subject.facts.allowsAllBlockDevices == true { return .failed("every block device is allowed") }
            let majors = subject.facts.blockMajors.map { "every block device of major \($0)" }
            return none(majors + subject.facts.blockDevices.map { "block device \($0)" })
        },
        ContainerCheck(
            "read-only-root", "Its root file system is read-only", cis: "5.12", .low, "T1554",
            remedy: "Start it with --read-only and a tmpfs for what it writes (readOnlyRootFilesystem: true)."
        ) { subject in broken(subject.facts.isRootReadOnly.map(!), "its root file system is writable") },
    ]

    private static func kinds(_ subject: ContainerSubject, _ kinds: [HostPath.Kind]) -> [HostMount] {
        subject.facts.mounts.filter { mount in
            HostPath.kind(of: mount.source, own: subject.facts.own).map(kinds.contains) ?? false
        }
    }

    private static func describe(_ mount: HostMount) -> String {
        "\(mount.source) on \(mount.destination)\(mount.isReadOnly ? ", read-only" : "")"
    }
}
