import ContainerInventory
import EventModel
import LinuxSystem

/// The containers of this host without a running agent: /proc once, then the runtimes' files.
struct HostInventory {
    let host: HostIdentity
    let reader: ContainerReader
    let containers: [Container]
    private let inventory: Inventory
    /// Nanoseconds for what a container's or a user's file system may hold up.
    private static let patience: UInt64 = 2_000_000_000

    /// - Parameter known: what a running agent lists: it has seen the start of containers that nothing names now (raw runc
    ///   with a state directory of its own).
    static func read(
        runtimePaths: [String] = [], known: [ContainerListing] = []
    ) throws(SystemError) -> HostInventory {
        let proc = ProcFilesystem()
        let host = try HostIdentity.read(proc: proc, runtimePaths: runtimePaths)
        let processes = ProcessReader(proc: proc)
        var inventory = Inventory(host: host, reader: processes)
        let now = monotonicNanoseconds()
        let reader = ContainerReader(proc: proc, host: host)
        inventory.load(try processes.readAll(), now: now)
        inventory.add(reader.scan(), now: now)
        // A user can make his own directories hang.
        let timed = TimedReader()
        let rootless = timed.run(timeout: patience) { reader.scanRootless() } ?? []
        inventory.add(rootless, now: now)
        let found = Set(inventory.containers.map(\.id.rawValue))
        for listing in known where !found.contains(listing.id) {
            guard let id = ContainerID(validating: listing.id), let pid = listing.pid,
                let facts = processes.read(pid)
            else { continue }
            let runtime = ContainerRuntime(rawValue: listing.runtime) ?? .unknown
            let discovery = ContainerDiscovery(id: id, runtime: runtime, cgroupPath: facts.cgroupPath, pid: pid)
            inventory.add([discovery], now: now)
        }
        for discovery in inventory.takeDiscoveries() {
            guard let container = timed.run(timeout: patience, { reader.describe(discovery) }) else { continue }
            inventory.set(container, now: now)
        }
        return HostInventory(host: host, reader: reader, containers: inventory.containers, inventory: inventory)
    }

    /// One container that a running agent has listed, described anew. Reading every process of the host takes ten times as
    /// long, and evidence does not wait.
    static func describe(
        _ listing: ContainerListing
    ) throws(SystemError) -> (container: Container, reader: ContainerReader)? {
        guard let id = ContainerID(validating: listing.id), let pid = listing.pid, listing.cgroup != nil else {
            return nil
        }
        let proc = ProcFilesystem()
        let reader = ContainerReader(proc: proc, host: try HostIdentity.read(proc: proc, runtimePaths: []))
        let discovery = ContainerDiscovery(
            id: id, runtime: ContainerRuntime(rawValue: listing.runtime) ?? .unknown, cgroupPath: listing.cgroup ?? "/",
            pid: pid, outer: listing.parent.flatMap { ContainerID(validating: $0) })
        let container = reader.describe(discovery)
        // It may have ended since, or the agent has it from a process that is gone.
        return container.initProcess == nil ? nil : (container, reader)
    }

    /// The container of a living process.
    func container(ofProcess pid: Int32) -> Container? {
        inventory.containerID(ofProcess: pid).flatMap(inventory.container)
    }
}

/// What a person calls a container: its whole id, the beginning of one (4 digits at least), or its name.
enum ContainerReference {
    enum Failure: Error, Equatable, CustomStringConvertible {
        case unknown(String)
        case ambiguous(String, [String])

        var description: String {
            switch self {
            case .unknown(let text):
                "there is no container '\(text)'; 'nodeagent inventory' lists those that run"
            case .ambiguous(let text, let ids):
                "'\(text)' names \(ids.count) containers (\(ids.joined(separator: ", "))); give more of the id"
            }
        }
    }

    static func find(_ text: String, among containers: [Container]) throws(Failure) -> Container {
        if let exact = containers.first(where: { $0.id.rawValue == text }) { return exact }
        let named = containers.filter { $0.name == text }
        let begun = text.utf8.count >= 4 ? containers.filter { $0.id.rawValue.hasPrefix(text) } : []
        let found = named.isEmpty ? begun : named
        guard let first = found.first else { throw .unknown(text) }
        guard found.count == 1 else { throw .ambiguous(text, found.map(\.id.short)) }
        return first
    }

    /// The same among frozen ones, whose record is enough: a container that its engine has forgotten can be released.
    static func findFrozen(
        _ text: String, _ frozen: [ContainerID], _ containers: [Container]
    ) throws(Failure) -> ContainerID {
        let begun = text.utf8.count >= 4 ? frozen.filter { $0.rawValue.hasPrefix(text) } : []
        if begun.count == 1 { return begun[0] }
        return try find(text, among: containers).id
    }
}
