package import EventModel

/// Short questions about what is known already; none of them reads anything.
extension Inventory {
    /// Entries of each table at the moment: what has to stay bounded, whatever a host does.
    package struct Sizes: Sendable, Equatable {
        package var processes = 0
        package var deadProcesses = 0
        /// In the order of the exits; a pid that was used again has several.
        package var deaths = 0
        /// Those that ended among them.
        package var containers = 0
        package var evidence = 0
        /// To be described.
        package var pending = 0
        /// To be told, and parents of such to be looked at.
        package var leavings = 0
        package init() {}
    }

    package var sizes: Sizes {
        var sizes = Sizes()
        sizes.processes = table.living.count
        sizes.deadProcesses = table.dead.count
        sizes.deaths = table.deathCount
        sizes.containers = containerTable.entries.count
        sizes.evidence = containerTable.evidence.count
        sizes.pending = containerTable.pendingCount
        sizes.leavings = leavings.count + suspects.count
        return sizes
    }

    /// A runtime's process that sets a container up.
    package func isContainerSetup(_ pid: Int32) -> Bool { table.living[pid]?.setup != nil }

    /// Whether the exec that the kernel stamped with `time` (CLOCK_MONOTONIC nanoseconds) was that of a container's own
    /// first program: it ended the set-up of the container's first process. An `exec` into a container starts none.
    package func isContainerStart(_ pid: Int32, at time: UInt64) -> Bool {
        guard time != 0, let entry = table.living[pid], let ended = entry.ended, ended.time == time,
            ended.state.arguments?.verb != .exec, let id = entry.containerID
        else { return false }
        return containerTable.entries[id]?.discovery.pid == pid
    }

    /// A process of a container, its runtime's set-up left out.
    package func isContainerProcess(_ pid: Int32) -> Bool {
        guard let entry = table[pid] else { return false }
        return entry.containerID != nil && entry.setup == nil
    }

    /// The container of a process that is known and is no runtime's set-up.
    package func containerID(ofProcess pid: Int32) -> ContainerID? {
        guard let entry = table[pid], entry.setup == nil else { return nil }
        return entry.containerID
    }

    /// Processes of containers that ran at `time` (CLOCK_MONOTONIC nanoseconds) or had ended since `earliest`, have ended
    /// by now, and whose command line, or that of the container for its first process, has `words` in it.
    package func ended(since earliest: UInt64, aliveBy time: UInt64, naming words: String) -> [Int32] {
        table.dead.values.compactMap { entry in
            guard entry.exitedAt ?? 0 >= earliest, let id = entry.containerID, entry.setup == nil else { return nil }
            // One that started later did not do it. Ticks, 100 a second, are cut.
            guard entry.key.startTime.multipliedReportingOverflow(by: 10_000_000).partialValue <= time else {
                return nil
            }
            let known = containerTable.entries[id]
            let command =
                entry.commandLine.isEmpty && known?.discovery.pid == entry.key.pid
                ? known?.container.command ?? [] : entry.commandLine
            return command.contains { $0.contains(words) } ? entry.key.pid : nil
        }
    }

    /// Whether the container runs its own program: a runtime's set-up is over, or was over when it was found.
    package func hasStarted(_ id: ContainerID) -> Bool {
        guard let entry = containerTable.entries[id] else { return false }
        if entry.isSettled { return true }
        guard let process = table.living[entry.discovery.pid] else { return false }
        return process.setup == nil && process.containerID == id
    }

    /// The container itself, with its first process: for events that no process caused.
    package func attribution(of container: Container) -> Attribution {
        let pid = container.initProcess?.pid ?? containerTable.entries[container.id]?.discovery.pid ?? 0
        var attribution = Attribution(
            process: table[pid]?.record, container: containerTable[container.id] ?? container, certainty: .certain)
        if let uid = attribution.process?.uid, uid != .max { attribution.userName = users.name(of: uid) }
        return attribution
    }
}
