package import EventModel
private import LinuxSystem

/// The periodic look at the cgroups of containers' processes. One look is an open and a read; only a process whose
/// `/proc/PID/cgroup` reads otherwise than the last time is handed on.
package struct CgroupLooks: Sendable {
    private let limit: Int
    /// A hash of the file's bytes, by process.
    private var seen: [ProcessKey: Int] = [:]
    /// The last pid that was looked at: with more processes than a round may look at, the next goes on behind it.
    private var last: Int32 = 0

    /// - Parameter limit: processes in one round.
    package init(limit: Int = 2048) { self.limit = limit }

    /// One round; what is new to the inventory.
    ///
    /// - Parameter processes: all that are to be looked at; the others are forgotten.
    package mutating func round(_ processes: [ProcessKey], reader: ProcessReader) -> [ProcessFacts] {
        var kept: [ProcessKey: Int] = [:]
        for key in processes { kept[key] = seen[key] }
        seen = kept
        let sorted = processes.sorted { $0.pid < $1.pid }
        let start = sorted.firstIndex { $0.pid > last } ?? 0
        var changed: [ProcessFacts] = []
        for key in (sorted[start...] + sorted[..<start]).prefix(limit) {
            last = key.pid
            guard let bytes = try? readFile(reader.proc.path(key.pid, "cgroup"), limit: 64 * 1024) else { continue }
            let hash = bytes.hashValue
            guard seen[key] != hash else { continue }
            seen[key] = hash
            if let facts = reader.readCgroups(key.pid) { changed.append(facts) }
        }
        return changed
    }
}
