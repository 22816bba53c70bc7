import EventModel
import FoundationEssentials

extension RecordedEvent {
    /// Nil for a line that is none. Whoever wrote it: numbers that do not fit make it none.
    init?(line: Span<UInt8>) {
        let bytes = unsafe line.withUnsafeBufferPointer { unsafe Data($0) }
        guard let event = try? JSONDecoder().decode(RecordedEvent.self, from: bytes) else { return nil }
        self = event
    }

    /// The event as its source told it; nil where its type or source is none of this version.
    var kernelEvent: KernelEvent? {
        guard let type = EventType(name: type), let source = EventSource.allCases.first(where: { $0.name == source })
        else { return nil }
        var event = KernelEvent()
        event.source = source
        event.type = type
        event.time = time
        event.serial = serial ?? 0
        event.pid = process.pid
        event.parentPID = process.ppid ?? 0
        event.uid = user.uid ?? .max
        event.effectiveUID = user.euid ?? .max
        event.gid = user.gid ?? .max
        event.loginUID = user.auid ?? .max
        event.architecture = architecture ?? 0
        event.isIOUring = uring ?? false
        event.isComplete = complete ?? true
        event.result = result
        for (index, argument) in (arguments ?? []).prefix(4).enumerated() { event.arguments[index] = argument }
        event.openFlags = flags
        event.creationMode = mode
        event.object = object?.file
        event.filesystem =
            object?.filesystem.flatMap { name in
                [FilesystemKind.procfs, .sysfs, .cgroup, .cgroup2].first { $0.name == name }
            } ?? .unknown
        event.procfsEntry = object?.entry.map {
            ProcfsEntry(pid: $0.pid, hostPID: $0.host, pidNamespace: $0.namespace)
        }
        event.name = Self.append(object?.name, to: &event)
        event.rawName = Self.append(object?.words, to: &event)
        event.comm = Self.append(comm, to: &event)
        event.executable = Self.append(exe, to: &event)
        event.workingDirectory = Self.append(cwd, to: &event)
        event.terminal = Self.append(tty, to: &event)
        event.cgroups = Self.append(cgroups, to: &event)
        return event
    }

    private static func append(_ text: String?, to event: inout KernelEvent) -> TextRange {
        text.map { event.append($0) } ?? .none
    }

    /// Who did it, as it was found then; nil where the file says nothing that can be.
    var who: EventModel.Attribution? {
        let certainty: AttributionCertainty
        switch attribution.certainty {
        case "certain": certainty = .certain
        case "inherited": certainty = .inherited
        case "ambiguous": certainty = .ambiguous(attribution.reason ?? "")
        case "unknown": certainty = .unknown
        default: return nil
        }
        var who = EventModel.Attribution(
            process: process.isKnown ? process.record : nil,
            ancestors: ((parent.map { [$0] } ?? []) + (ancestors ?? []).prefix(7)).map(\.record),
            certainty: certainty)
        if let container {
            // Without it the act would be the host's own.
            guard let container = Container(container, time: time, devices: devices ?? []) else { return nil }
            who.container = container
        }
        who.entryIsInSameContainer = attribution.sameContainer
        who.entryIsSelf = attribution.isSelf
        who.userName = user.name
        return who
    }
}

extension RecordedEvent.Process {
    /// Of a process that nobody knew, the event's own pids stand alone.
    fileprivate var isKnown: Bool {
        start != nil || comm != nil || exe != nil || args != nil || uid != nil || container != nil
    }

    fileprivate var record: ProcessRecord {
        ProcessRecord(
            key: ProcessKey(pid: pid, startTime: start ?? 0), parentPID: ppid ?? 0, comm: comm ?? "",
            executablePath: exe ?? "", commandLine: args ?? [],
            containerID: container.flatMap { ContainerID(validating: $0) }, isContainerSetup: setup ?? false,
            namespacedPID: vpid ?? 0, uid: uid ?? .max)
    }
}

extension RecordedEvent.Object {
    fileprivate var file: FileObject? {
        guard let device = device.flatMap(DeviceNumber.init), let inode, let mode else { return nil }
        let node = node.flatMap(DeviceNumber.init) ?? DeviceNumber(major: 0, minor: 0)
        return FileObject(
            deviceMajor: device.major, deviceMinor: device.minor, inode: inode, mode: mode, nodeMajor: node.major,
            nodeMinor: node.minor)
    }
}

extension DeviceNumber {
    /// `8:1`.
    fileprivate init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]) else { return nil }
        self.init(major: major, minor: minor)
    }
}

extension Container {
    /// What rules ask of a container, out of its listing. Nil for an id that is none.
    fileprivate init?(_ listing: ContainerListing, time: UInt64, devices: [String]) {
        guard let id = ContainerID(validating: listing.id) else { return nil }
        self.init(
            id: id, runtime: ContainerRuntime(rawValue: listing.runtime) ?? .unknown,
            cgroupPath: listing.cgroup ?? "/", firstSeen: time)
        name = listing.name
        image = listing.image
        imageDigest = listing.imageDigest
        initProcess = listing.pid.map { ProcessKey(pid: $0, startTime: 0) }
        cgroup = listing.cgroupID.map { CgroupID($0) }
        pidNamespace = listing.pidNamespace.map { NamespaceID($0) }
        pod = listing.pod
        podNamespace = listing.namespace
        outer = listing.parent.flatMap { ContainerID(validating: $0) }
        isSandbox = listing.sandbox ?? false
        if listing.verdict != nil || listing.reasons?.isEmpty == false {
            privileges = ContainerPrivileges(
                verdict: listing.verdict.flatMap(PrivilegeVerdict.init), reasons: listing.reasons ?? [],
                podSecurity: listing.podSecurity.flatMap(PodSecurityLevel.init))
        }
        declaredDevices = Set(devices.compactMap(DeviceNumber.init))
    }
}
