package import EventModel

/// A process of a container that is outside its container's cgroup now: the container's limits and its freezer hold it
/// no more. Found at a fresh look, some time after it moved.
package struct CgroupLeaving: Sendable {
    /// As it was when it was found.
    package var process: ProcessRecord
    /// The container whose cgroup it left.
    package var container: ContainerID
    /// Where it is now: `freezer=/ devices=/x`, of v2 `unified=/`.
    package var cgroups: String
    package var certainty: AttributionCertainty
    /// When it was found, CLOCK_MONOTONIC nanoseconds.
    package var found: UInt64
}

extension Inventory {
    /// Leavings that wait, and parents that are looked at in one call.
    private static let leavingLimit = 64

    /// Compares a process' cgroups with those that it was seen in; one look, before the membership is taken over.
    ///
    /// - Parameters:
    ///   - isInContainer: its cgroup is a container's now.
    ///   - isExec: what it runs is new, or it was not known.
    mutating func follow(
        _ entry: inout ProcessEntry, facts: ProcessFacts, isInContainer: Bool, isExec: Bool, now: UInt64
    ) {
        // A runtime at work goes in and out by right.
        guard facts.isCgroupKnown, entry.setup == nil, !entry.stay.hasLeft else { return }
        if isExec { entry.stay.isGuest = false }
        guard entry.stay.home != nil else {
            guard isInContainer else { return }
            if entry.containerID == nil, !isExec { entry.stay.isGuest = true }
            if !entry.stay.isGuest, let home = home(of: facts) { entry.stay.begin(home: home, facts.memberships) }
            return
        }
        let outside = entry.stay.look(facts.memberships)
        // What there is no room to tell is found again at the next look.
        guard !outside.isEmpty, let container = entry.containerID, leavings.count < Self.leavingLimit else { return }
        entry.stay.hasLeft = true
        leavings.append(
            CgroupLeaving(
                process: entry.record, container: container, cgroups: CgroupStay.text(outside),
                certainty: entry.ambiguity.map { AttributionCertainty.ambiguous($0) } ?? .certain, found: now))
        // A process is mostly where its parent went before.
        if suspects.count < Self.leavingLimit { suspects.append(entry.parentPID) }
    }

    /// The own cgroup of the outermost container that the process lies in.
    private func home(of facts: ProcessFacts) -> String? {
        let path = facts.cgroup?.path ?? facts.cgroupPath
        let known = containerTable.byEvidence(path)?.path
        guard let named = ContainerCgroup.outermostPath(path) else { return known }
        // Both are `path` or above it.
        guard let known, known.utf8.count < named.utf8.count else { return named }
        return known
    }

    /// Processes that were found outside their container's cgroup since the last call; each process once.
    package mutating func takeLeavings(now: UInt64) -> [CgroupLeaving] {
        guard !leavings.isEmpty || !suspects.isEmpty else { return [] }
        var looks = Self.leavingLimit
        while looks > 0, let pid = suspects.popLast() {
            looks -= 1
            if let facts = reader.readCgroups(pid) { look([facts], now: now) }
        }
        let taken = leavings
        leavings.removeAll(keepingCapacity: true)
        return taken
    }

    /// Cgroups of known processes, read anew (`ProcessReader.readCgroups`). Others are passed over.
    package mutating func look(_ processes: [ProcessFacts], now: UInt64) {
        for facts in processes {
            guard let known = table.living[facts.key.pid],
                known.key.startTime == 0 || known.key.startTime == facts.key.startTime
            else { continue }
            observe(facts, now: now)
        }
    }

    /// The processes whose cgroups are worth a look every so often.
    package var followed: [ProcessKey] {
        table.living.values.compactMap { entry in
            let isOfContainer = entry.containerID != nil && entry.setup == nil
            return isOfContainer && !entry.stay.isGuest && !entry.stay.hasLeft ? entry.key : nil
        }
    }

    /// Who left, with what is known of the container by now.
    package func attribution(of leaving: CgroupLeaving) -> Attribution {
        let container =
            containerTable[leaving.container]
            ?? Container(id: leaving.container, runtime: .unknown, cgroupPath: "/", firstSeen: 0)
        var attribution = Attribution(
            process: leaving.process, ancestors: ancestors(of: leaving.process.parentPID), container: container,
            certainty: leaving.certainty)
        if leaving.process.uid != .max { attribution.userName = users.name(of: leaving.process.uid) }
        return attribution
    }
}
