import EventModel
import Foundation
import Responder
import Testing

@Suite struct ActionRecordTests {
    private func json(_ record: ActionRecord) throws -> [String: Any] {
        var text = JSONText()
        record.write(to: &text)
        return try #require(try JSONSerialization.jsonObject(with: Data(text.bytes)) as? [String: Any])
    }

    private func record(_ outcome: ActionOutcome, origin: ActionOrigin) throws -> ActionRecord {
        ActionRecord(
            id: 1_700_000_000_000_000_007, container: try #require(ContainerID(validating: "web")), action: .freeze,
            origin: origin, requested: 1_700_000_000_000_000_000, started: nil, ended: 1_700_000_001_000_000_000,
            outcome: outcome)
    }

    @Test func whatWasDone() throws {
        var done = try record(.partial("2 of its processes"), origin: .rule("Escape \"x\"\n"))
        done.started = 1_700_000_000_500_000_000
        done.nanoseconds = 412_000
        done.outside = [12, 13]
        let object = try json(done)
        #expect(object["id"] as? String == "1700000000000000007")
        #expect(object["container"] as? String == "web")
        #expect(object["action"] as? String == "freeze")
        #expect((object["origin"] as? [String: String])?["rule"] == "Escape \"x\"\n")
        #expect(object["requested"] as? String == "2023-11-14T22:13:20.000000000Z")
        #expect(object["started"] as? String == "2023-11-14T22:13:20.500000000Z")
        #expect(object["ended"] as? String == "2023-11-14T22:13:21.000000000Z")
        #expect(object["result"] as? String == "partial")
        #expect(object["reason"] as? String == "2 of its processes")
        #expect(object["nanoseconds"] as? Int == 412_000)
        #expect(object["outside"] as? [Int] == [12, 13])
    }

    @Test func whatWasNot() throws {
        let object = try json(try record(.refused(.protected(pid: 9, .hostService("sshd"))), origin: .operator))
        #expect((object["origin"] as? [String: Bool])?["operator"] == true)
        #expect(object["started"] is NSNull)
        #expect(object["result"] as? String == "refused")
        #expect(object["reason"] as? String == "process 9 in its cgroup is the host's sshd")
        #expect(object["nanoseconds"] == nil)
        let done = try json(try record(.done, origin: .agent("its time is over")))
        #expect(done["reason"] is NSNull)
        #expect((done["origin"] as? [String: String])?["agent"] == "its time is over")
    }
}
