/// Which techniques rules tell of, as a layer of the MITRE ATT&CK Navigator: layers/spec/v4.5/layerformat.md of
/// mitre-attack/attack-navigator.
///
/// No tactic is given, so that a technique is shown under each of its own: the tags of rules name tactics that their
/// technique is not in, and the Navigator would show those nowhere. No version of ATT&CK either: the current one holds.
struct NavigatorLayer: Encodable {
    struct Versions: Encodable {
        var layer = "4.5"
        /// The oldest that reads this format.
        var navigator = "4.9.0"
    }
    struct Technique: Encodable {
        var techniqueID: String
        /// How many rules tell of it.
        var score: Int
        var comment: String
        var enabled = true
        var metadata: [Metadata]
    }
    struct Metadata: Encodable {
        var name: String
        var value: String
    }
    struct Gradient: Encodable {
        var colors = ["#cfe8cf", "#2e7d32"]
        var minValue = 0
        var maxValue: Int
    }
    struct Filters: Encodable { var platforms = ["Linux", "Containers"] }
    struct Layout: Encodable {
        var layout = "side"
        var showID = true
        var showName = true
        var expandedSubtechniques = "annotated"
    }

    var name = "nodeagent"
    var versions = Versions()
    var domain = "enterprise-attack"
    var description: String
    var filters = Filters()
    var layout = Layout()
    var techniques: [Technique]
    var gradient: Gradient

    init(_ rules: [RuleListing]) {
        let counted = rules.filter { $0.enabled && $0.coverage != .impossible }
        var byTechnique: [String: [RuleListing]] = [:]
        for rule in counted {
            for tag in Set(rule.tags) where Self.isTechnique(tag) { byTechnique[tag, default: []].append(rule) }
        }
        description = "\(counted.count) rules; the score of a technique is how many of them tell of it"
        techniques = byTechnique.sorted { $0.key < $1.key }.map { id, rules in
            Technique(
                techniqueID: id, score: rules.count, comment: rules.map(\.name).joined(separator: "; "),
                metadata: rules.map { rule in
                    let tactics = rule.tags.filter { $0.hasPrefix("mitre_") }.map { $0.dropFirst("mitre_".count) }
                    return Metadata(
                        name: rule.name, value: ([rule.priority] + tactics.map(String.init)).joined(separator: ", "))
                })
        }
        // The format wants it greater than the least.
        gradient = Gradient(maxValue: max(1, techniques.map(\.score).max() ?? 1))
    }

    /// `T1611`, `T1059.004`; TA0003 is a tactic.
    private static func isTechnique(_ tag: String) -> Bool { tag.wholeMatch(of: /T[0-9]{4}(?:\.[0-9]{3})?/) != nil }
}
