package import EventModel

/// What an operator has looked at and lets be.
package struct AllowlistEntry: Sendable, Equatable {
    /// Repository without tag and digest, as `container.image.repository` has it.
    package var image: String
    /// `sha256:…`; only an entry that has one can make a container immune to an action.
    package var digest: String?
    /// Kubernetes namespace; nil for all, and for hosts without Kubernetes.
    package var namespace: String?
    /// Ids of the checks that are allowed to fail; empty for all.
    package var checks: Set<String>
    package var reason: String
    package var owner: String?
    /// The last day on which it holds, `2027-06-30`, UTC.
    package var expires: String?
    /// `file:line`, for people.
    package var place: String

    package init(
        image: String, digest: String? = nil, namespace: String? = nil, checks: Set<String> = [], reason: String,
        owner: String? = nil, expires: String? = nil, place: String = ""
    ) {
        self.image = image
        self.digest = digest
        self.namespace = namespace
        self.checks = checks
        self.reason = reason
        self.owner = owner
        self.expires = expires
        self.place = place
    }

    /// - Parameter today: `2026-11-27`, UTC: dates of this form compare as text.
    package func hasExpired(today: String) -> Bool { expires.map { $0 < today } ?? false }

    package func covers(_ check: String, of container: Container) -> Bool {
        guard checks.isEmpty || checks.contains(check), image == container.imageRepository else { return false }
        if let namespace, namespace != container.podNamespace { return false }
        // A digest is the runtime's own; what a name carries after its @ is only a wish.
        if let digest, digest != container.imageDigest { return false }
        return true
    }
}

package struct Allowlist: Sendable {
    package var entries: [AllowlistEntry]

    package init(entries: [AllowlistEntry] = []) { self.entries = entries }

    func entry(for check: String, of container: Container, today: String) -> AllowlistEntry? {
        entries.first { !$0.hasExpired(today: today) && $0.covers(check, of: container) }
    }
}
