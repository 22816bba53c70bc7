package import EventModel

/// Keeps one act that is told many times (two sources, a program's retries, util-linux' probing before a mount, a loop in
/// a shell) from becoming many alerts: the first of a rule, container, executable and object passes, and what follows
/// within a window is counted. The count is told at the window's end, as the alert that passed with a number of repeats.
///
/// What two sources tell of one act is one: each source is counted for itself, and the largest count is the acts'.
package struct RepeatFilter {
    private struct Key: Hashable {
        var rule: String
        var container: ContainerID?
        var executable: [UInt8]
        var object: Object
    }

    private enum Object: Hashable {
        case file(FileID)
        case node(DeviceNumber)
        case name([UInt8])
        /// Of an event that is about no object, the process is what it is about.
        case process(Int32)
    }

    /// What is told at a window's end: the alert that passed, with its repeats and the time of the last.
    package struct Count {
        package var alert: Alert
        /// As its events were attributed.
        package var container: ContainerID?
    }

    private struct Window {
        var key: Key
        /// Of the first event.
        var time: UInt64
        /// Of the latest.
        var last: UInt64
        /// Events of each source, the first among them.
        var counts: InlineArray<8, UInt32> = [0, 0, 0, 0, 0, 0, 0, 0]
        /// The one that passed; nil until `keep`.
        var alert: Alert?
    }

    /// Nanoseconds of event time.
    private let length: UInt64
    /// How much later than its stamp an event may be judged.
    private let delay: UInt64
    private let capacity: Int
    /// The slot of each open window.
    private var open: [Key: Int] = [:]
    /// Open windows in the order in which they began, and nil where one was closed: a ring.
    private var slots: [Window?] = []
    /// Numbers of the oldest slot in use and of the next one, counted on beyond the ring's end.
    private var oldest = 0
    private var next = 0
    /// What is to be told already.
    private var ready: [Count] = []
    /// All alerts held back so far.
    package private(set) var suppressed: UInt64 = 0

    /// - Parameters:
    ///   - window: nanoseconds, counted from the alert that passed.
    ///   - delay: nanoseconds after the window's end until which its count waits for events that are judged late.
    ///   - capacity: windows that are open at once; one more closes the oldest, whose count is told then.
    package init(window: UInt64 = 1_000_000_000, delay: UInt64 = 500_000_000, capacity: Int = 4096) {
        length = window
        self.delay = delay
        self.capacity = max(1, capacity)
    }

    /// Whether an alert is to be told; else it is counted. Who tells it hands it to `keep` afterwards.
    package mutating func admit(rule: String, event: KernelEvent, attribution: Attribution) -> Bool {
        let key = Self.key(rule, event, attribution)
        if let slot = open[key], var window = slots[slot] {
            // Sources stamp the same act up to 200 ms apart, in any order: the distance counts, not the direction.
            let distance = event.time > window.time ? event.time - window.time : window.time - event.time
            if distance < length {
                window.counts[Self.index(event.source)] &+= 1
                window.last = max(window.last, event.time)
                slots[slot] = window
                suppressed += 1
                return false
            }
            close(slot)
        }
        if next - oldest == capacity { dropOldest() }
        var window = Window(key: key, time: event.time, last: event.time)
        window.counts[Self.index(event.source)] = 1
        let slot = next % capacity
        if slot < slots.count { slots[slot] = window } else { slots.append(window) }
        open[key] = slot
        next += 1
        return true
    }

    /// The alert that `admit` let pass last, as it was told.
    package mutating func keep(_ alert: Alert) {
        guard next > oldest else { return }
        slots[(next - 1) % capacity]?.alert = alert
    }

    /// Counts of the windows that are over and had repeats.
    ///
    /// - Parameter time: nanoseconds since the epoch; nil for all windows, at the end.
    package mutating func takeCounts(at time: UInt64?) -> [Count] {
        while oldest < next {
            let window = slots[oldest % capacity]
            if let window, let time, window.time &+ length &+ delay > time { break }
            dropOldest()
        }
        if oldest == next { (oldest, next) = (0, 0) }
        guard !ready.isEmpty else { return [] }
        defer { ready.removeAll() }
        return ready
    }

    private static func index(_ source: EventSource) -> Int { Int(source.rawValue & 7) }

    private mutating func dropOldest() {
        close(oldest % capacity)
        oldest += 1
    }

    private mutating func close(_ slot: Int) {
        guard let window = slots[slot] else { return }
        slots[slot] = nil
        open[window.key] = nil
        var acts: UInt32 = 0
        for source in window.counts.indices { acts = max(acts, window.counts[source]) }
        guard acts > 1, var alert = window.alert else { return }
        alert.time = window.last
        alert.repeats = UInt64(acts - 1)
        if let index = alert.fields.firstIndex(where: { $0.name == FieldID.evtTime.rawValue }) {
            alert.fields[index].value = .number(Int64(clamping: window.last))
        }
        ready.append(Count(alert: alert, container: window.key.container))
    }

    /// The object where the kernel told it, else the name. A block device is the same under any of its nodes.
    private static func key(_ rule: String, _ event: KernelEvent, _ attribution: Attribution) -> Key {
        let name = event.name.isPresent ? event.name : event.rawName
        let object: Object
        if let node = FieldExtraction.node(event) {
            object = .node(node)
        } else if let file = event.object {
            object = .file(FileID(device: file.device, inode: file.inode))
        } else if name.isPresent {
            object = .name(Array(event.bytes(name)))
        } else {
            object = .process(attribution.process?.key.pid ?? event.pid)
        }
        let path = attribution.process?.executablePath ?? ""
        return Key(
            rule: rule, container: attribution.container?.id ?? attribution.process?.containerID,
            executable: path.isEmpty ? Array(event.bytes(event.executable)) : Array(path.utf8), object: object)
    }
}
