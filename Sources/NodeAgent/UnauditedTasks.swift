import Glibc
import LinuxSystem

/// Tasks that audit's rules cannot see. The kernel gives a task its audit context when it is forked and only if audit was
/// ever on by then; a task from before has none as long as it lives, whatever is switched on later.
enum UnauditedTasks {
    /// Clock ticks since boot, in which /proc tells when a task started.
    static func ticksSinceBoot() -> UInt64 {
        var now = timespec()
        guard unsafe clock_gettime(CLOCK_BOOTTIME, &now) == 0 else { return 0 }
        let rate = UInt64(max(1, sysconf(CInt(_SC_CLK_TCK))))
        return UInt64(now.tv_sec) * rate + UInt64(now.tv_nsec) * rate / 1_000_000_000
    }

    /// Tasks (threads, not processes) that started before; those of the kernel do nothing that a rule is about. Reads all of
    /// /proc: a few milliseconds for a thousand.
    static func count(before ticks: UInt64, proc: ProcFilesystem) -> Int {
        var count = 0
        for pid in (try? proc.processes()) ?? [] {
            // A group is as old as its leader, and what it forked later has a context.
            guard let leader = try? proc.stat(pid), leader.startTime < ticks, !isKernelThread(pid, leader) else {
                continue
            }
            let tasks = ProcFilesystem(root: proc.path(pid, "task"))
            for task in (try? tasks.processes()) ?? [] {
                if let stat = try? tasks.stat(task), stat.startTime < ticks { count += 1 }
            }
        }
        return count
    }

    /// kthreadd and its children.
    private static func isKernelThread(_ pid: Int32, _ stat: ProcFilesystem.Stat) -> Bool {
        pid == 2 || stat.parentPID == 2
    }
}
