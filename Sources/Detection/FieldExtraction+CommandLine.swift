internal import EventModel

/// What the record of an exec tells of the command line: the words that the program was given, before it could change
/// them.
extension FieldExtraction {
    static func range(_ text: TextRange) -> Range<Int> {
        guard text.isPresent else { return 0..<0 }
        return Int(text.offset)..<(Int(text.offset) + Int(text.count))
    }

    static func commandLine(
        _ field: FieldID, index: Int, _ event: KernelEvent, into store: inout ValueStore
    ) -> Value {
        switch field {
        case .procExe: return word(0, of: event)
        case .procArgs where index >= 0: return word(index + 1, of: event)
        case .procCmdnargs: return .number(Int64(max(0, count(event) - 1)))
        default: break
        }
        let start = store.text.count
        if field == .procCmdline {
            // Falco's: the name, not the first argument, then the other arguments.
            guard event.comm.isPresent else { return .missing }
            store.append(event.bytes(event.comm))
            if count(event) > 1 { store.append(UInt8(ascii: " ")) }
        }
        join(event, from: field == .procExeline ? 0 : 1, into: &store)
        return store.value(from: start)
    }

    /// Each word as a text of a list.
    static func words(_ event: KernelEvent, from first: Int, into store: inout ValueStore) -> Value {
        let number = store.textCount
        for index in first..<max(first, count(event)) {
            guard case .eventText(let offset, let length) = word(index, of: event) else { break }
            let start = store.text.count
            store.append(event.text[offset..<(offset + length)])
            store.closeText(from: start)
        }
        return .texts(first: number, count: store.textCount - number)
    }

    private static func join(_ event: KernelEvent, from first: Int, into store: inout ValueStore) {
        var number = 0
        let range = range(event.commandLine)
        // Each word ends with a NUL, the last as well: that one is no blank.
        for index in range {
            let byte = event.text[index]
            if number >= first, byte != 0 || index + 1 < range.upperBound {
                store.append(byte == 0 ? UInt8(ascii: " ") : byte)
            }
            if byte == 0 { number += 1 }
        }
    }

    private static func word(_ wanted: Int, of event: KernelEvent) -> Value {
        var number = 0
        let range = range(event.commandLine)
        var start = range.lowerBound
        for index in range where event.text[index] == 0 {
            if number == wanted { return .eventText(offset: start, count: index - start) }
            number += 1
            start = index + 1
        }
        return .missing
    }

    private static func count(_ event: KernelEvent) -> Int {
        var count = 0
        for index in range(event.commandLine) where event.text[index] == 0 { count += 1 }
        return count
    }

    /// Audit tells of no terminal where there is none, Falco says 0.
    static func terminal(_ event: KernelEvent, into store: inout ValueStore) -> Value {
        event.terminal.isPresent ? text(event.terminal) : store.value("0")
    }

    /// As Falco has it, with a slash at the end.
    static func workingDirectory(_ event: KernelEvent, into store: inout ValueStore) -> Value {
        guard event.workingDirectory.isPresent else { return .missing }
        let bytes = event.bytes(event.workingDirectory)
        if bytes.last == UInt8(ascii: "/") { return text(event.workingDirectory) }
        let start = store.text.count
        store.append(bytes)
        store.append(UInt8(ascii: "/"))
        return store.value(from: start)
    }

    /// Whether a program's path is that of a memfd, as the kernel writes it: it never had another name.
    static func isInMemory(_ path: ArraySlice<UInt8>) -> Bool {
        path.starts(with: "/memfd:".utf8) && path.suffix(10).elementsEqual(" (deleted)".utf8)
    }
}
