internal import EventModel

extension ConditionCompiler {
    /// The number of the operand among the program's; nil after an error.
    mutating func operand(_ written: Condition.Operand) -> Int32? {
        switch written {
        case .field(let field): operand(field)
        case .transformer(let transformer): operand(transformer)
        }
    }

    mutating func operand(_ field: Condition.Field) -> Int32? {
        if field.name.hasPrefix("static.") { return staticField(field) }
        do {
            let (reference, description) = try FieldReference.resolve(field.name, argument: field.argument)
            return add(
                Operand(
                    source: .field(reference),
                    kind: Operand.Kind(type: description.type, isList: field.name == "fd.types"),
                    needsAttribution: description.phase == .attribution,
                    unfed: description.isFed ? nil : description.id))
        } catch {
            failUnknownField(at: field.offset, error)
            return nil
        }
    }

    private mutating func staticField(_ field: Condition.Field) -> Int32? {
        let name = String(field.name.dropFirst("static.".count))
        guard let text = staticFields[name] else {
            let hint = Suggestion.hint(for: field.name, among: staticFields.keys.map { "static." + $0 })
            fail(.unknownName, at: field.offset, "no static field `\(name)` is set" + hint)
            return nil
        }
        return literal(text)
    }

    private mutating func literal(_ text: String) -> Int32 {
        add(Operand(source: .literal(text), kind: Operand.Kind(type: .text), needsAttribution: false, unfed: nil))
    }

    private mutating func add(_ operand: Operand) -> Int32 {
        if let known = operandNumbers[operand.source] { return known }
        program.operands.append(operand)
        let number = Int32(program.operands.count - 1)
        operandNumbers[operand.source] = number
        return number
    }

    /// Any number of arguments as one operand.
    private mutating func add(
        _ source: Operand.Source, _ kind: Operand.Kind, of arguments: [Int32]
    ) -> Int32 {
        let parts = arguments.map { program.operands[Int($0)] }
        return add(
            Operand(
                source: source, kind: kind, needsAttribution: parts.contains { $0.needsAttribution },
                unfed: parts.lazy.compactMap(\.unfed).first))
    }

    private mutating func operand(_ transformer: Condition.Transformer) -> Int32? {
        if transformer.index != nil, transformer.name != "getopt" {
            fail(.structure, at: transformer.offset, "`\(transformer.name)()` takes nothing in brackets")
            return nil
        }
        var arguments: [Int32] = []
        for (number, argument) in transformer.arguments.enumerated() {
            let takesWords = transformer.name == "getopt" && number == 0
            guard let operand = operand(argument, takesWords: takesWords, at: transformer.offset) else { return nil }
            arguments.append(operand)
        }
        let kinds = arguments.map { program.operands[Int($0)].kind }
        switch transformer.name {
        case "join":
            guard kinds.count == 2, kinds[0] == Operand.Kind(type: .text), kinds[1].isList, kinds[1].type == .text
            else {
                return fail(
                    transformer, "expected `join(separator, list)`, as in `join(\",\", (proc.name, proc.pname))`")
            }
            return add(.function(.join, arguments), Operand.Kind(type: .text), of: arguments)
        case "concat":
            guard kinds.count >= 2, kinds.allSatisfy({ $0 == Operand.Kind(type: .text) }) else {
                return fail(transformer, "expected at least two texts, as in `concat(fd.directory, \"/x\")`")
            }
            return add(.function(.concat, arguments), Operand.Kind(type: .text), of: arguments)
        case "getopt": return getopt(transformer, arguments, kinds)
        default: return simple(transformer, arguments, kinds)
        }
    }

    private mutating func fail(_ transformer: Condition.Transformer, _ message: String) -> Int32? {
        fail(.type, at: transformer.offset, message)
        return nil
    }

    private mutating func getopt(
        _ transformer: Condition.Transformer, _ arguments: [Int32], _ kinds: [Operand.Kind]
    ) -> Int32? {
        guard kinds.count == 2, kinds[0] == Operand.Kind(type: .text, isList: true),
            kinds[1] == Operand.Kind(type: .text)
        else {
            return fail(transformer, "expected a list of words and the options, as in `getopt(proc.args, \"e:l\")`")
        }
        guard let index = transformer.index else {
            let kind = Operand.Kind(type: .text, isList: true)
            return add(.function(.getopt(selector: nil), arguments), kind, of: arguments)
        }
        guard let selector = index.utf8.first, index.utf8.count == 1 else {
            return fail(transformer, "expected one option character in the brackets, found `\(index)`")
        }
        return add(.function(.getopt(selector: selector), arguments), Operand.Kind(type: .text), of: arguments)
    }

    private static let simple: [String: Operand.Function] = [
        "tolower": .tolower, "toupper": .toupper, "b64": .b64, "basename": .basename, "len": .len,
    ]

    private mutating func simple(
        _ transformer: Condition.Transformer, _ arguments: [Int32], _ kinds: [Operand.Kind]
    ) -> Int32? {
        guard let function = Self.simple[transformer.name] else { return nil }
        guard let kind = kinds.first, kinds.count == 1 else {
            return fail(transformer, "expected one argument for `\(transformer.name)()`, found \(kinds.count)")
        }
        if let field = program.operands[Int(arguments[0])].field, Self.ancestors.contains(field) {
            return fail(transformer, "`\(field.rawValue)` takes no transformer")
        }
        let isTaken =
            switch function {
            case .len: kind.isList || kind.type == .text || kind.type == .buffer
            case .b64: kind.type == .text || kind.type == .buffer
            default: kind.type == .text
            }
        guard isTaken else {
            return fail(transformer, "`\(transformer.name)()` takes no \(kind.type.rawValue)")
        }
        let result = function == .len ? Operand.Kind(type: .number) : kind
        return add(.function(function, arguments), result, of: arguments)
    }

    /// Fields whose comparison looks at several processes: no value that could be handed on (Falco's EPF_NO_TRANSFORMER
    /// and EPF_NO_RHS).
    static let ancestors: Set<FieldID> = [
        .procAname, .procAexe, .procAexepath, .procAcmdline, .procApid, .procAenv,
    ]

    private mutating func operand(
        _ argument: Condition.Transformer.Argument, takesWords: Bool, at offset: Int
    ) -> Int32? {
        switch argument {
        case .text(let text): return literal(text)
        case .operand(.field(let field)) where takesWords && field.name == "proc.args" && field.argument == nil:
            return add(
                Operand(
                    source: .words(.procArgs), kind: Operand.Kind(type: .text, isList: true), needsAttribution: true,
                    unfed: nil))
        case .operand(let written): return operand(written)
        case .list(let elements):
            var numbers: [Int32] = []
            for element in elements {
                guard let number = operand(element, takesWords: false, at: offset) else { return nil }
                let kind = program.operands[Int(number)].kind
                guard !kind.isList, [.text, .number, .boolean].contains(kind.type) else {
                    fail(.type, at: offset, "expected texts, numbers or booleans in the list, not a \(kind)")
                    return nil
                }
                numbers.append(number)
            }
            return add(.list(numbers), Operand.Kind(type: .text, isList: true), of: numbers)
        }
    }
}
