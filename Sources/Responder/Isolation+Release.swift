private import ContainerInventory
package import EventModel
private import LinuxSystem
private import SystemPackage

extension Isolation {
    /// What was found at start.
    package struct Recovery: Sendable {
        /// What an agent that is gone had frozen, and how letting it go on ended.
        package var released: [ActionRecord] = []
        /// Frozen, and not by this journal (`podman pause`, an agent whose journal is lost): told, never touched.
        package var unknownFrozen: [UnknownFrozen] = []
        /// Slots of the journal that could not be read: what they recorded may be among `unknownFrozen`.
        package var damagedSlots = 0
    }

    package struct UnknownFrozen: Sendable, Equatable {
        package var container: ContainerID
        package var path: String
    }

    static let retryPause: UInt64 = 10_000_000_000

    /// Lets a container go on that this journal says is frozen; another one is refused.
    package func release(_ id: ContainerID, origin: ActionOrigin) -> ActionRecord {
        act(.release, id, origin) { (record) throws(RefusalReason) in
            guard let held = frozen[id] else { throw .notOurs }
            record.started = realtimeNanoseconds()
            let outcome = undo(held)
            if case .failed = outcome {
                retries[id] = Self.sum(monotonicNanoseconds(), Self.retryPause)
            } else {
                closeAll(id)
            }
            return outcome
        }
    }

    /// Lets go on what has stood still long enough.
    ///
    /// - Parameter now: CLOCK_MONOTONIC nanoseconds.
    package func releaseExpired(now: UInt64) -> [ActionRecord] {
        let due = status().filter { held in
            guard let deadline = held.deadline, deadline <= now else { return false }
            return retries[held.container].map { $0 <= now } ?? true
        }
        return due.map { release($0.container, origin: .agent("its time is over")) }
    }

    /// When `releaseExpired` next has something to do, CLOCK_MONOTONIC nanoseconds.
    package var nextDeadline: UInt64? {
        frozen.values.compactMap { held in
            held.deadline.map { max($0, retries[held.container] ?? 0) }
        }.min()
    }

    /// For a clean stop: nobody would be left to let them go on.
    package func releaseAll() -> [ActionRecord] {
        status().map { release($0.container, origin: .agent("nodeagent stops")) }
    }

    /// At start: lets go on what an agent that is gone had frozen, or may have been about to freeze, and looks for what
    /// else stands still.
    ///
    /// - Parameter containers: known ones; needed for those whose cgroups have names of no engine.
    package func recover(containers: [Container] = []) -> Recovery {
        var recovery = Recovery()
        recovery.damagedSlots = journal.damaged
        recovery.released = status().map { release($0.container, origin: .agent("its agent had ended")) }
        recovery.unknownFrozen = unknownFrozen(containers)
        return recovery
    }

    /// Containers that stand still without this journal's doing.
    package func unknownFrozen(_ containers: [Container] = []) -> [UnknownFrozen] {
        var found: [ContainerID: UnknownFrozen] = [:]
        for hierarchy in tree.stoppable {
            func look(_ id: ContainerID, _ path: String) {
                guard frozen[id] == nil, found[id] == nil,
                    let directory = try? CgroupDirectory(
                        hierarchy, path: path, access: handle(id).access, held: handles[id]?.files),
                    directory.canFreeze, (try? directory.isFreezeRequested()) == true
                else { return }
                found[id] = UnknownFrozen(container: id, path: path)
            }
            for cgroup in tree.containers(in: hierarchy) { look(cgroup.id, cgroup.path) }
            for container in containers {
                look(container.id, container.cgroupPath)
                // crun pauses below the container's own cgroup.
                guard frozen[container.id] == nil, found[container.id] == nil,
                    let memberships = container.initProcess.flatMap({ ContainerScope.memberships(of: $0, proc: proc) }),
                    let level = ContainerScope.pausedLevel(
                        below: container.cgroupPath, hierarchy, memberships, handle(container.id).access)
                else { continue }
                found[container.id] = UnknownFrozen(container: container.id, path: level)
            }
        }
        return found.values.sorted { $0.container.rawValue < $1.container.rawValue }
    }

    // MARK: Undoing

    /// The recorded directory, unless it is gone or another one has its name.
    private func directory(of held: JournalRecord) throws(SystemError) -> CgroupDirectory? {
        guard let hierarchy = tree.stoppable.first(where: { $0.isUnified == held.isUnified }) else {
            throw SystemError("open", held.path, errno: .noSuchFileOrDirectory)
        }
        do throws(SystemError) {
            let handle = handle(held.container)
            let directory = try CgroupDirectory(
                hierarchy, path: held.path, access: handle.access, held: handle.files)
            guard directory.id == held.cgroup else { return nil }
            return directory
        } catch {
            if error.isGone { return nil }
            throw error
        }
    }

    func isStillFrozen(_ held: JournalRecord) -> Bool {
        guard let directory = try? directory(of: held) else { return false }
        do throws(SystemError) {
            return try directory.isFreezeRequested()
        } catch {
            return error.errno == .timedOut
        }
    }

    private func undo(_ held: JournalRecord) -> ActionOutcome {
        do throws(SystemError) {
            guard let directory = try directory(of: held) else { return .unchanged("its cgroup is gone") }
            // A read that the container holds up does not keep it frozen: withdrawing what is not asked for does nothing.
            guard isStillFrozen(held) else { return .unchanged("it was not frozen any more") }
            if try directory.thaw() { return .done }
            return .partial("released, but a cgroup above it is frozen, or a process has not gone on yet")
        } catch {
            return error.isGone ? .unchanged("its cgroup is gone") : .failed(Self.advice(error))
        }
    }
}
