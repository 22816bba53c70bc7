internal import EventModel

extension FieldExtraction {
    /// The fields that need to know who did it.
    static func value(of field: FieldID, index: Int, event: KernelEvent, known attribution: Attribution) -> FieldValue {
        switch field {
        case .fdProcSameContainer: attribution.entryIsInSameContainer.map(FieldValue.boolean) ?? .missing
        case .fdProcIsSelf: attribution.entryIsSelf.map(FieldValue.boolean) ?? .missing
        case .userName: attribution.userName.map(FieldValue.text) ?? .missing
        case .procPID, .procPpid, .procVpid, .procName, .procExepath, .procExe, .procCmdline, .procArgs, .procPname,
            .procPcmdline, .procAname, .procTty, .procCwd, .procIsContainerSetup:
            process(field, index: index, event: event, attribution)
        case .attributionCertainty: .text(attribution.certainty.name)
        default: container(field, event: event, attribution)
        }
    }

    private static func process(
        _ field: FieldID, index: Int, event: KernelEvent, _ attribution: Attribution
    ) -> FieldValue {
        let process = attribution.process
        let parent = attribution.ancestors.first
        return switch field {
        case .procPID: number(process?.key.pid ?? event.pid)
        case .procPpid: number(process?.parentPID ?? event.parentPID)
        case .procVpid: number(process?.namespacedPID ?? 0)
        // The record has the name that the process had at the act; the table's may be older or younger.
        case .procName: event.comm.isPresent ? text(event.comm) : name(of: process).map(FieldValue.text) ?? .missing
        case .procExepath: nonEmpty(process?.executablePath).map(FieldValue.text) ?? text(event.executable)
        case .procExe: process?.commandLine.first.map(FieldValue.text) ?? .missing
        case .procCmdline: commandLine(process)
        case .procArgs: (process?.commandLine.dropFirst()).map { .text($0.joined(separator: " ")) } ?? .missing
        case .procPname: name(of: parent).map(FieldValue.text) ?? .missing
        case .procPcmdline: commandLine(parent)
        case .procAname: ancestorName(index, attribution)
        case .procTty: terminal(event)
        case .procCwd: text(event.workingDirectory)
        case .procIsContainerSetup: (process?.isContainerSetup).map(FieldValue.boolean) ?? .missing
        default: .missing
        }
    }

    private static func number(_ pid: Int32) -> FieldValue { pid == 0 ? .missing : .number(Int64(pid)) }

    private static func nonEmpty(_ text: String?) -> String? { text?.isEmpty == false ? text : nil }

    private static func name(of process: ProcessRecord?) -> String? { nonEmpty(process?.comm) }

    /// Falco's: the name, not the first argument, then the other arguments.
    private static func commandLine(_ process: ProcessRecord?) -> FieldValue {
        guard let process, let name = name(of: process) ?? process.commandLine.first else { return .missing }
        return .text(([name] + process.commandLine.dropFirst()).joined(separator: " "))
    }

    /// 0 is the process itself, 1 its parent; without index all ancestors.
    private static func ancestorName(_ index: Int, _ attribution: Attribution) -> FieldValue {
        if index < 0 { return .texts(attribution.ancestors.compactMap { name(of: $0) }) }
        if index == 0 { return name(of: attribution.process).map(FieldValue.text) ?? .missing }
        guard index <= attribution.ancestors.count else { return .missing }
        return name(of: attribution.ancestors[index - 1]).map(FieldValue.text) ?? .missing
    }

    /// Audit writes `(none)`, Falco 0.
    private static func terminal(_ event: KernelEvent) -> FieldValue {
        guard event.terminal.isPresent else { return .missing }
        return event.bytes(event.terminal).elementsEqual("(none)".utf8) ? .text("0") : text(event.terminal)
    }

    /// The host's own process, for certain: an unknown one could be anybody's.
    private static func isHost(_ attribution: Attribution) -> Bool {
        guard attribution.certainty == .certain, attribution.container == nil else { return false }
        return attribution.process.map { $0.containerID == nil } ?? false
    }

    private static func container(_ field: FieldID, event: KernelEvent, _ attribution: Attribution) -> FieldValue {
        if isHost(attribution) {
            switch field {
            case .containerID, .containerFullID, .containerName, .containerType: return .text("host")
            default: return .missing
            }
        }
        let container = attribution.container
        let id = container?.id ?? attribution.process?.containerID
        return switch field {
        case .containerID: (id?.short).map(FieldValue.text) ?? .missing
        case .containerFullID: (id?.rawValue).map(FieldValue.text) ?? .missing
        case .containerName: (container?.name).map(FieldValue.text) ?? .missing
        case .containerImage: (container?.image).map(FieldValue.text) ?? .missing
        case .containerImageRepository: (container?.imageRepository).map(FieldValue.text) ?? .missing
        case .containerImageTag: (container?.imageTag).map(FieldValue.text) ?? .missing
        case .containerType: (container?.runtime.rawValue).map(FieldValue.text) ?? .missing
        case .containerPrivileged: (container?.isPrivileged).map(FieldValue.boolean) ?? .missing
        case .containerPrivilegedReasons: (container?.privileges?.reasons).map(FieldValue.texts) ?? .missing
        case .containerIsSandbox: (container?.isSandbox).map(FieldValue.boolean) ?? .missing
        case .containerDeclaresDevice: declaresDevice(container, event)
        case .k8sPodName: (container?.pod).map(FieldValue.text) ?? .missing
        case .k8sNsName: (container?.podNamespace).map(FieldValue.text) ?? .missing
        default: .missing
        }
    }

    private static func declaresDevice(_ container: Container?, _ event: KernelEvent) -> FieldValue {
        guard let container, let node = node(event) else { return .missing }
        return .boolean(container.declaredDevices.contains(node))
    }
}
