internal import EventModel

extension ConditionCompiler {
    mutating func numbers(
        _ operand: Int32, _ description: Operand, _ comparison: Condition.Comparison, _ elements: [Element]
    ) -> ConditionTree {
        var numbers: [Int64] = []
        for (text, offset) in elements {
            guard let number = Self.number(text) else {
                let what = description.field.map { "`\($0.rawValue)`" } ?? "the transformer's value"
                fail(.type, at: offset, "expected a whole number for \(what), found `\(text)`")
                return .leaf(.never(unfed: nil))
            }
            numbers.append(number)
        }
        // Falco counts events from 1, and rules say `evt.num = 0` for what is never to be true.
        if description.field == .evtNum { numbers.removeAll { $0 == 0 && comparison != .notEqual } }
        guard let first = numbers.first else { return .leaf(.never(unfed: nil)) }
        return switch comparison {
        case .notEqual: .leaf(.number(operand, .numberNotEqual, first))
        case .less: .leaf(.number(operand, .numberLess, first))
        case .lessOrEqual: .leaf(.number(operand, .numberLessOrEqual, first))
        case .greater: .leaf(.number(operand, .numberGreater, first))
        case .greaterOrEqual: .leaf(.number(operand, .numberGreaterOrEqual, first))
        default: .leaf(.numbers(operand, Set(numbers)))
        }
    }

    mutating func booleans(
        _ operand: Int32, _ description: Operand, _ comparison: Condition.Comparison, _ elements: [Element]
    ) -> ConditionTree {
        var bits: Int64 = 0
        for (text, offset) in elements {
            switch text {
            case "true": bits |= 2
            case "false": bits |= 1
            default:
                let what = description.field.map { "`\($0.rawValue)`" } ?? "the transformer's value"
                fail(.type, at: offset, "expected `true` or `false` for \(what), found `\(text)`")
                return .leaf(.never(unfed: nil))
            }
        }
        return .leaf(.booleans(operand, comparison == .notEqual ? ~bits : bits))
    }

    /// `bcontains` and `bstartswith` are written in hexadecimal.
    mutating func checkHexadecimal(_ comparison: Condition.Comparison, _ elements: [Element]) {
        guard comparison == .bcontains || comparison == .bstartswith else { return }
        for (text, offset) in elements
        where text.isEmpty || text.utf8.count % 2 != 0 || !text.allSatisfy(\.isHexDigit)
            || !text.utf8.allSatisfy({ $0 < 0x80 })
        {
            fail(.type, at: offset, "expected hexadecimal digits, two a byte, found `\(text)`")
        }
    }

    /// Literals of an address or a network.
    mutating func addresses(
        _ number: Int32, _ operand: Operand, _ comparison: Condition.Comparison, _ elements: [Element]
    ) -> ConditionTree {
        var networks: [IPNetwork] = []
        for (text, offset) in elements {
            if let network = IPNetwork(text), operand.kind.type == .network || !text.contains("/") {
                networks.append(network)
                continue
            }
            let what = operand.kind.type == .network ? "a network as `10.0.0.0/8`" : "an IP address"
            fail(.type, at: offset, "expected \(what), found `\(text)`")
        }
        return .leaf(
            networks.isEmpty ? .never(unfed: nil) : .networks(number, networks, isNegated: comparison == .notEqual))
    }
}
