private import EventModel
package import LinuxSystem
private import Synchronization

/// The fallback where the kernel has no process connector (a kernel built without CONFIG_PROC_EVENTS, user-mode Linux):
/// /proc is looked at every few milliseconds. What lives shorter than that is seen by its traces in other sources only.
package final class ProcessPoller: ProcessEventSource {
    private let proc: ProcFilesystem
    private let stop: WakeEvent
    private let kick: WakeEvent
    private let handler: @Sendable (ProcessEvent) -> Void
    private let caughtUp = Atomic<UInt64>(0)
    private let events = Atomic<UInt64>(0)

    private struct Seen {
        var startTime: UInt64
        /// What was last told; a fork begins with its parent's.
        var executable: FileID?
        /// Looks at which another executable was there and no command line yet.
        var patience = 20
    }

    private static let interval: Int32 = 5

    package init(
        proc: ProcFilesystem, handler: @escaping @Sendable (ProcessEvent) -> Void
    ) throws(SystemError) {
        self.proc = proc
        self.handler = handler
        stop = try WakeEvent()
        kick = try WakeEvent()
    }

    package var watermark: UInt64 { caughtUp.load(ordering: .acquiring) }
    package var gapCount: UInt64 { 0 }
    package var eventCount: UInt64 { events.load(ordering: .relaxed) }
    package func requestWatermark() { kick.signal() }
    package func listenAgain() {}
    package func requestStop() { stop.signal() }

    package func run() {
        var seen: [Int32: Seen] = [:]
        var isFirst = true
        while true {
            let ready = waitReadable([stop.rawDescriptor, kick.rawDescriptor], milliseconds: Self.interval)
            if ready & 1 != 0 { return }
            if ready & 2 != 0 { kick.clear() }
            let before = monotonicNanoseconds()
            look(&seen, isFirst: isFirst)
            isFirst = false
            caughtUp.store(before, ordering: .releasing)
        }
    }

    private func look(_ seen: inout [Int32: Seen], isFirst: Bool) {
        guard let pids = try? proc.processes() else { return }
        let present = Set(pids)
        for pid in seen.keys where !present.contains(pid) {
            seen[pid] = nil
            tell(.exit(pid: pid))
        }
        for pid in pids.sorted() {
            let executable = try? proc.executable(pid)
            if let known = seen[pid], executable == nil || executable == known.executable { continue }
            guard let stat = try? proc.stat(pid) else { continue }
            if let known = seen[pid], known.startTime != stat.startTime {
                // The pid was used again between two looks.
                seen[pid] = nil
                tell(.exit(pid: pid))
            }
            if seen[pid] == nil {
                let inherited = isFirst ? executable : seen[stat.parentPID]?.executable
                seen[pid] = Seen(startTime: stat.startTime, executable: inherited)
                guard !isFirst else { continue }
                tell(.fork(child: pid, parent: stat.parentPID))
            }
            guard executable != nil, var known = seen[pid], known.executable != executable else { continue }
            // An exec puts the executable in place before the arguments, and may read files in between. A program that
            // has no arguments at all is told after a while.
            if known.patience > 0, (try? proc.commandLine(pid))?.isEmpty ?? true {
                known.patience -= 1
                seen[pid] = known
                continue
            }
            seen[pid] = Seen(startTime: known.startTime, executable: executable)
            tell(.exec(pid: pid, time: monotonicNanoseconds()))
        }
    }

    private func tell(_ event: ProcessEvent) {
        events.wrappingAdd(1, ordering: .relaxed)
        handler(event)
    }
}
