/// The kernel, and the process that watches (or would watch).
struct HostFacts: Sendable {
    struct Namespace: Sendable, Equatable {
        /// `pid`, `mnt`, `net`, `user`.
        var kind: String
        /// The inode of the watching process'; nil: it cannot be read.
        var own: UInt64?
        /// The host's; nil: it cannot be told.
        var host: UInt64?
    }

    /// `uname -r`, `uname -m`.
    var release = ""
    var machine = ""
    /// The running agent, else this process.
    var isAgent = false
    /// CapEff of that process; nil: it cannot be read.
    var capabilities: UInt64?
    var namespaces: [Namespace] = []
    /// Of the directories that the agent reads, those in whose place it sees another; nil: it cannot be told.
    var hiddenDirectories: [String]?
}

extension DoctorChecks {
    static func host(_ facts: HostFacts) -> [DoctorCheck] {
        [kernel(facts)] + rights(facts) + [namespaces(facts)]
    }

    private static func kernel(_ facts: HostFacts) -> DoctorCheck {
        let finding = "Linux \(facts.release) on \(facts.machine)"
        switch facts.machine {
        case "x86_64":
            return .pass("kernel", finding)
        case "aarch64":
            return .warn(
                "kernel", "\(finding): the tables for arm64 were never tried",
                remedy: "try a rule of each kind in a container of your own before you rely on it")
        default:
            return .fail(
                "kernel", "\(finding): there are no call numbers for this architecture",
                remedy: "x86_64 is what is supported")
        }
    }

    /// One for each right that the sensor does not start without.
    private static func rights(_ facts: HostFacts) -> [DoctorCheck] {
        let whose = facts.isAgent ? "the agent" : "root here"
        return Right.needed.map { right in
            let id = "right-" + right.name.dropFirst("CAP_".count).lowercased().replacing("_", with: "-")
            guard let capabilities = facts.capabilities else {
                return .info(id, "what rights \(whose) has cannot be read")
            }
            guard capabilities >> UInt64(right.capability) & 1 == 0 else {
                return .pass(id, "\(whose) has \(right.name)")
            }
            return .fail(
                id, "\(whose) lacks \(right.name): \(right.loss)",
                remedy: "CapabilityBoundingSet= of the unit, or the options of whatever started this shell")
        }
    }

    private static func namespaces(_ facts: HostFacts) -> DoctorCheck {
        let whose = facts.isAgent ? "the agent" : "this program"
        var foreign = facts.namespaces.filter { $0.own != nil && $0.host != nil && $0.own != $0.host }.map(\.kind)
        // A unit's own mount namespace in which the host's files lie where they are, most of them read-only.
        let isView = foreign.contains("mnt") && facts.hiddenDirectories == []
        if isView { foreign.removeAll { $0 == "mnt" } }
        guard foreign.isEmpty else {
            let hidden = facts.hiddenDirectories ?? []
            let what =
                hidden.isEmpty ? "sees what that one shows" : "has others in place of \(hidden.joined(separator: ", "))"
            return .fail(
                "namespaces",
                "\(whose) has another \(foreign.joined(separator: ", ")) namespace than the host, and \(what)",
                remedy:
                    "run it on the host and not in a container, in a unit without PrivateTmp=, ProtectHome=yes and the like"
            )
        }
        let unknown = facts.namespaces.filter { $0.own == nil || $0.host == nil }.map(\.kind)
        let known = facts.namespaces.map(\.kind).filter { !unknown.contains($0) && !(isView && $0 == "mnt") }
        guard !known.isEmpty else {
            return .info("namespaces", "whether \(whose) has the host's namespaces cannot be told")
        }
        let view = isView ? ", and the host's files where they are" : ""
        let rest = unknown.isEmpty ? "" : "; pid 1 does not let its \(unknown.joined(separator: ", ")) be read"
        return .pass("namespaces", "\(whose) has the host's \(known.joined(separator: ", "))\(view)\(rest)")
    }
}
