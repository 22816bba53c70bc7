internal import EventModel

extension Program {
    /// The operand's value, worked out once an event.
    func value(
        of operand: Int, event: KernelEvent, attribution: Attribution?, store: inout ValueStore
    ) -> Value {
        if let known = store[operand] { return known }
        let value: Value
        switch operands[operand].source {
        case .field(let reference):
            value = FieldExtraction.read(
                reference.id, index: reference.index, event: event, attribution: attribution, into: &store)
        case .words(let field):
            value = attribution.map { FieldExtraction.words(of: field, event, $0, into: &store) } ?? .unknown
        case .literal(let text): value = store.value(text)
        case .list(let elements):
            value = list(elements, event: event, attribution: attribution, store: &store)
        case .function(let function, let arguments):
            value = apply(function, to: arguments, event: event, attribution: attribution, store: &store)
        }
        store[operand] = value
        return value
    }

    private func list(
        _ elements: [Int32], event: KernelEvent, attribution: Attribution?, store: inout ValueStore
    ) -> Value {
        for index in elements.indices {
            let value = value(of: Int(elements[index]), event: event, attribution: attribution, store: &store)
            switch value {
            case .missing, .unknown: return value
            default: break
            }
        }
        let first = store.textCount
        for index in elements.indices {
            let value = value(of: Int(elements[index]), event: event, attribution: attribution, store: &store)
            let start = store.text.count
            Transformation.append(value, event: event, to: &store)
            store.closeText(from: start)
        }
        return .texts(first: first, count: store.textCount - first)
    }

    private func apply(
        _ function: Operand.Function, to arguments: [Int32], event: KernelEvent, attribution: Attribution?,
        store: inout ValueStore
    ) -> Value {
        // What one of them lacks the whole lacks.
        for index in arguments.indices {
            let value = value(of: Int(arguments[index]), event: event, attribution: attribution, store: &store)
            switch value {
            case .missing, .unknown: return value
            default: break
            }
        }
        func argument(_ number: Int) -> Value { store[Int(arguments[number])] ?? .missing }
        switch function {
        case .concat:
            let start = store.text.count
            for number in arguments.indices { Transformation.append(argument(number), event: event, to: &store) }
            return store.value(from: start)
        case .join: return Transformation.join(argument(1), with: argument(0), event: event, store: &store)
        case .getopt(let selector):
            return OptionScan.value(
                words: argument(0), options: argument(1), selector: selector, event: event, store: &store)
        case .len: return Transformation.length(argument(0), event: event, store: store)
        case .tolower, .toupper, .b64, .basename:
            return Transformation.map(argument(0), function, event: event, store: &store)
        }
    }
}
