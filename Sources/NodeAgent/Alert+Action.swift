import Detection
import EventModel
import Responder

extension Alert {
    /// What the agent did to a container, or did not: source `internal`.
    static func action(
        _ rule: String, _ output: String, _ id: ContainerID, _ container: Container?, priority: Priority,
        fields: [(name: String, value: AlertValue)] = []
    ) -> Alert {
        var alert = Alert.internal(rule, EscapedText.escaped(output), priority: priority)
        alert.fields.append((name: "container.id", value: .text(id.short)))
        alert.fields.append((name: "container.name", value: container?.name.map(AlertValue.text) ?? .missing))
        alert.fields.append((name: "container.image", value: container?.image.map(AlertValue.text) ?? .missing))
        alert.fields.append((name: "k8s.pod.name", value: container?.pod.map(AlertValue.text) ?? .missing))
        alert.fields.append((name: "k8s.ns.name", value: container?.podNamespace.map(AlertValue.text) ?? .missing))
        alert.fields += fields
        return alert
    }

    /// What became of a collection that a rule asked for.
    static func collection(
        _ rule: String, _ container: Container, _ text: String, priority: Priority, result: String,
        origin: ActionOrigin, path: String? = nil
    ) -> Alert {
        .action(
            rule, "\(ResponseWorker.name(container.id, container)): \(text)", container.id, container,
            priority: priority,
            fields: [
                (name: "action", value: .text("collect")),
                (name: "action.result", value: .text(result)),
                (name: "action.origin", value: .text(origin.text)),
                (name: "evidence.path", value: path.map(AlertValue.text) ?? .missing),
            ])
    }

    /// - Parameter name: the container's, for people.
    static func action(_ record: ActionRecord, _ name: String, _ container: Container?) -> Alert {
        let (rule, verb): (String, String) =
            switch record.action {
            case .freeze: ("Container frozen", "frozen")
            case .kill: ("Container killed", "killed")
            case .release: ("Container released", "released")
            }
        let by = record.origin.text
        let why = record.outcome.reason.map { ": \($0)" } ?? ""
        let (title, output, priority): (String, String, Priority) =
            switch record.outcome {
            case .done where record.action == .release: (rule, "\(name) released by \(by)", .notice)
            case .done: (rule, "\(name) \(verb) by \(by)", .warning)
            case .partial: (rule, "\(name) \(verb) in part by \(by)\(why)", .error)
            case .unchanged: (rule, "\(name) not \(verb) by \(by)\(why)", .notice)
            case .wouldAct: ("Action not done", "\(name) would be \(verb) by \(by) (dry-run)", .notice)
            case .refused: ("Action refused", "\(name) is not \(verb) by \(by)\(why)", .warning)
            case .failed: ("Action failed", "\(name) could not be \(verb) by \(by)\(why)", .error)
            }
        return .action(
            title, output, record.container, container, priority: priority,
            fields: [
                (name: "action", value: .text(record.action.rawValue)),
                (name: "action.result", value: .text(record.outcome.name)),
                (name: "action.reason", value: record.outcome.reason.map(AlertValue.text) ?? .missing),
                (name: "action.origin", value: .text(by)),
            ])
    }
}

extension ActionOrigin {
    /// For people and for status.
    var text: String {
        switch self {
        case .rule(let name): "rule '\(name)'"
        case .operator: "operator"
        case .agent(let why): "nodeagent (\(why))"
        }
    }
}
