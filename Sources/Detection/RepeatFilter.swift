package import EventModel

/// Keeps one act that is told many times (two sources, a program's retries, util-linux' probing before a mount) from
/// becoming many alerts: the first of a rule, container, process and object passes, then none for a window.
package struct RepeatFilter {
    private struct Key: Hashable {
        var rule: String
        var container: ContainerID?
        var pid: Int32
        var object: FileID?
        var node: DeviceNumber?
        var name: [UInt8]
    }

    private struct Entry {
        var time: UInt64
        var suppressed: UInt64
    }

    /// Nanoseconds of event time.
    private let window: UInt64
    private let capacity: Int
    private var entries: [Key: Entry] = [:]
    /// The keys in the order they came, a ring once it is full.
    private var order: [Key] = []
    private var oldest = 0
    /// All alerts held back so far.
    package private(set) var suppressed: UInt64 = 0

    /// - Parameters:
    ///   - window: nanoseconds, counted from the alert that passed.
    ///   - capacity: acts remembered; beyond it the oldest is forgotten, and may be told once more.
    package init(window: UInt64 = 1_000_000_000, capacity: Int = 4096) {
        self.window = window
        self.capacity = max(1, capacity)
    }

    /// Nil when the alert is to be held back; else how many of its like were held back since the last one that passed.
    package mutating func admit(rule: String, event: KernelEvent, attribution: Attribution) -> UInt64? {
        let key = Self.key(rule, event, attribution)
        if var entry = entries[key] {
            // Sources stamp the same act up to 200 ms apart, in any order: the distance counts, not the direction.
            let distance = event.time > entry.time ? event.time - entry.time : entry.time - event.time
            if distance < window {
                entry.suppressed += 1
                suppressed += 1
                entries[key] = entry
                return nil
            }
            entries[key] = Entry(time: event.time, suppressed: 0)
            return entry.suppressed
        }
        if order.count < capacity {
            entries[key] = Entry(time: event.time, suppressed: 0)
            order.append(key)
        } else {
            entries[order[oldest]] = nil
            entries[key] = Entry(time: event.time, suppressed: 0)
            order[oldest] = key
            oldest = (oldest + 1) % capacity
        }
        return 0
    }

    /// The object where the kernel told it, else the name. A block device is the same under any of its nodes.
    private static func key(_ rule: String, _ event: KernelEvent, _ attribution: Attribution) -> Key {
        let container = attribution.container?.id ?? attribution.process?.containerID
        let pid = attribution.process?.key.pid ?? event.pid
        var key = Key(rule: rule, container: container, pid: pid, object: nil, node: nil, name: [])
        if let node = FieldExtraction.node(event) {
            key.node = node
        } else if let object = event.object {
            key.object = FileID(device: object.device, inode: object.inode)
        } else {
            key.name = Array(event.bytes(event.name.isPresent ? event.name : event.rawName))
        }
        return key
    }
}
