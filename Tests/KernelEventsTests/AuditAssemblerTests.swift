import Glibc
import KernelEvents
import Testing

@Suite struct AuditAssemblerTests {
    static let syscall =
        "arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffd a2=80000 a3=0 items=1 ppid=1 pid=2"

    private func add(_ feed: inout Feed, _ serial: UInt32, end: Bool = true) {
        feed.add(1300, serial, Self.syscall)
        feed.add(1307, serial, "cwd=\"/\"")
        feed.add(
            1302, serial,
            "item=0 name=\"/etc/x\" inode=7 dev=08:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL")
        feed.add(1327, serial, "proctitle=\"x\"")
        if end { feed.add(1320, serial) }
    }

    @Test func deliversAnEventAtItsEnd() throws {
        var feed = try Feed()
        add(&feed, 5)
        let event = try #require(feed.events.first)
        #expect(feed.events.count == 1)
        #expect(event.stamp == AuditStamp(time: 1_700_000_000_123, serial: 5))
        #expect(event.records.map(\.type) == [1300, 1307, 1302, 1327])
        #expect(event.ending == .endOfEvent && event.isComplete && !event.isUserRange)
        #expect(event.call?.architecture == 0xC000_003E)
        #expect(event.call?.number == 257)
        #expect(event.call?.exit == 3)
        #expect(event.call?.items == 1)
        #expect(event.call?.isSuccess == true)
        #expect(feed.assembler.openCount == 0)
        #expect(feed.assembler.counters.events == 1)
        #expect(feed.assembler.counters.incomplete == 0)
    }

    @Test func keepsRecordsThatComeBeforeTheCall() throws {
        var feed = try Feed()
        feed.add(1305, 9, "op=add_rule key=(null) list=4 res=1")
        feed.add(1400, 9, "avc:  denied  { read } for pid=1")
        feed.add(1300, 9, "arch=c000003e syscall=44 success=yes exit=1 a0=0 a1=0 a2=0 a3=0 items=0 pid=2")
        feed.add(1327, 9, "proctitle=\"x\"")
        feed.add(1320, 9)
        #expect(feed.events.map { $0.records.map(\.type) } == [[1305, 1400, 1300, 1327]])
        #expect(feed.events.first?.isComplete == true)
        #expect(feed.events.first?.call?.number == 44)
    }

    @Test func tellsMissingPathsAndCalls() throws {
        var feed = try Feed()
        feed.add(1300, 1, Self.syscall)
        feed.add(1320, 1)
        feed.add(1302, 2, "item=0 name=\"/x\"")
        feed.add(1320, 2)
        feed.add(1320, 3)
        #expect(feed.events.map(\.isComplete) == [false, false])
        #expect(feed.assembler.counters.incomplete == 3)
    }

    @Test func closesAfterTheTimeout() throws {
        var feed = try Feed()
        add(&feed, 1, end: false)
        feed.now += 1_000_000_000
        add(&feed, 2, end: false)
        feed.add(1305, 3, "op=set audit_enabled=1")
        feed.expire()
        #expect(feed.events.isEmpty)
        feed.now += 1_000_000_000
        feed.expire()
        #expect(feed.events.map(\.stamp.serial) == [1])
        // PROCTITLE was there: nothing but EOE is missing.
        #expect(feed.events.first?.isComplete == true)
        #expect(feed.events.first?.ending == .timeout)
        feed.now += 1_000_000_000
        feed.expire()
        #expect(feed.events.map(\.stamp.serial) == [1, 2, 3])
        #expect(feed.events.last?.isComplete == true)
        #expect(feed.assembler.counters.timedOut == 3)
        #expect(feed.assembler.counters.incomplete == 0)
    }

    @Test func aClockThatStandsOrGoesBackClosesNothing() throws {
        var feed = try Feed()
        feed.now = 10_000_000_000
        add(&feed, 1, end: false)
        feed.now = 5
        feed.expire()
        #expect(feed.events.isEmpty)
    }

    @Test func countsLateRecords() throws {
        var feed = try Feed()
        add(&feed, 1)
        feed.add(1302, 1, "item=1 name=\"/y\"")
        feed.add(1300, 1, Self.syscall)
        add(&feed, 2, end: false)
        feed.now += 3_000_000_000
        feed.expire()
        feed.add(1320, 2)
        #expect(feed.events.count == 2)
        #expect(feed.assembler.counters.late == 3)
        #expect(feed.assembler.openCount == 0)
        // The same serial at another time is another event.
        feed.add(1300, 1, Self.syscall, time: "1700000999.000")
        #expect(feed.assembler.openCount == 1)
    }

    @Test func countsDuplicates() throws {
        var feed = try Feed()
        for (type, body) in [
            (1300, Self.syscall), (1307, "cwd=\"/\""), (1302, "item=0 name=\"/x\""), (1327, "proctitle=\"x\""),
            (1337, "oflag=00 mode=00 resolve=0x0"),
        ] as [(UInt16, String)] {
            feed.add(type, 4, body)
            feed.add(type, 4, body)
        }
        feed.add(1302, 4, "item=1 name=\"/y\"")
        feed.add(1320, 4)
        feed.add(1320, 4)
        #expect(feed.assembler.counters.duplicate == 6)
        #expect(feed.assembler.counters.late == 0)
        #expect(feed.events.map { $0.records.count } == [6])
    }

    @Test func skipsMalformedRecords() throws {
        var feed = try Feed()
        feed.add(1300, Array("arch=c000003e".utf8))
        feed.add(1300, [])
        feed.add(1300, Array("audit(1700000000.123:99999999999): x".utf8))
        feed.add(1100, Array("audit(".utf8))
        #expect(feed.assembler.counters.malformed == 4)
        #expect(feed.assembler.counters.records == 4)
        #expect(feed.events.isEmpty)
    }

    @Test func forgedRecordsNeitherJoinNorClose() throws {
        var feed = try Feed()
        feed.add(1300, 7, Self.syscall)
        feed.add(1107, 7, "pid=1 uid=0 msg='type=EOE audit(1700000000.123:7): item=0 name=\"/forged\"'")
        feed.add(2100, 7, "pid=1 msg='x'")
        feed.add(1005, 7, "pid=1 msg='x'")
        feed.add(1302, 7, "item=0 name=\"/etc/x\" inode=7 dev=08:01 mode=0100644 rdev=00:00 nametype=NORMAL")
        feed.add(1320, 7)
        #expect(feed.assembler.counters.userRange == 3)
        #expect(feed.events.map(\.isUserRange) == [true, true, true, false])
        #expect(feed.events.last?.records.map(\.type) == [1300, 1302])
        #expect(feed.events.last?.isComplete == true)
        #expect(feed.events.first?.records.first?.type == 1107)
        // Nor do they make a later record of the same stamp late.
        feed.add(1107, 8, "pid=1 msg='x'")
        feed.add(1300, 8, Self.syscall)
        #expect(feed.assembler.counters.late == 0)
        #expect(feed.assembler.openCount == 1)
    }

    @Test func recordsThatComeAloneAreEventsAtOnce() throws {
        var feed = try Feed()
        feed.add(1701, 1, "auid=1000 pid=5 comm=\"su\" sig=11 res=1")
        feed.add(1324, 2, "mark=0x1 saddr=1.2.3.4")
        feed.add(1200, 3, "op=start ver=3")
        feed.add(2000, 4, "state=initialized audit_enabled=0 res=1")
        #expect(feed.events.map(\.ending) == [.alone, .alone, .alone, .alone])
        #expect(feed.events.allSatisfy { !$0.isUserRange && $0.isComplete })
        #expect(feed.assembler.openCount == 0)
        // Should one of them come out of a call after all, the call is not lost.
        feed.add(1300, 1, "arch=c000003e syscall=62 success=yes exit=0 a0=0 a1=0 a2=0 a3=0 items=0 pid=5")
        feed.add(1320, 1)
        #expect(feed.events.last?.call?.number == 62)
    }

    @Test func completesAnOperationOfIOUring() throws {
        var feed = try Feed()
        feed.add(1336, 3, "uring_op=18 success=yes exit=5 items=1 ppid=1 pid=2 uid=0 gid=0 key=(null)")
        feed.add(1307, 3, "cwd=\"/\"")
        feed.add(1302, 3, "item=0 name=\"x\" inode=1 dev=00:01 mode=0100644 rdev=00:00 nametype=NORMAL")
        feed.add(1320, 3)
        #expect(feed.events.map(\.isComplete) == [true])
        feed.add(1336, 4, "uring_op=18 success=yes exit=5 items=1 ppid=1 pid=2")
        feed.add(1320, 4)
        #expect(feed.events.map(\.isComplete) == [true, false])
    }

    @Test func evictsTheOldestAtTheCap() throws {
        var feed = try Feed(capacity: 8)
        for serial in 1...12 { feed.add(1300, UInt32(serial), Self.syscall) }
        #expect(feed.assembler.openCount == 8)
        #expect(feed.assembler.counters.evicted == 4)
        #expect(feed.events.map(\.stamp.serial) == [1, 2, 3, 4])
        #expect(feed.events.allSatisfy { $0.ending == .evicted && !$0.isComplete })
        feed.add(1302, 1, "item=0 name=\"/x\"")
        #expect(feed.assembler.counters.late == 1)
        feed.flush()
        #expect(feed.events.map(\.stamp.serial) == Array(1...12))
        #expect(feed.assembler.openCount == 0)
    }

    @Test func aFloodWithoutEndsStaysWithinTheCapAndLinear() throws {
        func flood(_ count: Int) throws -> UInt64 {
            var assembler = try AuditAssembler()
            var largest = 0
            let start = Self.threadTime()
            for serial in 0..<count {
                let payload = Array("audit(1700000000.\(100 + serial / 200 % 900):\(serial)): \(Self.syscall)".utf8)
                assembler.add(type: 1300, payload: payload.span, now: 1) { _ in }
                largest = max(largest, assembler.openCount)
            }
            let duration = Self.threadTime() - start
            #expect(largest == 1024)
            #expect(assembler.counters.evicted == UInt64(count - 1024))
            #expect(assembler.counters.events == assembler.counters.evicted)
            return duration
        }
        let short = try flood(25_000)
        let long = try flood(100_000)
        // libauparse takes 34 s for this.
        #expect(long < short * 8)
        #expect(long < 1_000_000_000)
    }

    /// CPU time of this thread in nanoseconds: the machine may be busy.
    private static func threadTime() -> UInt64 {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    @Test func aHugeEventIsCutButKeepsItsPaths() throws {
        var feed = try Feed()
        feed.add(1300, 1, Self.syscall)
        for _ in 0..<40 { feed.add(1309, 1, " a1[0]=\(String(repeating: "41", count: 3700))") }
        feed.add(1307, 1, "cwd=\"/\"")
        feed.add(
            1302, 1,
            "item=0 name=\(String(repeating: "2F", count: 4096)) inode=7 dev=08:01 mode=0100644 nametype=NORMAL")
        feed.add(1320, 1)
        let event = try #require(feed.events.first)
        #expect(!event.isComplete)
        #expect(feed.assembler.counters.truncated == 37)
        #expect(event.records.map(\.type) == [1300, 1309, 1309, 1309, 1307, 1302])
        // The slot is used again, whole.
        add(&feed, 2)
        #expect(feed.events.last?.isComplete == true)
    }

    @Test func countsCrossedSerialsAcrossTheWrap() throws {
        var feed = try Feed()
        for serial in [.max - 2, .max, .max - 1, 0, 2, 1, 3] as [UInt32] {
            feed.add(1305, serial, "op=x")
        }
        #expect(feed.assembler.counters.unordered == 2)
    }

    /// Whatever the interleaving, the same events with the same records in the same order.
    @Test(arguments: 0..<50) func interleavingChangesNothing(_ seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let count = 2 + Int(random.next() % 6)
        var queues = (0..<count).map { serial -> [(UInt16, UInt32, String)] in
            let serial = UInt32(truncatingIfNeeded: serial) &+ (.max - 2)
            return [
                (1300, serial, Self.syscall), (1307, serial, "cwd=\"/\(serial)\""),
                (1302, serial, "item=0 name=\"/\(serial)\""), (1327, serial, "proctitle=\"x\""), (1320, serial, ""),
            ]
        }
        var feed = try Feed(capacity: 16)
        while !queues.allSatisfy(\.isEmpty) {
            let index = Int(random.next() % UInt64(count))
            guard !queues[index].isEmpty else { continue }
            let (type, serial, body) = queues[index].removeFirst()
            feed.add(type, serial, body)
        }
        #expect(feed.events.count == count)
        #expect(feed.events.allSatisfy { $0.isComplete && $0.records.map(\.type) == [1300, 1307, 1302, 1327] })
        for event in feed.events {
            #expect(event.records.contains { $0.text.hasSuffix("name=\"/\(event.stamp.serial)\"") })
        }
    }

    @Test(arguments: 0..<50) func theOrderWithinAnEventChangesNothing(_ seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        var feed = try Feed()
        let records: [(UInt16, String)] = [
            (1300, Self.syscall), (1307, "cwd=\"/\""), (1302, "item=0 name=\"/x\""), (1327, "proctitle=\"x\""),
            (1400, "avc: x"),
        ]
        for (type, body) in records.shuffled(using: &random) { feed.add(type, 1, body) }
        feed.add(1320, 1)
        #expect(feed.events.map(\.isComplete) == [true])
        #expect(Set(feed.events.flatMap(\.records).map(\.type)) == [1300, 1307, 1302, 1327, 1400])
    }

    /// The hash against a dictionary, over many stamps that come and go.
    @Test(arguments: 0..<4) func agreesWithADictionary(_ seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        var feed = try Feed(capacity: 64)
        // Number of records by serial; the time makes each event's stamp new.
        var open: [UInt32: (time: Int, records: Int)] = [:]
        var time = 1_700_000_000
        for _ in 0..<5_000 {
            let serial = UInt32(truncatingIfNeeded: random.next() % 60) &* 0x0100_0001
            var entry = open[serial] ?? (time: time, records: 0)
            if entry.records > 0, random.next() % 3 == 0 {
                feed.add(1320, serial, time: "\(entry.time).000")
                #expect(feed.events.last?.stamp == AuditStamp(time: UInt64(entry.time) * 1000, serial: serial))
                #expect(feed.events.last?.records.count == entry.records)
                #expect(feed.events.count == 1)
                feed.events.removeAll()
                open[serial] = nil
                time += 1
            } else {
                feed.add(1400, serial, "avc: x", time: "\(entry.time).000")
                entry.records += 1
                open[serial] = entry
            }
            #expect(feed.assembler.openCount == open.count)
        }
        #expect(feed.assembler.counters.late == 0)
    }

    @Test(arguments: 0..<40) func randomBytesNeverTrap(_ seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        var feed = try Feed(capacity: 4)
        let alphabet = Array(
            "audit(1700000000.123:7): =\"'{} ,()\u{1D}0123456789abcdefitem=name=dev=arch=syscall=a0a1\0\u{7F}".utf8)
        let types: [UInt16] = [1300, 1302, 1307, 1309, 1320, 1327, 1336, 1337, 1400, 1107, 0, .max]
        for _ in 0..<2_000 {
            var bytes = random.next() % 3 == 0 ? [] : Array("audit(1700000000.123:\(random.next() % 12)): ".utf8)
            for _ in 0..<(random.next() % 200) {
                bytes.append(
                    random.next() % 8 == 0
                        ? UInt8(truncatingIfNeeded: random.next())
                        : alphabet[Int(random.next() % UInt64(alphabet.count))])
            }
            feed.add(types[Int(random.next() % UInt64(types.count))], bytes)
            _ = fields(of: bytes, from: Int(random.next() % 40))
            _ = logLine(bytes)
            if random.next() % 50 == 0 {
                feed.now += 3_000_000_000
                feed.expire()
            }
        }
        feed.flush()
        #expect(feed.assembler.counters.records == 2_000)
        #expect(feed.assembler.openCount == 0)
    }

    @Test func takesRecordsOfAnySize() throws {
        var feed = try Feed()
        for size in [0, 65_000, 65_535, 65_536, 70_000, 200_000] {
            var bytes = Array("audit(1700000000.123:1): name=\"".utf8)
            bytes += Array(repeating: UInt8(ascii: "x"), count: size)
            feed.add(1307, bytes)
            feed.add(1302, bytes)
            _ = fields(of: bytes, from: 25)
        }
        feed.flush()
        #expect(feed.assembler.counters.truncated > 0)
        #expect(feed.events.count == 1)
    }
}
