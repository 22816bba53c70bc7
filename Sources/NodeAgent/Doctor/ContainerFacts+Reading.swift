import Detection
import EventModel
import KernelEvents
import LinuxSystem

extension ContainerFacts {
    /// All processes of the host, and a container's file system may not answer: nanoseconds until it is given up.
    private static let patience: UInt64 = 20_000_000_000

    /// - Parameter marks: the running agent's.
    static func read(
        _ configuration: Configuration, _ rules: RuleSet?, _ agent: AgentFacts, marks: StandingMarks?,
        timed: TimedReader,
        proc: ProcFilesystem = ProcFilesystem()
    ) -> ContainerFacts {
        let runtimes = configuration.containers.runtimePaths
        var facts = ContainerFacts()
        facts.found =
            timed.run(timeout: patience) {
                (try? HostInventory.read(runtimePaths: runtimes))?.containers.map { ContainerListing($0) }
            } ?? nil
        // Asked afterwards: what started meanwhile is in this one.
        facts.listed = agent.containers()
        guard let listed = facts.listed else { return facts }
        // What ended meanwhile is no gap.
        let unlisted = Set(facts.unlisted.map(\.id))
        facts.found?.removeAll { unlisted.contains($0.id) && !$0.lives(proc) }
        if configuration.watchesFiles, let plan = rules?.markPlan, !plan.isEmpty {
            facts.hasMarks = marks != nil
            facts.unmarked = listed.filter { $0.lacksMarks(plan, marks?.superblocks ?? [], proc) }
        } else if configuration.watchesFiles, rules == nil {
            facts.hasMarks = marks != nil
        }
        let counters = agent.last?.counters ?? [:]
        facts.lateStarts = counters["containers_unmarked_before_start"] ?? 0
        facts.starts = facts.lateStarts &+ (counters["containers_marked_before_start"] ?? 0)
        return facts
    }
}

extension ContainerListing {
    fileprivate func lives(_ proc: ProcFilesystem) -> Bool {
        guard let pid, let stat = try? proc.stat(pid) else { return false }
        return !stat.isExiting
    }

    /// Whether its first process shows a procfs or sysfs that is not the host's and has no mark. What is to be marked is as
    /// in `ContainerMarks`.
    fileprivate func lacksMarks(_ plan: MarkPlan, _ marked: Set<DeviceNumber>, _ proc: ProcFilesystem) -> Bool {
        let hosts = ["/proc", "/sys"].compactMap { (try? FileStatus.of($0))?.file.device }
        guard let pid, let mounts = try? proc.mounts(pid) else { return false }
        return mounts.contains { mount in
            let isWanted =
                switch mount.filesystemType {
                case "proc": !plan.procfs.isEmpty
                case "sysfs": !plan.sysfs.isEmpty
                default: false
                }
            return isWanted && !hosts.contains(mount.device) && !marked.contains(mount.device)
        }
    }
}
