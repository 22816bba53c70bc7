import KernelEvents

/// How processes and cgroups are followed, and which runtimes are known.
struct ProcessSourceFacts: Sendable {
    /// The kernel tells of process events (`cn_proc` in /proc/net/connector).
    var hasConnector = false
    /// The running agent has the connector's socket open; nil without an agent.
    var agentListens: Bool?

    var hasUnified = false
    /// v1 controllers that are mounted.
    var controllers: [String] = []
    /// Where processes can be stopped: `v2`, `v1`.
    var freezers: [String] = []
    /// How changes of the tree are noticed; nil: `watchFailure` says why not.
    var watch: CgroupWatcher.Method?
    var watchFailure: String?

    /// OCI runtimes that are there, by path.
    var runtimes: [String] = []
    /// Those of `containers.runtime_paths` that are not.
    var missingRuntimes: [String] = []
}

extension DoctorChecks {
    static func processes(_ facts: ProcessSourceFacts) -> [DoctorCheck] {
        [connector(facts), cgroups(facts), freezer(facts), runtimes(facts)]
    }

    private static func connector(_ facts: ProcessSourceFacts) -> DoctorCheck {
        let id = "connector"
        guard facts.hasConnector else {
            return .warn(
                id, "no process events: /proc is polled every 5 ms, and processes that live shorter may go unseen",
                remedy: "a kernel with CONFIG_PROC_EVENTS=y, in the host's network namespace")
        }
        guard facts.agentListens == false else {
            return .pass(id, facts.agentListens == nil ? "the kernel tells of processes" : "the agent listens to it")
        }
        return .fail(
            id, "the kernel tells of processes and the agent does not listen",
            remedy: "systemctl restart nodeagent; CAP_NET_ADMIN")
    }

    private static func cgroups(_ facts: ProcessSourceFacts) -> DoctorCheck {
        let v1 = facts.controllers.isEmpty ? "" : "v1 (\(counted(facts.controllers.count, "controller")))"
        let kind =
            switch (facts.hasUnified, facts.controllers.isEmpty) {
            case (true, true): "v2"
            case (true, false): "hybrid: v2 and \(v1)"
            case (false, false): v1
            case (false, true): ""
            }
        guard !kind.isEmpty else {
            return .fail(
                "cgroups", "no cgroup hierarchy is mounted: containers are found by their processes alone",
                remedy: "mount -t cgroup2 none /sys/fs/cgroup")
        }
        guard let watch = facts.watch else {
            return .warn(
                "cgroups",
                "\(kind); not watched: \(facts.watchFailure ?? "unknown"); containers are found by their processes alone",
                remedy: "sysctl fs.inotify.max_user_instances=512")
        }
        return .pass("cgroups", "\(kind); watched by \(watch.rawValue)")
    }

    private static func freezer(_ facts: ProcessSourceFacts) -> DoctorCheck {
        guard facts.freezers.isEmpty else {
            return .pass("cgroup-freezer", "containers can be frozen in \(facts.freezers.joined(separator: " and "))")
        }
        return .warn(
            "cgroup-freezer", "no container can be frozen or killed: neither v2 with cgroup.freeze nor v1's freezer",
            remedy: "systemd.unified_cgroup_hierarchy=1 on the kernel command line, with a kernel from 5.2 on")
    }

    private static func runtimes(_ facts: ProcessSourceFacts) -> DoctorCheck {
        let remedy = "containers.runtime_paths in the configuration"
        guard facts.missingRuntimes.isEmpty else {
            return .warn("runtimes", "not there: \(listed(facts.missingRuntimes))", remedy: remedy)
        }
        guard !facts.runtimes.isEmpty else {
            return .warn(
                "runtimes", "no OCI runtime at the usual places: one that sets a container up is taken for an offender",
                remedy: remedy)
        }
        return .pass("runtimes", listed(facts.runtimes))
    }
}
