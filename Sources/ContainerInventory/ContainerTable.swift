package import EventModel

/// A container that has to be described: what led to it. Made by the inventory, answered by `ContainerReader`.
package struct ContainerDiscovery: Sendable, Equatable {
    package var id: ContainerID
    /// What its runtime calls it; another name than `id` only where that was somebody else's already.
    package var runtimeID: ContainerID
    /// By cgroup path or command line.
    package var runtime: ContainerRuntime
    package var cgroupPath: String
    /// A process in it, its init where that is known; 0 when none was seen.
    package var pid: Int32
    /// The outer container of a nested one.
    package var outer: ContainerID?
    /// The user who made it, as its runtime's uid, its cgroup or its state file says; nil: root.
    package var rootlessUser: UInt32?
    /// What the runtime's own command line said, when it was seen.
    package var arguments: RuntimeArguments?
    /// Nanoseconds since the epoch.
    package var firstSeen: UInt64

    package init(
        id: ContainerID, runtime: ContainerRuntime, cgroupPath: String, pid: Int32 = 0, outer: ContainerID? = nil,
        arguments: RuntimeArguments? = nil, firstSeen: UInt64 = 0, rootlessUser: UInt32? = nil
    ) {
        self.id = id
        runtimeID = id
        self.runtime = runtime
        self.cgroupPath = cgroupPath
        self.pid = pid
        self.outer = outer
        self.arguments = arguments
        self.rootlessUser = rootlessUser ?? RootlessUser.uid(ofCgroup: cgroupPath)
        self.firstSeen = firstSeen
    }
}

/// The containers that are known, and those that ended less than a minute ago. Bounded.
struct ContainerTable: Sendable {
    struct Entry: Sendable {
        var container: Container
        var discovery: ContainerDiscovery
        /// Living processes of the process table that belong to it.
        var processes = 0
        /// It has run its own command (or was found running): a description now sees what the container sees.
        var isSettled = false
        /// CLOCK_MONOTONIC nanoseconds at which it was last known to have a process or a cgroup.
        var lastSeen: UInt64
        var hasEnded = false
        /// It ended, and has not been seen again: a container that its engine starts anew has other processes and cgroups.
        var isStale = false
        /// Times that it was described anew because its first process was not found.
        var retries = 0
    }

    /// A container that is not found in ten seconds has no process that could be acted on.
    private static let mostRetries = 10

    private(set) var entries: [ContainerID: Entry] = [:]
    /// Cgroups whose path says nothing (raw runc, `ctr`), by evidence.
    private(set) var evidence: [String: ContainerID] = [:]
    private var pending: [ContainerID: ContainerDiscovery] = [:]
    let limit: Int
    private(set) var evictions: UInt64 = 0
    private(set) var discovered: UInt64 = 0

    init(limit: Int) { self.limit = limit }

    var pendingCount: Int { pending.count }

    subscript(id: ContainerID) -> Container? { entries[id]?.container }

    /// The container whose evidence covers `path` or a directory above it.
    func byEvidence(_ path: String) -> (id: ContainerID, path: String)? {
        guard !evidence.isEmpty else { return nil }
        var rest = path[...]
        while rest.utf8.count > 1 {
            if let id = evidence[String(rest)] { return (id, String(rest)) }
            guard let slash = rest.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
            rest = rest[..<slash]
        }
        return nil
    }

    /// Notes a container. A first sight and a settling ask for a description.
    mutating func see(_ discovery: ContainerDiscovery, isSettled: Bool, isEvidence: Bool, now: UInt64) {
        let id = discovery.id
        if var entry = entries[id] {
            if isEvidence, discovery.cgroupPath.utf8.count > 1 { evidence[discovery.cgroupPath] = id }
            entry.lastSeen = now
            entry.hasEnded = false
            let startsAgain = entry.isStale
            if startsAgain {
                entry.isStale = false
                entry.isSettled = false
                entry.discovery.pid = 0
                entry.retries = 0
                entry.container.initProcess = nil
                entry.container.cgroup = nil
            }
            let settles = isSettled && !entry.isSettled
            // What another user's runtime was told is nothing to this container.
            let told = discovery.rootlessUser == entry.discovery.rootlessUser ? discovery.arguments : nil
            let tellsMore = entry.discovery.arguments == nil && told != nil
            if entry.discovery.pid == 0 || settles { entry.discovery.pid = discovery.pid }
            if entry.discovery.arguments == nil { entry.discovery.arguments = told }
            if entry.discovery.outer == nil { entry.discovery.outer = discovery.outer }
            if entry.discovery.runtime == .unknown { entry.discovery.runtime = discovery.runtime }
            if settles { entry.isSettled = true }
            if settles || tellsMore || startsAgain { pending[id] = entry.discovery }
            entries[id] = entry
            return
        }
        if entries.count >= limit {
            evictions += 1
            guard let ended = entries.first(where: { $0.value.hasEnded })?.key else { return }
            remove(ended)
        }
        if isEvidence, discovery.cgroupPath.utf8.count > 1 { evidence[discovery.cgroupPath] = id }
        var container = Container(
            id: id, runtime: discovery.runtime, cgroupPath: discovery.cgroupPath, firstSeen: discovery.firstSeen)
        container.outer = discovery.outer
        entries[id] = Entry(container: container, discovery: discovery, isSettled: isSettled, lastSeen: now)
        pending[id] = discovery
        discovered += 1
    }

    /// Asks once more for those that have processes and were described without their first one: a description can come
    /// before the runtime has written its state, or have been given up.
    mutating func retryDescriptions() {
        for (id, entry) in entries
        where !entry.hasEnded && entry.processes > 0 && entry.container.initProcess == nil
            && entry.retries < Self.mostRetries && pending[id] == nil
        {
            entries[id]?.retries += 1
            pending[id] = entry.discovery
        }
    }

    mutating func takeDiscoveries() -> [ContainerDiscovery] {
        guard !pending.isEmpty else { return [] }
        defer { pending.removeAll() }
        return pending.values.sorted { ($0.firstSeen, $0.id.rawValue) < ($1.firstSeen, $1.id.rawValue) }
    }

    /// The description; keeps what an earlier one knew and this one does not.
    mutating func set(_ new: Container, now: UInt64) {
        guard var entry = entries[new.id] else { return }
        // Read while the name was still another one's.
        if let facts = new.privileges?.facts, facts.isRootless != (entry.discovery.rootlessUser != nil) { return }
        let old = entry.container
        var container = new
        container.firstSeen = old.firstSeen
        container.name = new.name ?? old.name
        container.image = new.image ?? old.image
        container.pod = new.pod ?? old.pod
        container.podNamespace = new.podNamespace ?? old.podNamespace
        container.initProcess = new.initProcess ?? old.initProcess
        container.cgroup = new.cgroup ?? old.cgroup
        container.outer = new.outer ?? old.outer
        if new.command.isEmpty { container.command = old.command }
        container.pidNamespace = new.pidNamespace ?? old.pidNamespace
        container.mountNamespace = new.mountNamespace ?? old.mountNamespace
        container.networkNamespace = new.networkNamespace ?? old.networkNamespace
        if new.privileges?.verdict == nil { container.privileges = old.privileges ?? new.privileges }
        container.imageDigest = new.imageDigest ?? old.imageDigest
        if container.runtime == .unknown { container.runtime = old.runtime }
        entry.container = container
        entry.lastSeen = now
        entries[new.id] = entry
    }

    mutating func addProcess(_ id: ContainerID, now: UInt64) {
        entries[id]?.processes += 1
        entries[id]?.hasEnded = false
        entries[id]?.lastSeen = now
    }

    mutating func removeProcess(_ id: ContainerID, now: UInt64) {
        guard var entry = entries[id], entry.processes > 0 else { return }
        entry.processes -= 1
        entry.lastSeen = now
        entry.hasEnded = entry.processes == 0
        entry.isStale = entry.hasEnded
        entries[id] = entry
    }

    /// The container gets another id, with all that is known of it, and is described again. One that has that id already
    /// and is the same user's is counted as one with it.
    mutating func rename(_ id: ContainerID, to new: ContainerID) {
        guard var entry = entries[id] else { return }
        entry.processes += entries[new]?.processes ?? 0
        entry.container.id = new
        entry.discovery.id = new
        for (path, owner) in evidence where owner == id { evidence[path] = new }
        // A path that carries the old id says it no more.
        if entry.container.cgroupPath.utf8.count > 1 { evidence[entry.container.cgroupPath] = new }
        entries[id] = nil
        pending[id] = nil
        entries[new] = entry
        pending[new] = entry.discovery
    }

    mutating func remove(_ id: ContainerID) {
        entries[id] = nil
        pending[id] = nil
        for (path, owner) in evidence where owner == id { evidence[path] = nil }
    }

    /// Lets go the containers without processes that were last seen before `time`; how many.
    mutating func expire(before time: UInt64) -> Int {
        let gone = entries.filter { $0.value.processes == 0 && $0.value.lastSeen < time }.map(\.key)
        for id in gone { remove(id) }
        return gone.count
    }

    mutating func end(_ id: ContainerID, now: UInt64) {
        guard var entry = entries[id], entry.processes == 0 else { return }
        entry.hasEnded = true
        entry.isStale = true
        entry.lastSeen = now
        entries[id] = entry
    }

    /// Those that share this namespace, ended ones left out: their namespace numbers are used again.
    func sharing(_ namespace: NamespaceID, _ kind: KeyPath<Container, NamespaceID?>) -> [Container] {
        entries.values.compactMap { !$0.hasEnded && $0.container[keyPath: kind] == namespace ? $0.container : nil }
    }
}
