/// What a container's rights, or a process' in it, come to.
package enum PrivilegeVerdict: String, Sendable, CaseIterable {
    /// All the host's rights: `--privileged`, or the same by hand.
    case privileged
    /// Less than that, and enough to leave the container (a runtime's socket, SYS_ADMIN without a filter, …).
    case equivalent = "privileged-equivalent"
    /// All rights of a user namespace of its own: root of nothing on the host.
    case inUserNamespace = "privileged-in-userns"
    case restricted
}

/// The levels of the Kubernetes Pod Security Standards, as far as a node can see what they ask for.
package enum PodSecurityLevel: String, Sendable, CaseIterable {
    case privileged, baseline, restricted
}

/// The rights of one container: the facts, and what is made of them. Never changed once it is made.
package final class ContainerPrivileges: Sendable, Equatable {
    package let facts: PrivilegeFacts
    /// Nil while neither the runtime's files nor the kernel could be asked.
    package let verdict: PrivilegeVerdict?
    /// What the verdict rests on, for people: "podman annotation privileged=TRUE", "SYS_MODULE", …
    package let reasons: [String]
    package let podSecurity: PodSecurityLevel?

    package init(
        facts: PrivilegeFacts = PrivilegeFacts(), verdict: PrivilegeVerdict?, reasons: [String] = [],
        podSecurity: PodSecurityLevel? = nil
    ) {
        self.facts = facts
        self.verdict = verdict
        self.reasons = reasons
        self.podSecurity = podSecurity
    }

    package static func == (one: ContainerPrivileges, other: ContainerPrivileges) -> Bool {
        one.facts == other.facts && one.verdict == other.verdict && one.reasons == other.reasons
            && one.podSecurity == other.podSecurity
    }
}
