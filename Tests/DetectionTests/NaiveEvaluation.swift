import Detection
import EventModel

/// A condition evaluated by walking its tree with strings: slow, short, and written apart from the compiled program.
struct NaiveEvaluation {
    let event: KernelEvent
    let attribution: Attribution?

    /// Nil for unknown.
    func value(_ condition: Condition) -> Bool? {
        switch condition {
        case .and(let terms):
            let values = terms.map(value)
            return values.contains(false) ? false : values.contains(nil) ? nil : true
        case .or(let terms):
            let values = terms.map(value)
            return values.contains(true) ? true : values.contains(nil) ? nil : false
        case .not(let term): return value(term).map { !$0 }
        case .macro: return nil
        case .check(let check): return value(check)
        }
    }

    private func value(_ check: Condition.Check) -> Bool? {
        guard case .field(let reference) = check.left, let field = FieldID(rawValue: reference.name) else { return nil }
        let index = reference.argument.flatMap { Int($0) } ?? -1
        let found = FieldExtraction.value(of: field, index: index, event: event, attribution: attribution)
        let texts: [String]
        switch found {
        case .missing: return false
        case .unknown: return nil
        case .number(let number): texts = [String(number)]
        case .boolean(let boolean): texts = [boolean ? "true" : "false"]
        case .eventText(let offset, let count):
            texts = [String(decoding: event.text[offset..<(offset + count)], as: UTF8.self)]
        case .text(let text): texts = [text]
        case .texts(let several): texts = several
        }
        if case .modified(let modifier, let values, _) = check.right {
            let count = values.count { value in texts.contains { holds(check.comparison, $0, [value.text]) } }
            return switch modifier {
            case .anyof: count > 0
            case .allof: count == values.count && count > 0
            case .oneof: count == 1
            }
        }
        let literals: [String] =
            switch check.right {
            case .value(let value): [value.text]
            case .list(let values): values.map(\.text)
            default: []
            }
        return texts.contains { holds(check.comparison, $0, literals) }
    }

    private func holds(_ comparison: Condition.Comparison, _ text: String, _ literals: [String]) -> Bool {
        let literal = literals.first ?? ""
        let number = (Int64(text) ?? 0, Int64(literal) ?? 0)
        return switch comparison {
        case .exists: true
        case .equal: text == literal
        case .notEqual: text != literal
        case .less: number.0 < number.1
        case .lessOrEqual: number.0 <= number.1
        case .greater: number.0 > number.1
        case .greaterOrEqual: number.0 >= number.1
        case .contains: text.contains(literal)
        case .icontains: text.lowercased().contains(literal.lowercased())
        case .startswith: text.hasPrefix(literal)
        case .endswith: text.hasSuffix(literal)
        case .isIn, .intersects: literals.contains(text)
        case .pmatch:
            literals.contains { text.split(separator: "/").starts(with: $0.split(separator: "/")) }
        default: false
        }
    }
}
