package import EventModel

extension RuleSet {
    /// Fields that every alert carries beside those of its output.
    private static let commonFields: [FieldID] = [
        .evtTime, .evtType, .evtSource, .containerID, .containerName, .containerImageRepository, .containerImageTag,
        .k8sPodName, .k8sNsName, .userName, .userUID, .procName, .procPID, .procExepath, .procCmdline, .procPname,
        .attributionCertainty,
    ]

    /// Second phase and its alerts: one for each of the candidates that matches, in the order of the files.
    package func alerts(for event: KernelEvent, attribution: Attribution, candidates: [Int]) -> [Alert] {
        matches(for: event, attribution: attribution, candidates: candidates).map {
            alert(rule: $0, event: event, attribution: attribution)
        }
    }

    /// The alert of one rule that matched.
    package func alert(rule index: Int, event: KernelEvent, attribution: Attribution) -> Alert {
        let rule = rules[index]
        var output = ""
        var fields: [(name: String, value: AlertValue)] = []
        var named: Set<String> = []
        var store = ValueStore(count: program.operands.count)
        store.begin()
        func value(of operand: Int32) -> FieldValue {
            let value = program.value(of: Int(operand), event: event, attribution: attribution, store: &store)
            return FieldValue(value, in: store)
        }
        for piece in rule.output.pieces {
            switch piece {
            case .text(let text): EscapedText.append(text, to: &output)
            case .field(let reference):
                let value = value(of: reference.operand)
                Self.append(value, width: reference.width, event: event, to: &output)
                if named.insert(reference.name).inserted { fields.append((reference.name, value.alertValue(event))) }
            }
        }
        for (name, template) in rule.extraFields where named.insert(name).inserted {
            if let only = template.references.first, template.pieces.count == 1 {
                fields.append((name, value(of: only.operand).alertValue(event)))
                continue
            }
            var text = ""
            for piece in template.pieces {
                switch piece {
                case .text(let literal): text += literal
                case .field(let reference):
                    Self.append(value(of: reference.operand), width: reference.width, event: event, to: &text)
                }
            }
            fields.append((name, .text(text)))
        }
        for field in Self.commonFields where named.insert(field.rawValue).inserted {
            let value = FieldExtraction.value(of: field, index: -1, event: event, attribution: attribution)
            fields.append((field.rawValue, value.alertValue(event)))
        }
        switch attribution.certainty {
        case .certain: break
        case .ambiguous(let why): output += " attribution=ambiguous (" + EscapedText.escaped(why) + ")"
        case .inherited, .unknown: output += " attribution=" + attribution.certainty.name
        }
        return Alert(
            time: event.time, rule: rule.name, priority: rule.priority, source: rule.eventSource, output: output,
            fields: fields, tags: rule.tags)
    }

    private static func append(_ value: FieldValue, width: Int?, event: KernelEvent, to output: inout String) {
        var text = value.printed(event)
        if let width { text = text.prefix(width) + String(repeating: " ", count: max(0, width - text.count)) }
        output += text
    }
}

extension FieldValue {
    /// The value as an alert carries it: unescaped, since each output escapes for itself.
    package func alertValue(_ event: KernelEvent) -> AlertValue {
        switch self {
        case .missing, .unknown: .missing
        case .number(let number): .number(number)
        case .boolean(let boolean): .boolean(boolean)
        case .eventText(let offset, let count):
            .text(String(decoding: event.text[offset..<(offset + count)], as: UTF8.self))
        case .text(let text): .text(text)
        case .texts(let texts): texts.isEmpty ? .missing : .list(texts)
        }
    }
}
