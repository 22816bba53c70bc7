/// A field as a rule names it, with what stands between its brackets: `proc.aname[2]`, `evt.arg[name]`, `evt.arg.name`.
struct FieldReference: Sendable, Hashable {
    let id: FieldID
    /// The number in the brackets, -1 for none.
    let index: Int

    struct Failure: Error {
        let kind: RuleError.Kind
        let message: String
    }

    /// What a field takes between its brackets.
    private enum Argument {
        case none
        /// A number; without it the field stands for all of them.
        case index
        /// A name or a number, which may be left out.
        case optionalKey
        case key
    }

    private static func argument(of field: FieldID) -> Argument {
        switch field {
        case .procAname, .procAexe, .procAexepath, .procAcmdline, .procApid, .procArgs, .procAargs, .fdTypes: .index
        case .procEnv, .procAenv, .containerMount: .optionalKey
        case .evtArg, .evtRawarg, .evtAbspath, .threadCgroup, .containerLabel, .k8sPodLabel, .containerMountSource,
            .containerMountDest, .containerMountMode, .containerMountRdwr, .containerMountPropagation:
            .key
        default: .none
        }
    }

    /// Whether `[…]` may follow the field's name.
    static func takesArgument(_ field: FieldID) -> Bool {
        argumentName(of: field) != nil
    }

    /// `N` for a number, `NAME` for a name or a number, nil where nothing may stand.
    static func argumentName(of field: FieldID) -> String? {
        switch argument(of: field) {
        case .none: nil
        case .index: "N"
        case .optionalKey, .key: "NAME"
        }
    }

    /// Fields whose argument may be written after a dot.
    private static let dotted: [FieldID] = [.evtArg, .evtRawarg, .threadCgroup, .containerLabel, .k8sPodLabel]

    /// - Parameters:
    ///   - name: as written, without brackets.
    ///   - argument: what stands in the brackets; nil without them.
    static func resolve(
        _ name: String, argument: String?
    ) throws(Failure) -> (reference: FieldReference, field: FieldDescription) {
        if let field = FieldCatalog.field(named: name) {
            if field.id == .evtArg, let argument, let known = FieldCatalog.field(named: "evt.arg.\(argument)") {
                return (FieldReference(id: known.id, index: -1), known)
            }
            return (FieldReference(id: field.id, index: try index(argument, of: field)), field)
        }
        for family in dotted where name.hasPrefix(family.rawValue + ".") {
            guard argument == nil, let field = FieldCatalog.field(named: family.rawValue) else { break }
            _ = try index(String(name.dropFirst(family.rawValue.count + 1)), of: field)
            return (FieldReference(id: family, index: -1), field)
        }
        let hint = Suggestion.hint(for: name, among: FieldID.allCases.lazy.map(\.rawValue))
        throw Failure(kind: .unknownName, message: "expected a field, found `\(name)`, which is not known" + hint)
    }

    private static func index(_ text: String?, of field: FieldDescription) throws(Failure) -> Int {
        switch (self.argument(of: field.id), text) {
        case (.none, nil), (.index, nil), (.optionalKey, nil), (.optionalKey, .some): return -1
        case (.none, .some):
            throw Failure(kind: .structure, message: "`\(field.name)` takes no argument")
        case (.key, nil):
            throw Failure(kind: .structure, message: "expected an argument, as in `\(field.name)[name]`")
        case (.key, .some(let key)):
            guard field.id == .evtArg || field.id == .evtRawarg else { return -1 }
            if FalcoNames.eventArguments.contains(key) || Int(key) != nil { return -1 }
            let hint = Suggestion.hint(for: key, among: FalcoNames.eventArguments)
            throw Failure(kind: .unknownName, message: "no event has an argument `\(key)`" + hint)
        case (.index, .some(let text)):
            guard let index = Int(text), (0...1000).contains(index) else {
                throw Failure(
                    kind: .structure, message: "expected a number from 0 to 1000 in the brackets, found `\(text)`")
            }
            return index
        }
    }
}
