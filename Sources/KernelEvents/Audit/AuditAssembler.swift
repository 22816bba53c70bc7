/// Joins audit records to events by their stamp.
///
/// The open events lie in a hash by stamp and, beside it, in a list in the order in which they were opened. Each event has
/// the same time to complete, so that order is also the order of deadlines: the list does what a time wheel would, finds the
/// oldest for eviction as well, and needs no ticks. Every operation is O(1) in the number of open events (libauparse's is
/// linear: a stream without EOE records takes it from 0.06 s to 34 s a hundred thousand records).
///
/// An event ends with its EOE record. Nothing else ends one before its timeout: PROCTITLE comes before EOE, and records
/// logged during a call come before its SYSCALL record (docs/kernel-facts.md, audit). Records that a process can write never
/// join or close anything.
///
/// Not thread-safe: one reader owns it. It allocates nothing after `init`.
package struct AuditAssembler: ~Copyable {
    /// What an event has once, and what is known of it without reading its records again.
    private struct Seen: OptionSet {
        let rawValue: UInt8
        static let syscall = Seen(rawValue: 1)
        static let cwd = Seen(rawValue: 2)
        static let proctitle = Seen(rawValue: 4)
        static let openat2 = Seen(rawValue: 8)
        static let uring = Seen(rawValue: 16)
        /// A record of a kind that only accompanies a call.
        static let accompanying = Seen(rawValue: 32)
        static let truncated = Seen(rawValue: 64)
        static let end = Seen(rawValue: 128)
    }

    private struct Slot {
        var stamp = AuditStamp(time: 0, serial: 0)
        /// Monotonic nanoseconds of the first record.
        var opened: UInt64 = 0
        /// Bytes in the slot's storage.
        var used: UInt32 = 0
        /// Offsets of the SYSCALL and the last URINGOP record in the storage; beyond its end while there is none.
        var syscallOffset = UInt32.max
        var uringOffset = UInt32.max
        var records: UInt32 = 0
        var paths: UInt32 = 0
        /// Item numbers below 64 that a PATH record had.
        var items: UInt64 = 0
        var seen: Seen = []
        /// Neighbours in the list of open events, or the next free slot.
        var older: Int32 = -1
        var newer: Int32 = -1
    }

    /// A delivered event, remembered so that a record that comes after it opens none.
    private struct Closed {
        var stamp = AuditStamp(time: .max, serial: 0)
        var sawEnd = false
    }

    /// The EXECVE of a command line of megabytes, or a call that logs hundreds of access decisions, may fill this much of an
    /// event; the rest stays for SYSCALL, CWD and PATH, whose sizes are bounded by a path's (4,096 bytes, in hex).
    private static let inessentialLimit = 24 * 1024
    /// Serials count up: indexed by the serial, the table remembers about as many of the last events.
    private static let closedCount = 4096

    private let storage: AuditAssemblerStorage
    private var slots: [Slot]
    /// Slot number by hash of the stamp, linear probing; -1 is empty. At most a quarter is filled.
    private var buckets: [Int32]
    private var closed: [Closed]
    private var oldest: Int32 = -1
    private var newest: Int32 = -1
    /// A stack: the slot that was freed last is used first, its pages are warm.
    private var free: Int32
    private var lastSerial: UInt32?
    private let timeout: UInt64

    package private(set) var counters = AuditCounters()
    /// Events that wait for their end.
    package private(set) var openCount = 0

    /// - Parameters:
    ///   - capacity: open events at most (1…65,536); one more closes the oldest as incomplete.
    ///   - timeout: nanoseconds from an event's first record after which it is closed without its EOE.
    package init(capacity: Int = 1024, timeout: UInt64 = 2_000_000_000) throws(AuditAssemblerError) {
        let capacity = min(max(capacity, 1), 65_536)
        storage = try AuditAssemblerStorage(capacity: capacity)
        slots = Array(repeating: Slot(), count: capacity)
        var size = 4
        while size < capacity * 4 { size *= 2 }
        buckets = Array(repeating: -1, count: size)
        closed = Array(repeating: Closed(), count: Self.closedCount)
        for index in 0..<capacity { slots[index].newer = index + 1 < capacity ? Int32(index + 1) : -1 }
        free = 0
        self.timeout = timeout
    }

    /// Takes one record. `body` is called for each event that it completes: its own, or the oldest if there was no room.
    ///
    /// - Parameters:
    ///   - type: of the netlink header.
    ///   - payload: `audit(…): …`, whatever its content.
    ///   - now: monotonic nanoseconds.
    package mutating func add(type: UInt16, payload: Span<UInt8>, now: UInt64, _ body: (AuditEvent) -> Void) {
        counters.records &+= 1
        guard let header = AuditRecordHeader(payload) else {
            counters.malformed &+= 1
            return
        }
        if AuditRecordType.isUserRange(type) {
            counters.userRange &+= 1
            counters.events &+= 1
            body(AuditEvent(alone: type, header: header, payload: payload))
            return
        }
        let stamp = header.stamp
        noteOrder(of: stamp.serial)
        let bucket = find(stamp)
        var slot = buckets[bucket]
        if slot < 0 {
            let memory = closed[Int(stamp.serial) & (Self.closedCount - 1)]
            if memory.stamp == stamp {
                if type == AuditRecordType.endOfEvent, memory.sawEnd {
                    counters.duplicate &+= 1
                } else {
                    counters.late &+= 1
                }
                return
            }
            if AuditRecordType.isAlone(type) {
                // Not remembered as closed: should such a record come out of a call after all, the rest still finds together.
                counters.events &+= 1
                body(AuditEvent(alone: type, header: header, payload: payload))
                return
            }
            if type == AuditRecordType.endOfEvent {
                counters.incomplete &+= 1
                return
            }
            if free < 0 {
                counters.evicted &+= 1
                close(oldest, .evicted, body)
            }
            slot = open(stamp, now: now)
        }
        if type == AuditRecordType.endOfEvent {
            slots[Int(slot)].seen.insert(.end)
            close(slot, .endOfEvent, body)
        } else {
            store(type: type, payload: payload, bodyOffset: header.bodyOffset, slot: Int(slot))
        }
    }

    /// Closes the events whose time is over.
    package mutating func expire(now: UInt64, _ body: (AuditEvent) -> Void) {
        while oldest >= 0 {
            let opened = slots[Int(oldest)].opened
            guard now > opened, now - opened >= timeout else { return }
            counters.timedOut &+= 1
            close(oldest, .timeout, body)
        }
    }

    /// Closes all that is open: the source ended.
    package mutating func flush(_ body: (AuditEvent) -> Void) {
        while oldest >= 0 { close(oldest, .flushed, body) }
    }

    private mutating func noteOrder(of serial: UInt32) {
        guard let last = lastSerial else {
            lastSerial = serial
            return
        }
        // The difference, not the order: the serial wraps.
        if Int32(bitPattern: serial &- last) < 0 { counters.unordered &+= 1 } else { lastSerial = serial }
    }

    private mutating func store(type: UInt16, payload: Span<UInt8>, bodyOffset: Int, slot index: Int) {
        guard !isDuplicate(type: type, payload: payload, bodyOffset: bodyOffset, slot: index) else {
            counters.duplicate &+= 1
            return
        }
        let used = Int(slots[index].used)
        let limit = AuditRecordType.isEssential(type) ? AuditAssemblerStorage.slotSize : Self.inessentialLimit
        guard payload.count <= Int(UInt16.max), limit - used >= AuditEvent.prefixSize + payload.count else {
            slots[index].seen.insert(.truncated)
            counters.truncated &+= 1
            return
        }
        storage.append(payload, type: type, bodyOffset: bodyOffset, slot: index, used: used)
        slots[index].used = UInt32(used + AuditEvent.prefixSize + payload.count)
        slots[index].records &+= 1
        switch type {
        case AuditRecordType.syscall:
            slots[index].syscallOffset = UInt32(used)
        case AuditRecordType.uringOperation:
            slots[index].seen.insert(.uring)
            slots[index].uringOffset = UInt32(used)
        case AuditRecordType.path:
            slots[index].paths &+= 1
            slots[index].seen.insert(.accompanying)
        default:
            if AuditRecordType.accompaniesCall(type) { slots[index].seen.insert(.accompanying) }
        }
    }

    /// Notes what comes once, and tells whether it was there already. A second URINGOP is none: one io_uring_enter runs many.
    private mutating func isDuplicate(type: UInt16, payload: Span<UInt8>, bodyOffset: Int, slot index: Int) -> Bool {
        let once: Seen
        switch type {
        case AuditRecordType.syscall: once = .syscall
        case AuditRecordType.cwd: once = .cwd
        case AuditRecordType.proctitle: once = .proctitle
        case AuditRecordType.openat2: once = .openat2
        case AuditRecordType.path:
            // `item` is the record's first field.
            var cursor = AuditFieldCursor(at: bodyOffset)
            guard let field = cursor.next(in: payload), field.key(in: payload) == AuditKey("item"),
                let item = AuditNumber.decimal(field.value(in: payload)), item < 64
            else { return false }
            let bit = UInt64(1) << item
            if slots[index].items & bit != 0 { return true }
            slots[index].items |= bit
            return false
        default: return false
        }
        return !slots[index].seen.insert(once).inserted
    }

    private mutating func open(_ stamp: AuditStamp, now: UInt64) -> Int32 {
        let slot = free
        let index = Int(slot)
        free = slots[index].newer
        slots[index] = Slot(stamp: stamp, opened: now, older: newest)
        if newest >= 0 { slots[Int(newest)].newer = slot } else { oldest = slot }
        newest = slot
        // Looked for again: an eviction in between may have moved the buckets.
        buckets[find(stamp)] = slot
        openCount += 1
        return slot
    }

    private mutating func close(_ slot: Int32, _ ending: AuditEvent.Ending, _ body: (AuditEvent) -> Void) {
        let index = Int(slot)
        let entry = slots[index]
        if entry.older >= 0 { slots[Int(entry.older)].newer = entry.newer } else { oldest = entry.newer }
        if entry.newer >= 0 { slots[Int(entry.newer)].older = entry.older } else { newest = entry.older }
        forget(entry.stamp)
        closed[Int(entry.stamp.serial) & (Self.closedCount - 1)] =
            Closed(stamp: entry.stamp, sawEnd: entry.seen.contains(.end))
        openCount -= 1
        // Free already, and untouched until `body` has returned: nothing else runs in between.
        slots[index].newer = free
        free = slot

        let call = call(of: entry, slot: index)
        let isComplete = isComplete(entry, call: call, slot: index)
        counters.events &+= 1
        if !isComplete { counters.incomplete &+= 1 }
        body(
            AuditEvent(
                stamp: entry.stamp, ending: ending, isComplete: isComplete, call: call,
                hasUringOperation: entry.seen.contains(.uring), recordCount: Int(entry.records),
                bytes: storage.bytes(slot: index, count: Int(entry.used))))
        storage.release(slot: index, used: Int(entry.used))
    }

    private func call(of entry: Slot, slot: Int) -> AuditCall? {
        guard entry.seen.contains(.syscall) else { return nil }
        let bytes = storage.bytes(slot: slot, count: Int(entry.used))
        guard let record = AuditEvent.record(in: bytes, at: Int(entry.syscallOffset)) else { return nil }
        return AuditCall(syscall: record.payload, from: record.bodyOffset)
    }

    /// A call's event needs the call's record, all its PATH records, and either end (logs on disk often lack EOE); other
    /// events are what they are unless something that only accompanies a call shows that the call's record was lost.
    private func isComplete(_ entry: Slot, call: AuditCall?, slot: Int) -> Bool {
        if entry.seen.contains(.truncated) { return false }
        if entry.seen.contains(.syscall) {
            guard entry.seen.contains(.end) || entry.seen.contains(.proctitle) else { return false }
            return call?.items == Int(entry.paths)
        }
        if entry.seen.contains(.uring) {
            let bytes = storage.bytes(slot: slot, count: Int(entry.used))
            guard entry.seen.contains(.end),
                let record = AuditEvent.record(in: bytes, at: Int(entry.uringOffset))
            else { return false }
            return AuditUringOperation(uring: record.payload, from: record.bodyOffset)?.items == Int(entry.paths)
        }
        return entry.seen.isDisjoint(with: [.end, .accompanying, .cwd, .proctitle, .openat2])
    }

    // MARK: The hash

    private func home(of stamp: AuditStamp) -> Int {
        // Serials are dense and the kernel's own: nobody outside chooses them, spreading them is enough.
        let mixed = (UInt64(stamp.serial) ^ stamp.time << 32) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 40) & (buckets.count - 1)
    }

    /// The bucket of that stamp, or the empty one in which it belongs.
    private func find(_ stamp: AuditStamp) -> Int {
        var bucket = home(of: stamp)
        while buckets[bucket] >= 0, slots[Int(buckets[bucket])].stamp != stamp {
            bucket = (bucket + 1) & (buckets.count - 1)
        }
        return bucket
    }

    private mutating func forget(_ stamp: AuditStamp) {
        var hole = find(stamp)
        guard buckets[hole] >= 0 else { return }
        // Entries behind the hole move into it if it lies between their home and them: no tombstones pile up.
        var next = (hole + 1) & (buckets.count - 1)
        while buckets[next] >= 0 {
            let wanted = home(of: slots[Int(buckets[next])].stamp)
            if (next &- wanted) & (buckets.count - 1) >= (next &- hole) & (buckets.count - 1) {
                buckets[hole] = buckets[next]
                hole = next
            }
            next = (next + 1) & (buckets.count - 1)
        }
        buckets[hole] = -1
    }
}
