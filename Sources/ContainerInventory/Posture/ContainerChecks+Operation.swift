private import EventModel

extension ContainerCheck {
    // MARK: What it may use up

    static let limits = [
        ContainerCheck(
            "memory-limit", "Its memory is limited", cis: "5.10", .low, "T1499",
            remedy: "Start it with --memory (resources.limits.memory)."
        ) { subject in declared(subject) { $0.memoryLimit == nil ? "no limit" : nil } },
        ContainerCheck(
            "cpu-shares", "Its CPU share is set", cis: "5.11", .info, "T1496",
            remedy: "Start it with --cpu-shares or --cpus (resources.requests.cpu)."
        ) { subject in declared(subject) { $0.cpuShares == nil ? "not set" : nil } },
        ContainerCheck(
            "pids-limit", "The number of its processes is limited", cis: "5.28", .low, "T1499",
            remedy: "Start it with --pids-limit (podPidsLimit of the kubelet)."
        ) { subject in declared(subject) { $0.processLimit == nil ? "no limit" : nil } },
        ContainerCheck(
            "ulimits", "The default ulimits are changed only where needed", cis: "5.18", .info, "T1499",
            remedy: "Look at them by hand: --ulimit is needed by few."
        ) { _ in .unknown("a matter of judgement") },
        ContainerCheck(
            "cgroup", "It has a cgroup of its own", cis: "5.24", .medium, "T1499",
            remedy: "Do not place it into a cgroup of the host (--cgroup-parent, --cgroups=disabled)."
        ) { subject in
            broken(subject.container.cgroupPath.utf8.count <= 1, "its processes are in the host's root cgroup")
        },
    ]

    private static func declared(
        _ subject: ContainerSubject, _ broken: (PrivilegeFacts) -> String?
    ) -> PostureOutcome {
        // The configuration always names a bounding set; without it there was none.
        guard subject.facts.declaration.capabilities != nil else { return .unknown("no configuration of it was found") }
        return broken(subject.facts).map(PostureOutcome.failed) ?? .passed
    }

    // MARK: How it is run

    static let operation = [
        ContainerCheck(
            "sshd", "No SSH server runs in it", cis: "5.6", .medium, "T1021.004",
            remedy: "Use the engine's exec; take sshd out of the image."
        ) { subject in broken(subject.commands.contains("sshd"), "sshd runs") },
        ContainerCheck(
            "privileged-ports", "No port below 1024 is published", cis: "5.7", .low, "T1190",
            remedy: "Publish another port, behind a proxy where the low one is needed."
        ) { subject in docker(subject) { $0.ports.filter { $0.port < 1024 }.map { "port \($0.port)" } } },
        ContainerCheck(
            "published-ports", "Only needed ports are open", cis: "5.8", .info, "T1190",
            remedy: "Look at the list by hand."
        ) { subject in docker(subject) { $0.ports.map { "port \($0.port)" } } },
        ContainerCheck(
            "host-interface", "Published ports are bound to one address", cis: "5.13", .low, "T1190",
            remedy: "Publish with an address (-p 127.0.0.1:8080:80)."
        ) { subject in
            docker(subject) { told in
                let open = told.ports.filter { ["", "0.0.0.0", "::"].contains($0.address) }
                return open.map { "port \($0.port) on all addresses" }
            }
        },
        ContainerCheck(
            "restart-policy", "It is started again five times at most", cis: "5.14", .low, "T1499",
            remedy: "Start it with --restart on-failure:5."
        ) { subject in
            docker(subject) { told in
                switch told.restartPolicy {
                case "always"?, "unless-stopped"?: ["restart policy \(told.restartPolicy ?? "")"]
                case "on-failure"?:
                    (1...5).contains(told.restartAttempts ?? 0) ? [] : ["on-failure without a limit of five"]
                default: []
                }
            }
        },
        ContainerCheck(
            "default-bridge", "It is not on docker's default bridge", cis: "5.29", .low, "T1046",
            remedy: "Make a network for what belongs together (docker network create)."
        ) { subject in
            docker(subject) { told in
                let mode = told.networkMode ?? ""
                return ["default", "bridge"].contains(mode) ? ["network \(mode)"] : []
            }
        },
        ContainerCheck(
            "health-check", "Its health is checked", cis: "5.26", .info, "T1499",
            remedy: "Give the image a HEALTHCHECK, or start it with --health-cmd."
        ) { subject in docker(subject) { $0.hasHealthCheck == false ? ["no health check"] : [] } },
        ContainerCheck(
            "exec-root", "exec is not used as root", cis: "5.23", .info, "T1609",
            remedy: "Look at the audit log of the engine by hand."
        ) { _ in .unknown("an engine keeps no record of it") },
        ContainerCheck(
            "image-pinned", "Its image is pinned by digest", cis: "5.27", .info, "T1525",
            remedy: "Name the image with its digest (image@sha256:…), sign it, and scan it before it runs."
        ) { subject in
            guard let image = subject.container.image else { return .unknown("no image: a bare root file system") }
            return broken(!image.contains("@sha256:"), "\(image) is a tag")
        },
    ]

    private static func docker(
        _ subject: ContainerSubject, _ broken: (PrivilegeFacts.DockerFacts) -> [String]
    ) -> PostureOutcome {
        guard let told = subject.facts.docker else { return .unknown("only docker's files tell") }
        return none(broken(told))
    }
}
