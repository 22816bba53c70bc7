import ContainerInventory
import Yams

/// Reads `allowlist.yaml`: what an operator has looked at and lets be.
enum AllowlistReader {
    /// - Throws: `ConfigurationError`: an entry without a reason, an unknown check, a date that is none, an unknown key.
    static func read(_ file: String) throws(ConfigurationError) -> Allowlist {
        let document = try YAMLDocument.read(file)
        return try document.allowlist(document.mapping("version: 1"))
    }
}

extension YAMLDocument {
    fileprivate func allowlist(_ root: Node) throws(ConfigurationError) -> Allowlist {
        var allowlist = Allowlist()
        var version: Int?
        try section(root, "the allowlist") { (key, node) throws(ConfigurationError) in
            switch key {
            case "version": version = try integer(node, 1...1)
            case "allow":
                guard let sequence = node.sequence else { throw error(node, "expected a list") }
                for element in sequence { allowlist.entries.append(try entry(element)) }
            default: return false
            }
            return true
        }
        guard version != nil else { throw error(root, "'version' is missing; expected 'version: 1'") }
        return allowlist
    }

    private func entry(_ node: Node) throws(ConfigurationError) -> AllowlistEntry {
        var image: String?
        var reason: String?
        let at = place(of: node)
        var entry = AllowlistEntry(image: "", reason: "", place: "\(at.file):\(at.line)")
        try section(node, "an entry") { (key, node) throws(ConfigurationError) in
            switch key {
            case "image": image = try repository(node)
            case "digest": entry.digest = try digest(node)
            case "namespace": entry.namespace = try string(node)
            case "checks": entry.checks = try checks(node)
            case "reason": reason = try string(node)
            case "owner": entry.owner = try string(node)
            case "expires": entry.expires = try date(node)
            default: return false
            }
            return true
        }
        guard let image else { throw error(node, "'image' is missing; expected a repository without tag") }
        guard let reason, reason.contains(where: { !$0.isWhitespace }) else {
            throw error(node, "'reason' is missing or empty; say why \(image) may do this")
        }
        entry.image = image
        entry.reason = reason
        return entry
    }

    private func repository(_ node: Node) throws(ConfigurationError) -> String {
        let text = try string(node)
        let last = text.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard !text.contains("@"), !last.contains(":") else {
            throw error(node, "expected a repository without tag and digest; a digest has its own key, 'digest'")
        }
        return text
    }

    private func digest(_ node: Node) throws(ConfigurationError) -> String {
        let text = try string(node)
        guard text.hasPrefix("sha256:"), text.utf8.count == 71,
            text.dropFirst(7).allSatisfy({ $0.isHexDigit && !$0.isUppercase })
        else { throw error(node, "expected sha256: and 64 hexadecimal digits") }
        return text
    }

    private func checks(_ node: Node) throws(ConfigurationError) -> Set<String> {
        guard let sequence = node.sequence, !sequence.isEmpty else {
            throw error(node, "expected a list of checks; without the key all are meant")
        }
        var names: Set<String> = []
        for element in sequence {
            let name = try string(element)
            guard Posture.checkIDs.contains(name) else {
                throw error(element, "there is no check '\(name)'; 'nodeagent posture --list-checks' names them")
            }
            names.insert(name)
        }
        return names
    }

    /// `2027-06-30`.
    private func date(_ node: Node) throws(ConfigurationError) -> String {
        let text = try string(node)
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part in part.allSatisfy(\.isNumber) ? Int(part) : nil }
        guard parts.map(\.utf8.count) == [4, 2, 2], numbers.count == 3, (1...12).contains(numbers[1]),
            (1...31).contains(numbers[2])
        else { throw error(node, "expected a day as in 2027-06-30") }
        return text
    }
}
