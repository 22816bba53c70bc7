import KernelEvents
import Testing

/// What is done about what others do to audit.
@Suite struct AuditUpkeepTests {
    private static let own: Int32 = 4711
    private static let second: UInt64 = 1_000_000_000

    private static func status(enabled: UInt32 = 1, daemon: UInt32 = UInt32(own)) -> AuditStatus {
        AuditStatus(
            enabled: enabled, failure: 1, daemon: daemon, rateLimit: 0, backlogLimit: 8192, lost: 0, backlog: 0,
            backlogWaitTime: 0)
    }

    private static func look(
        enabled: UInt32 = 1, daemon: UInt32 = UInt32(own), _ mode: AuditMode = .unicast, wants: Int32? = nil,
        at time: UInt64 = 0
    ) -> AuditUpkeep.Look {
        AuditUpkeep.Look(status: status(enabled: enabled, daemon: daemon), mode: mode, wantsSeat: wants, time: time)
    }

    private func upkeep(_ preference: AuditSession.Preference = .auto) -> AuditUpkeep {
        AuditUpkeep(preference: preference, pid: Self.own, enabled: 1)
    }

    @Test func saysNothingOfWhatStays() {
        var upkeep = upkeep()
        for second in 0..<20 { #expect(upkeep.add(Self.look(at: UInt64(second) * Self.second)).isEmpty) }
    }

    @Test func tellsEachSwitchOnce() {
        var upkeep = upkeep()
        #expect(upkeep.add(Self.look(enabled: 0)) == [.switchedOff])
        #expect(upkeep.add(Self.look(enabled: 0)).isEmpty)
        #expect(upkeep.add(Self.look(enabled: 1)) == [.switchedOn])
        #expect(upkeep.add(Self.look(enabled: 2)) == [.locked])
        #expect(upkeep.add(Self.look(enabled: 2)).isEmpty)
    }

    @Test func ownSwitchingIsNoChangeByOthers() {
        var upkeep = upkeep()
        #expect(upkeep.add(Self.look(enabled: 0)) == [.switchedOff])
        upkeep.settled(enabled: 1)
        #expect(upkeep.add(Self.look(enabled: 1)).isEmpty)
        #expect(upkeep.add(Self.look(enabled: 0)) == [.switchedOff])
    }

    @Test func hearsWhoWantsThePlace() {
        var upkeep = upkeep()
        #expect(upkeep.add(Self.look(wants: 12)) == [.seatWanted(by: 12)])
        #expect(upkeep.add(Self.look(.multicast, wants: 12)).isEmpty, "it is not ours to give")
    }

    @Test func seesThatThePlaceIsLost() {
        var upkeep = upkeep()
        #expect(upkeep.add(Self.look(daemon: 0)) == [.seatLost(to: 0)])
        #expect(upkeep.add(Self.look(daemon: 99, wants: 12)) == [.seatLost(to: 99)])
    }

    /// A daemon that is restarted is back sooner; the time counts from when it went.
    @Test func takesAPlaceThatStaysFree() {
        var upkeep = upkeep()
        #expect(upkeep.add(Self.look(daemon: 0, .multicast, at: 100 * Self.second)).isEmpty)
        #expect(upkeep.add(Self.look(daemon: 0, .multicast, at: 104 * Self.second)).isEmpty)
        #expect(upkeep.add(Self.look(daemon: 7, .multicast, at: 105 * Self.second)).isEmpty)
        #expect(upkeep.add(Self.look(daemon: 0, .multicast, at: 106 * Self.second)).isEmpty)
        #expect(upkeep.add(Self.look(daemon: 0, .multicast, at: 111 * Self.second)) == [.seatFree])
    }

    @Test(arguments: [AuditSession.Preference.multicast, .unicast]) func leavesItFreeWhereAskedTo(
        _ preference: AuditSession.Preference
    ) {
        var upkeep = upkeep(preference)
        for second in 0..<20 {
            #expect(upkeep.add(Self.look(daemon: 0, .multicast, at: UInt64(second) * Self.second)).isEmpty)
        }
    }

    @Test func takesNoPlaceWhileLocked() {
        var upkeep = upkeep()
        _ = upkeep.add(Self.look(enabled: 2, daemon: 0, .multicast))
        #expect(upkeep.add(Self.look(enabled: 2, daemon: 0, .multicast, at: 60 * Self.second)).isEmpty)
    }

    @Test func countsWhatIsMissing() {
        var earlier = AuditRuleCensus()
        for key in ["nodeagent-call", "nodeagent-call", "nodeagent-node", "na-other"] {
            earlier.add(key: key, isTaskNever: false)
        }
        var now = AuditRuleCensus()
        now.add(key: "nodeagent-call", isTaskNever: false)
        now.add(key: "nodeagent-block", isTaskNever: false)
        now.add(key: "", isTaskNever: true)
        #expect(earlier.own == 3 && earlier.others == 1 && earlier.taskNever == 0)
        #expect(now.missing(since: earlier) == 2, "what came meanwhile replaces nothing")
        #expect(earlier.missing(since: earlier) == 0)
        #expect(now.taskNever == 1 && now.others == 1)
    }

    @Test func readsTheNotices() {
        let asks: [UInt8] = [0x39, 0x30, 0, 0]
        #expect(AuditNotice(type: 1329, payload: asks.span) == .replaceWanted(by: 12345))
        #expect(AuditNotice(type: 1329, payload: asks.span.extracting(0..<3)) == nil)
        let text = Array("audit(1.000:1): op=remove_rule".utf8)
        #expect(AuditNotice(type: 1305, payload: text.span) == .changed)
        #expect(AuditNotice(type: 1300, payload: text.span) == nil)
    }

    @Test func readsWhoChangedIt() throws {
        var assembler = try AuditAssembler()
        var authors: [AuditAuthor] = []
        let records: [(UInt16, String)] = [
            (
                1305,
                "audit(1.000:7): auid=1000 ses=3 op=remove_rule key=\"nodeagent-call\" list=4 res=1"
            ),
            (
                1300,
                "audit(1.000:7): arch=c000003e syscall=44 success=yes exit=1080 a0=3 a1=0 a2=0 a3=0 items=0 ppid=1 pid=77 auid=1000 uid=0 comm=\"x\" exe=\"/usr/sbin/auditctl\" key=(null)"
            ),
            (1320, "audit(1.000:7): "),
        ]
        for (type, record) in records {
            let bytes = Array(record.utf8)
            assembler.add(type: type, payload: bytes.span, now: 1) { event in
                if let author = AuditAuthor(event) { authors.append(author) }
            }
        }
        let author = try #require(authors.first)
        #expect(author.loginUID == 1000 && author.pid == 77 && author.executable == "/usr/sbin/auditctl")
        #expect(authors.count == 1)
    }
}
