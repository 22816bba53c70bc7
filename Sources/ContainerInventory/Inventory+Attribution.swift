package import EventModel

extension Inventory {
    /// Who did it. A living process is read afresh, that is the truth; for one that is gone the table answers, then its
    /// parent stands in.
    ///
    /// A process outside every container's cgroup that has a container's own mount or pid namespace (nsenter from the
    /// host) is that container's with certainty `inherited`: what it does happens there, and it started elsewhere.
    package mutating func attribute(_ event: borrowing KernelEvent, now: UInt64) -> Attribution {
        var actor = find(event.pid, time: event.time, now: now)
        if let found = actor { actor = found.asOf(event, tellsExecs: tellsExecs) }
        var attribution: Attribution
        if let actor {
            attribution = attribute(actor, parent: event.parentPID)
            attribution.process?.isContainerSetup = actor.setup != nil || wasSetup(actor, event)
            // Gone before its own words could be read: a container's first process is what its runtime was told to start.
            if actor.commandLine.isEmpty, let container = attribution.container,
                actor.namespacedPID == 1 || containerTable.entries[container.id]?.discovery.pid == actor.key.pid
            {
                attribution.process?.commandLine = container.command
            }
        } else {
            attribution = attributeToParent(event, now: now)
        }
        if event.uid != .max {
            attribution.userName = users.name(of: event.uid)
        } else if let uid = attribution.process?.uid {
            attribution.userName = users.name(of: uid)
        }
        attribution.groupName = groups.name(of: event.gid)
        attribution.loginName = users.name(of: event.loginUID)
        attribution.clockOffset = clockOffset
        if let entry = event.procfsEntry { resolve(entry, actor: actor, event: event, into: &attribution, now: now) }
        switch attribution.certainty {
        case .certain: tally.certain += 1
        case .inherited: tally.inherited += 1
        case .ambiguous: tally.ambiguous += 1
        case .unknown: tally.unknown += 1
        }
        return attribution
    }

    /// The process that had this pid at `time` (nanoseconds since the epoch; 0: now).
    private mutating func find(_ pid: Int32, time: UInt64, now: UInt64) -> ProcessEntry? {
        guard pid > 0 else { return nil }
        guard let facts = reader.read(pid) else { return table[pid] }
        if isAfter(facts.key.startTime, time) {
            // The pid was used again since the event. A start of 0 is a fork that was not read yet: this process.
            if let known = table.living[pid], known.key.startTime != 0, known.key.startTime != facts.key.startTime {
                return known
            }
            if let dead = table.dead[pid] { return dead }
        }
        return observe(facts, now: now)
    }

    /// Whether a process that started at `ticks` (100 a second, since boot) is surely younger than an event.
    private func isAfter(_ ticks: UInt64, _ time: UInt64) -> Bool {
        guard time > clockOffset else { return false }
        // Ticks are cut to 10 ms; an audit stamp lags by a timer tick and is cut to 1 ms.
        return ticks.multipliedReportingOverflow(by: 10_000_000).partialValue > (time - clockOffset) + 20_000_000
    }

    /// Whether the event is older than the exec that ended the process' setup state.
    ///
    /// Stamps of audit lag by up to a timer tick (10 ms at HZ=100) and a millisecond of cutting: 12 ms before the exec is
    /// surely before. Closer to it the kernel's own path of the executable at the event decides, where it is the
    /// runtime's and not that of what was executed.
    private func wasSetup(_ entry: ProcessEntry, _ event: borrowing KernelEvent) -> Bool {
        guard let ended = entry.ended, event.time > clockOffset else { return false }
        let time = event.time - clockOffset
        if ended.time != 0 {
            if time + 12_000_000 < ended.time { return true }
            if time > ended.time { return false }
        }
        guard let path = event.string(event.executable), !path.isEmpty else { return false }
        guard path != ended.executablePath, !ended.executablePath.isEmpty, path != entry.executablePath else {
            return false
        }
        // The runtime by its path, or as it runs from a detached mount of itself or a sealed copy.
        return path == ended.state.executablePath || path == "/" || path.hasPrefix("/memfd:")
    }

    /// - Parameter parent: as the event tells it, 0 where it does not: by now the parent may be gone and another have
    ///   taken its place.
    private func attribute(_ entry: ProcessEntry, parent: Int32) -> Attribution {
        var attribution = Attribution(
            process: entry.record, ancestors: ancestors(of: parent > 0 ? parent : entry.parentPID), certainty: .unknown)
        let (container, certainty) = membership(of: entry)
        attribution.container = container
        attribution.process?.containerID = container?.id
        attribution.certainty = certainty
        return attribution
    }

    /// The container of a process, by cgroup and table, else by its namespaces.
    private func membership(of entry: ProcessEntry) -> (Container?, AttributionCertainty) {
        if let id = entry.containerID {
            let container =
                containerTable[id]
                ?? Container(id: id, runtime: .unknown, cgroupPath: entry.cgroupPath, firstSeen: 0)
            if let doubt = entry.ambiguity { return (container, .ambiguous(doubt)) }
            return (container, entry.isCgroupKnown ? .certain : .inherited)
        }
        if let setup = entry.setup {
            // Not yet in its container's cgroup; the runtime's command line says which it will be.
            return (container(setUpBy: setup), .inherited)
        }
        if let namespace = entry.mountNamespace, namespace != host.mountNamespace {
            let fitting = containerTable.sharing(namespace, \.mountNamespace)
            if fitting.count == 1 { return (fitting[0], .inherited) }
        }
        if let namespace = entry.pidNamespace, namespace != host.pidNamespace {
            let fitting = containerTable.sharing(namespace, \.pidNamespace)
            if fitting.count == 1 { return (fitting[0], .inherited) }
            if fitting.count > 1 {
                let ids = fitting.map(\.id.short).sorted().joined(separator: ", ")
                return (nil, .ambiguous("its pid namespace is shared by containers \(ids)"))
            }
        }
        return (nil, entry.isCgroupKnown ? .certain : .inherited)
    }

    /// An event of a process that nobody saw alive.
    private mutating func attributeToParent(_ event: borrowing KernelEvent, now: UInt64) -> Attribution {
        guard let parent = find(event.parentPID, time: event.time, now: now) else {
            return Attribution(certainty: .unknown)
        }
        var process = ProcessRecord(
            key: ProcessKey(pid: event.pid, startTime: 0), parentPID: event.parentPID,
            comm: event.string(event.comm) ?? "", executablePath: event.string(event.executable) ?? "",
            uid: event.effectiveUID != .max ? event.effectiveUID : event.uid, exitedAt: now)
        let (container, certainty) = membership(of: parent)
        process.containerID = container?.id
        var attribution = Attribution(
            process: process, ancestors: ancestors(of: event.parentPID), container: container, certainty: .inherited)
        switch certainty {
        case .ambiguous: attribution.certainty = certainty
        case .certain, .inherited, .unknown:
            // A host process' child may be on its way into a container (runc, nsenter): that is not "the host's".
            if container == nil { attribution.certainty = .unknown }
        }
        return attribution
    }

    func ancestors(of pid: Int32) -> [ProcessRecord] {
        var found: [ProcessRecord] = []
        var pid = pid
        // A pid that was used again can close a circle.
        while found.count < 8, pid > 0, let entry = table[pid], !found.contains(where: { $0.key.pid == pid }) {
            found.append(entry.record)
            pid = entry.parentPID
        }
        return found
    }

    // MARK: Entries of /proc

    private mutating func resolve(
        _ entry: ProcfsEntry, actor: ProcessEntry?, event: borrowing KernelEvent, into attribution: inout Attribution,
        now: UInt64
    ) {
        guard entry.hostPID > 0 || entry.pidNamespace != 0 else { return }
        let namespace = NamespaceID(entry.pidNamespace)
        var target = entry.hostPID
        if target <= 0, namespace == host.pidNamespace { target = entry.pid }
        if target > 0 {
            attribution.entryIsSelf = target == event.pid
            if target == event.pid {
                attribution.entryIsInSameContainer = true
                return
            }
            guard let owner = find(target, time: 0, now: now) else { return }
            attribution.entryIsInSameContainer = isSame(membership(of: owner), attribution)
            return
        }
        if let actor, actor.pidNamespace == namespace, actor.namespacedPID == entry.pid {
            attribution.entryIsSelf = true
            attribution.entryIsInSameContainer = true
            return
        }
        let owners = containerTable.sharing(namespace, \.pidNamespace)
        // Nobody's: a namespace made by the container itself, or by no container. The actor's own is the container's.
        guard !owners.isEmpty else {
            if let actor, actor.pidNamespace == namespace, actor.namespacedPID != 0 { attribution.entryIsSelf = false }
            return
        }
        if actor?.pidNamespace == namespace, actor?.namespacedPID != 0 { attribution.entryIsSelf = false }
        if owners.count == 1 {
            if attribution.container == nil, case .unknown = attribution.certainty {
                // Nobody saw who it was. Whose procfs it is, is known, and hardly anybody else comes there; a process of the
                // host may (through `/proc/PID/root`), and so the doubt is told.
                attribution.container = owners[0]
                attribution.certainty = .ambiguous("its process was gone; the file is in this container's /proc")
                return
            }
            if actor?.pidNamespace != nil, actor?.pidNamespace != namespace { attribution.entryIsSelf = false }
            attribution.entryIsInSameContainer = attribution.container?.id == owners[0].id
            return
        }
        // Shared by the containers of a pod: whose process is it?
        if let owner = process(entry.pid, in: namespace, of: owners, now: now) {
            attribution.entryIsInSameContainer = isSame(membership(of: owner), attribution)
        }
    }

    private func isSame(_ owner: (Container?, AttributionCertainty), _ attribution: Attribution) -> Bool? {
        if case .ambiguous = owner.1, owner.0 == nil { return nil }
        return owner.0?.id == attribution.container?.id
    }

    /// The process with a pid inside a namespace: an init of the containers that share it, else one of the table.
    private mutating func process(
        _ pid: Int32, in namespace: NamespaceID, of owners: [Container], now: UInt64
    ) -> ProcessEntry? {
        for owner in owners {
            guard let key = owner.initProcess, let facts = reader.read(key.pid), facts.key == key else { continue }
            let entry = observe(facts, now: now)
            if entry.namespacedPID == pid, entry.pidNamespace == namespace { return entry }
        }
        return table.living.values.first { $0.pidNamespace == namespace && $0.namespacedPID == pid }
    }
}

extension ProcessEntry {
    /// As it was when fanotify's event was read, which was after the open: an exec that came later still is another
    /// program's. One that is found and not told of yet came after everything that was told, the event among it. Records
    /// of audit carry the program themselves, and stamps that are too coarse for this.
    fileprivate func asOf(_ event: borrowing KernelEvent, tellsExecs: Bool) -> ProcessEntry {
        guard event.source == .fanotify, let before else { return self }
        let isLater = before.until == 0 ? tellsExecs : event.received < before.until
        return isLater ? running(before) : self
    }
}
