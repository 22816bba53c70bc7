internal import EventModel

extension FieldExtraction {
    /// The fields that need to know who did it.
    static func read(
        _ field: FieldID, index: Int, event: KernelEvent, known attribution: Attribution,
        into store: inout ValueStore
    ) -> Value {
        switch field {
        case .fdProcSameContainer: boolean(attribution.entryIsInSameContainer)
        case .fdProcIsSelf: boolean(attribution.entryIsSelf)
        case .userName: store.value(attribution.userName)
        case .procAname, .procAexe, .procAexepath, .procAcmdline, .procApid:
            ancestors(field, index: index, attribution, into: &store)
        case .procDuration, .procPpidDuration, .procPIDTs, .procPpidTs, .procIsExeUpperLayer, .procIsExeLowerLayer,
            .procIsExeFromMemfd, .procExeIno, .procExeInoCtime, .procExeInoMtime, .procExeInoCtimeDurationProcStart,
            .threadCapPermitted, .threadCapInheritable, .threadCapEffective, .containerStartTs, .containerDuration,
            .evtArgFlags:
            program(field, event, attribution, into: &store)
        case .userLoginname: store.value(attribution.loginName)
        case .groupName: store.value(attribution.groupName)
        case .fdSipName, .fdRipName: serverName(event, attribution, into: &store)
        case .procPID, .procPpid, .procVpid, .procName, .procExepath, .procExe, .procCmdline, .procArgs, .procPname,
            .procPcmdline, .procPexe, .procPexepath, .procCmdnargs, .procExeline, .procIsContainerSetup:
            process(field, index: index, event: event, attribution, into: &store)
        case .attributionCertainty: store.value(attribution.certainty.name)
        default: container(field, event: event, attribution, into: &store)
        }
    }

    private static func process(
        _ field: FieldID, index: Int, event: KernelEvent, _ attribution: Attribution,
        into store: inout ValueStore
    ) -> Value {
        let process = attribution.process
        let parent = attribution.ancestors.isEmpty ? nil : attribution.ancestors[0]
        switch field {
        case .procPID: return number(process?.key.pid ?? event.pid)
        case .procPpid: return number(process?.parentPID ?? event.parentPID)
        case .procVpid: return number(process?.namespacedPID ?? 0)
        case .procName: return store.value(name(of: process))
        case .procExepath: return path(of: process).map { store.value($0) } ?? text(event.executable)
        case .procExe: return store.value(process?.commandLine.first)
        case .procCmdline: return commandLine(process, into: &store)
        case .procArgs: return arguments(process, index: index, into: &store)
        case .procCmdnargs: return process.map { .number(Int64(max(0, $0.commandLine.count - 1))) } ?? .missing
        case .procExeline: return process.map { store.value(joining: $0.commandLine, from: 0) } ?? .missing
        case .procPname: return store.value(name(of: parent))
        case .procPcmdline: return commandLine(parent, into: &store)
        case .procPexe: return store.value(parent?.commandLine.first)
        case .procPexepath: return store.value(path(of: parent))
        case .procIsContainerSetup: return boolean(process?.isContainerSetup)
        default: return .missing
        }
    }

    static func number(_ pid: Int32) -> Value { pid == 0 ? .missing : .number(Int64(pid)) }

    static func boolean(_ value: Bool?) -> Value { value.map { .boolean($0) } ?? .missing }

    private static func name(of process: ProcessRecord?) -> String? {
        process?.comm.isEmpty == false ? process?.comm : nil
    }

    static func path(of process: ProcessRecord?) -> String? {
        process?.executablePath.isEmpty == false ? process?.executablePath : nil
    }

    /// Falco's: the name, not the first argument, then the other arguments.
    private static func commandLine(_ process: ProcessRecord?, into store: inout ValueStore) -> Value {
        guard let process, let name = name(of: process) ?? process.commandLine.first else { return .missing }
        let start = store.text.count
        store.append(name)
        if process.commandLine.count > 1 { store.append(UInt8(ascii: " ")) }
        store.appendWords(process.commandLine, from: 1)
        return store.value(from: start)
    }

    /// `proc.args[0]` is the first after the name.
    private static func arguments(_ process: ProcessRecord?, index: Int, into store: inout ValueStore) -> Value {
        guard let process else { return .missing }
        if index < 0 { return store.value(joining: process.commandLine, from: 1) }
        return index + 1 < process.commandLine.count ? store.value(process.commandLine[index + 1]) : .missing
    }

    /// 0 is the process itself, 1 its parent; without index all ancestors.
    private static func ancestors(
        _ field: FieldID, index: Int, _ attribution: Attribution, into store: inout ValueStore
    ) -> Value {
        if index >= 0 {
            if index == 0 { return ancestor(field, attribution.process, into: &store) }
            guard index <= attribution.ancestors.count else { return .missing }
            return ancestor(field, attribution.ancestors[index - 1], into: &store)
        }
        if field == .procApid { return .missing }
        let first = store.textCount
        for index in attribution.ancestors.indices {
            let start = store.text.count
            if case .missing = ancestor(field, attribution.ancestors[index], into: &store) { continue }
            store.closeText(from: start)
        }
        return .texts(first: first, count: store.textCount - first)
    }

    private static func ancestor(_ field: FieldID, _ process: ProcessRecord?, into store: inout ValueStore) -> Value {
        switch field {
        case .procAname: store.value(name(of: process))
        case .procAexe: store.value(process?.commandLine.first)
        case .procAexepath: store.value(path(of: process))
        case .procAcmdline: commandLine(process, into: &store)
        default: number(process?.key.pid ?? 0)
        }
    }

    /// The host's own process, for certain: an unknown one could be anybody's.
    private static func isHost(_ attribution: Attribution) -> Bool {
        guard attribution.certainty == .certain, attribution.container == nil else { return false }
        return attribution.process.map { $0.containerID == nil } ?? false
    }

    private static func container(
        _ field: FieldID, event: KernelEvent, _ attribution: Attribution, into store: inout ValueStore
    ) -> Value {
        if isHost(attribution) {
            switch field {
            case .containerID, .containerFullID, .containerName, .containerType: return store.value("host")
            default: return .missing
            }
        }
        let container = attribution.container
        let id = container?.id ?? attribution.process?.containerID
        return switch field {
        case .containerID: store.value(id?.short)
        case .containerFullID: store.value(id?.rawValue)
        case .containerName: store.value(container?.name)
        case .containerImage: store.value(container?.image)
        case .containerImageRepository: store.value(container?.repositoryPart)
        case .containerImageTag: store.value(container?.tagPart)
        case .containerImageDigest: store.value(container?.imageDigest)
        case .containerType: store.value(container?.runtime.rawValue)
        case .containerPrivileged: boolean(container?.isPrivileged)
        case .containerPrivilegedReasons: (container?.privileges?.reasons).map { store.value($0) } ?? .missing
        case .containerIsSandbox: boolean(container?.isSandbox)
        case .containerDeclaresDevice: declaresDevice(container, event)
        case .k8sPodName: store.value(container?.pod)
        case .k8sNsName: store.value(container?.podNamespace)
        default: .missing
        }
    }

    private static func declaresDevice(_ container: Container?, _ event: KernelEvent) -> Value {
        guard let container, let node = node(event) else { return .missing }
        return .boolean(container.declaredDevices.contains(node))
    }
}

extension FieldExtraction {
    /// The words of `proc.args`, as a list.
    static func words(
        of field: FieldID, _ event: KernelEvent, _ attribution: Attribution, into store: inout ValueStore
    ) -> Value {
        guard field == .procArgs else { return .missing }
        if event.commandLine.isPresent { return words(event, from: 1, into: &store) }
        guard let process = attribution.process else { return .missing }
        return store.value(process.commandLine, from: 1)
    }
}
