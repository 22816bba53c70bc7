internal import EventModel

/// What is known of the program that runs, and of when it all began.
extension FieldExtraction {
    static func program(
        _ field: FieldID, _ event: KernelEvent, _ attribution: Attribution, into store: inout ValueStore
    ) -> Value {
        let process = attribution.process
        let parent = attribution.ancestors.isEmpty ? nil : attribution.ancestors[0]
        switch field {
        case .procDuration: return duration(process?.key, event, attribution)
        case .procPpidDuration: return duration(parent?.key, event, attribution)
        case .procPIDTs: return start(process?.key, attribution)
        case .procPpidTs: return start(parent?.key, attribution)
        case .containerStartTs: return start(attribution.container?.initProcess, attribution)
        case .containerDuration: return duration(attribution.container?.initProcess, event, attribution)
        case .procIsExeUpperLayer: return boolean(attribution.isProgramInUpperLayer)
        case .procIsExeLowerLayer: return boolean(attribution.isProgramInUpperLayer.map { !$0 })
        case .procIsExeFromMemfd: return path(of: process).map { .boolean(isInMemory($0)) } ?? .missing
        case .procExeIno: return process?.executable.map { .number(Int64(clamping: $0.inode)) } ?? .missing
        case .procExeInoCtime: return process?.executableTimes.map { store.value($0.changed) } ?? .missing
        case .procExeInoMtime: return process?.executableTimes.map { store.value($0.modified) } ?? .missing
        case .procExeInoCtimeDurationProcStart:
            guard let changed = process?.executableTimes?.changed,
                case .number(let started) = start(process?.key, attribution)
            else { return .missing }
            return .number(started - Int64(clamping: changed))
        case .threadCapEffective: return capabilities(process?.capabilities?.effective, into: &store)
        case .threadCapPermitted: return capabilities(process?.capabilities?.permitted, into: &store)
        case .threadCapInheritable: return capabilities(process?.capabilities?.inheritable, into: &store)
        case .evtArgFlags: return flags(event, attribution, into: &store)
        default: return .missing
        }
    }

    private static func isInMemory(_ path: String) -> Bool {
        path.hasPrefix("/memfd:") && path.hasSuffix(" (deleted)")
    }

    /// Nanoseconds since the epoch at which a process started, as exact as the kernel's clock ticks.
    private static func start(_ key: ProcessKey?, _ attribution: Attribution) -> Value {
        guard let key, key.startTime != 0, attribution.clockOffset != 0 else { return .missing }
        return .number(Int64(clamping: key.startTime &* 10_000_000 &+ attribution.clockOffset))
    }

    private static func duration(_ key: ProcessKey?, _ event: KernelEvent, _ attribution: Attribution) -> Value {
        guard case .number(let started) = start(key, attribution) else { return .missing }
        return .number(max(0, Int64(clamping: event.time) - started))
    }

    /// Falco's: `CAP_CHOWN CAP_KILL`.
    private static func capabilities(_ set: CapabilitySet?, into store: inout ValueStore) -> Value {
        guard let set else { return .missing }
        let start = store.text.count
        for name in set.names {
            if store.text.count > start { store.append(UInt8(ascii: " ")) }
            store.append("CAP_")
            store.append(name)
        }
        return store.value(from: start)
    }

    /// What Falco says of an exec's program.
    private static func flags(_ event: KernelEvent, _ attribution: Attribution, into store: inout ValueStore) -> Value {
        guard event.type.isExec else { return .missing }
        let start = store.text.count
        if attribution.isProgramInUpperLayer == true { store.append("EXE_UPPER_LAYER") }
        if attribution.isProgramInUpperLayer == false { store.append("EXE_LOWER_LAYER") }
        if event.executable.isPresent, isInMemory(event.bytes(event.executable)) {
            if store.text.count > start { store.append(UInt8(ascii: "|")) }
            store.append("EXE_FROM_MEMFD")
        }
        return store.value(from: start)
    }
}
