import ContainerInventory
import EventModel
import Reporting
import Synchronization

/// What containers did lately, for evidence: the programs that they executed and the alerts that they caused. Bounded; the
/// oldest goes first. The pipeline adds, the control socket reads.
final class EventHistory: Sendable {
    private struct Entry {
        var container: ContainerID
        /// Nanoseconds since the epoch.
        var time: UInt64
        var what: What
    }
    private enum What {
        case exec(pid: Int32, parent: Int32, path: String, words: [String])
        case alert(Alert)
    }
    private struct State {
        var entries: [Entry] = []
        /// Where the oldest lies once the ring is full.
        var next = 0
    }

    private let state = Mutex(State())
    private let hostname: String
    private static let capacity = 2048

    init(hostname: String) { self.hostname = hostname }

    func add(exec facts: ProcessFacts, in container: ContainerID, time: UInt64) {
        add(
            Entry(
                container: container, time: time,
                what: .exec(
                    pid: facts.key.pid, parent: facts.parentPID, path: facts.executablePath, words: facts.commandLine)))
    }

    func add(_ alert: Alert, of container: ContainerID) {
        add(Entry(container: container, time: alert.time, what: .alert(alert)))
    }

    private func add(_ entry: Entry) {
        state.withLock { state in
            if state.entries.count < Self.capacity {
                state.entries.append(entry)
            } else {
                state.entries[state.next] = entry
                state.next = (state.next + 1) % Self.capacity
            }
        }
    }

    /// JSON lines in order of time: alerts as they were told, and `{"time","type":"exec","pid","ppid","exe","args"}`.
    func lines(of container: ContainerID) -> [UInt8] {
        let own = state.withLock { $0.entries.filter { $0.container == container } }
        return own.sorted { $0.time < $1.time }.flatMap { entry -> [UInt8] in
            switch entry.what {
            case .alert(let alert): return alert.line(.json, hostname: hostname, colored: false)
            case .exec(let pid, let parent, let path, let words):
                var json = JSONText()
                json.raw("{\"time\":")
                json.string(Timestamp(entry.time).rfc3339)
                json.raw(",\"type\":\"exec\",\"pid\":")
                json.number(Int64(pid))
                json.raw(",\"ppid\":")
                json.number(Int64(parent))
                json.raw(",\"exe\":")
                json.string(path)
                json.raw(",\"args\":")
                json.list("[", words, "]") { json, word in json.string(word) }
                json.raw("}\n")
                return json.bytes
            }
        }
    }
}
