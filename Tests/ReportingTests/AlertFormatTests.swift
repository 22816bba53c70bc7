import EventModel
import Foundation
import Reporting
import Testing

@Suite struct AlertFormatTests {
    private let alert = Alert(
        time: 1_748_557_198_960_296_886, rule: "A rule", priority: .critical, source: "syscall",
        output: "a \"quoted\"\n\u{1b}[31m name",
        fields: [
            (name: "proc.name", value: .text("sh\u{7f}")),
            (name: "evt.time", value: .number(1_748_557_198_960_296_886)),
            (name: "container.name", value: .missing), (name: "container.privileged", value: .boolean(true)),
            (name: "reasons", value: .list(["a", "b"])),
        ], tags: ["container", "T1611"])

    @Test func jsonHasFalcosKeysAndParses() throws {
        let line = alert.line(.json, hostname: "node1", colored: false)
        #expect(line.last == 10)
        #expect(line.dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7f })
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        #expect(
            Set(object.keys) == [
                "hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time",
            ])
        #expect(object["time"] as? String == "2025-05-29T22:19:58.960296886Z")
        #expect(object["priority"] as? String == "Critical")
        #expect((object["output"] as? String)?.hasPrefix("22:19:58.960296886: Critical a \"quoted\"") == true)
        let fields = try #require(object["output_fields"] as? [String: Any])
        #expect(fields["evt.time"] as? Int == 1_748_557_198_960_296_886)
        #expect(fields["container.name"] is NSNull)
        #expect(fields["proc.name"] as? String == "sh\u{7f}")
        #expect(fields["reasons"] as? [String] == ["a", "b"])
    }

    @Test func countSaysHowMany() throws {
        var count = alert
        count.id = "a-1"
        count.repeats = 41
        let text = String(decoding: count.line(.text, hostname: "n", colored: false), as: UTF8.self)
        #expect(text.hasSuffix(" name repeats=41 alert=a-1\n"))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(count.line(.json, hostname: "n", colored: false)))
                as? [String: Any])
        #expect((object["output"] as? String)?.hasSuffix(" name repeats=41") == true)
        let fields = try #require(object["output_fields"] as? [String: Any])
        #expect(fields["alert.repeats"] as? Int == 41 && fields["alert.id"] as? String == "a-1")
    }

    @Test func colorsOnATerminalOnly() {
        let plain = String(decoding: alert.line(.text, hostname: "n", colored: false), as: UTF8.self)
        let colored = String(decoding: alert.line(.text, hostname: "n", colored: true), as: UTF8.self)
        #expect(plain.hasPrefix("22:19:58.960296886: Critical a "))
        #expect(colored.contains("\u{1b}[1;31mCritical\u{1b}[0m"))
    }
}

@Suite struct TimestampTests {
    /// Days that calendars get wrong, against Foundation's.
    @Test(arguments: [0, 951_782_400, 951_868_800, 1_709_164_800, 4_107_542_400, 1_735_689_599] as [UInt64])
    func agreesWithFoundation(_ seconds: UInt64) {
        let formatter = ISO8601DateFormatter()
        let expected = formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
        #expect(Timestamp(seconds * 1_000_000_000).rfc3339 == expected.dropLast() + ".000000000Z")
    }
}

@Suite struct DeliveryFrameTests {
    @Test func roundTripsAndRefusesOthers() {
        let frame = DeliveryFrame(kind: .alert, payload: [1, 2, 3])
        #expect(DeliveryFrame(frame.bytes) == frame)
        #expect(DeliveryFrame([2, 1]) == nil)
        #expect(DeliveryFrame([1, 99]) == nil)
        #expect(DeliveryFrame([1]) == nil)
        #expect(DeliveryFrame([]) == nil)
    }
}
