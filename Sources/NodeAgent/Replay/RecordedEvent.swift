import ContainerInventory
import EventModel
import FoundationEssentials

/// A normalised event and who did it, as `nodeagent replay --events` prints and `nodeagent record` writes it, one JSON
/// object a line. Read again it is judged as it was, as far as it has what the rules' fields are made from
/// (docs/replay.md says what it lacks). The keys are a contract; what is not known is left out.
struct RecordedEvent: Codable, Sendable {
    struct Process: Codable, Sendable {
        var pid: Int32
        /// Clock ticks since boot.
        var start: UInt64?
        var ppid: Int32?
        var comm: String?
        var exe: String?
        var args: [String]?
        var uid: UInt32?
        /// In its own pid namespace.
        var vpid: Int32?
        /// Id of its container.
        var container: String?
        /// A runtime that sets a container up.
        var setup: Bool?
    }

    struct User: Codable, Sendable {
        var uid: UInt32?
        var euid: UInt32?
        var gid: UInt32?
        var auid: UInt32?
        var name: String?
    }

    struct Object: Codable, Sendable {
        var name: String?
        /// The caller's words.
        var words: String?
        /// `8:1`.
        var device: String?
        var inode: UInt64?
        /// Type and permission bits.
        var mode: UInt32?
        /// The device that a node stands for.
        var node: String?
        var filesystem: String?
        var entry: Entry?
    }

    /// The entry of a process in a procfs.
    struct Entry: Codable, Sendable {
        var pid: Int32
        var host: Int32
        var namespace: UInt64
    }

    struct Attribution: Codable, Sendable {
        var certainty: String
        /// Of an ambiguous one.
        var reason: String?
        var sameContainer: Bool?
        var isSelf: Bool?

        enum CodingKeys: String, CodingKey {
            case certainty, reason
            case sameContainer = "same_container"
            case isSelf = "is_self"
        }
    }

    /// The host's name, where it is known.
    var host: String?
    var source: String
    var type: String
    /// Nanoseconds since the epoch.
    var time: UInt64
    /// Of audit's event.
    var serial: UInt32?
    /// As it was known when the event was judged; of one that is not known what the event says.
    var process: Process
    var parent: Process?
    /// From the parent's parent on.
    var ancestors: [Process]?
    /// As the event itself names the program.
    var comm: String?
    var exe: String?
    var user: User
    var object: Object?
    /// a0 to a3 of the call.
    var arguments: [UInt64]?
    var result: Int64?
    var flags: UInt64?
    var mode: UInt32?
    var cwd: String?
    var tty: String?
    var architecture: UInt32?
    var uring: Bool?
    var complete: Bool?
    /// Of a process that left its container's cgroup.
    var cgroups: String?
    var attribution: Attribution
    var container: ContainerListing?
    /// Devices that the runtime was told to give to the container, `8:1`.
    var devices: [String]?
    /// The kernel's own, where the source is audit.
    var records: [String]?

    /// One line with its line break. Keys are sorted: two lines of one event are the same bytes.
    var line: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ((try? encoder.encode(self)).map { Array($0) } ?? []) + [UInt8(ascii: "\n")]
    }
}

extension RecordedEvent {
    init(_ event: KernelEvent, _ who: EventModel.Attribution, records: [String], host: String?) {
        self.host = host
        source = event.source.name
        type = event.type.name
        time = event.time
        serial = event.source == .audit ? event.serial : nil
        process =
            who.process.map { Process($0) }
            ?? Process(pid: event.pid, ppid: event.parentPID == 0 ? nil : event.parentPID)
        let ancestors = who.ancestors.map { Process($0) }
        parent = ancestors.first
        self.ancestors = ancestors.count > 1 ? Array(ancestors.dropFirst()) : nil
        comm = event.string(event.comm)
        exe = event.string(event.executable)
        user = User(
            uid: Self.id(event.uid), euid: Self.id(event.effectiveUID), gid: Self.id(event.gid),
            auid: Self.id(event.loginUID), name: who.userName)
        object = Object(event)
        if event.source == .audit { arguments = event.arguments.indices.map { event.arguments[$0] } }
        result = event.result
        flags = event.openFlags
        mode = event.creationMode
        cwd = event.string(event.workingDirectory)
        tty = event.string(event.terminal)
        architecture = event.architecture == 0 ? nil : event.architecture
        uring = event.isIOUring ? true : nil
        complete = event.isComplete ? nil : false
        cgroups = event.string(event.cgroups)
        attribution = Attribution(
            certainty: who.certainty.name, sameContainer: who.entryIsInSameContainer, isSelf: who.entryIsSelf)
        if case .ambiguous(let reason) = who.certainty { attribution.reason = reason }
        container = who.container.map { ContainerListing($0) }
        devices = who.container.flatMap { container in
            container.declaredDevices.isEmpty ? nil : container.declaredDevices.map(\.description).sorted()
        }
        self.records = records.isEmpty ? nil : records
    }

    private static func id(_ id: UInt32) -> UInt32? { id == .max ? nil : id }
}

extension RecordedEvent.Process {
    init(_ process: ProcessRecord) {
        pid = process.key.pid
        start = process.key.startTime == 0 ? nil : process.key.startTime
        ppid = process.parentPID
        comm = process.comm.isEmpty ? nil : process.comm
        exe = process.executablePath.isEmpty ? nil : process.executablePath
        args = process.commandLine.isEmpty ? nil : process.commandLine
        uid = process.uid == .max ? nil : process.uid
        vpid = process.namespacedPID == 0 ? nil : process.namespacedPID
        container = process.containerID?.rawValue
        setup = process.isContainerSetup ? true : nil
    }
}

extension RecordedEvent.Object {
    /// Nil for an event that is about no object.
    fileprivate init?(_ event: KernelEvent) {
        guard event.object != nil || event.name.isPresent || event.rawName.isPresent || event.procfsEntry != nil else {
            return nil
        }
        name = event.string(event.name)
        words = event.string(event.rawName)
        if let file = event.object {
            device = file.device.description
            inode = file.inode
            mode = file.mode
            node = file.isBlockDevice || file.isCharacterDevice ? file.node.description : nil
        }
        filesystem = event.filesystem.name
        entry = event.procfsEntry.map {
            RecordedEvent.Entry(pid: $0.pid, host: $0.hostPID, namespace: $0.pidNamespace)
        }
    }
}
