import Foundation
import KernelEvents
import Testing

/// go-libaudit's own recordings: what that library reads from a line, so must this one. Its renamings and interpretations are
/// undone here.
@Suite struct AuditGoldenTests {
    static let logs = [
        "audit-rhel6", "audit-rhel7", "audit-ubuntu14", "audit-ubuntu16", "audit-ubuntu17", "test2", "test3",
    ]
    static let coalesced = [
        "random-internet", "rhel-7-linux-3.10.0", "ubuntu-16.04-linux-4.13.0", "ubuntu-16.10-linux-4.8.0",
        "ubuntu-17.04-linux-4.10.0", "ubuntu-20.04.6-linux-5.15.0-1034-gcp", "ubuntu-21.10-linux-5.13",
        "ubuntu-24.04-linux-6.8.0",
    ]

    @Test func namesEveryGoldenFile() throws {
        let parse = try FileManager.default.contentsOfDirectory(
            atPath: testData("go-libaudit/auparse/testdata").path)
        #expect(Set(parse.filter { $0.hasSuffix(".golden") }) == Set(Self.logs.map { "\($0).log.golden" }))
        let coalesce = try FileManager.default.contentsOfDirectory(
            atPath: testData("go-libaudit/aucoalesce/testdata").path)
        #expect(Set(coalesce.filter { $0.hasSuffix(".golden") }) == Set(Self.coalesced.map { "\($0).json.golden" }))
    }

    @Test(arguments: logs) func readsWhatGoLibauditReads(_ log: String) throws {
        let lines = try lines(of: testData("go-libaudit/auparse/testdata/\(log).log"))
        let golden = try #require(
            try JSONSerialization.jsonObject(
                with: Data(contentsOf: testData("go-libaudit/auparse/testdata/\(log).log.golden"))) as? [Any])
        // One for each line, in its order; null for a line whose `msg=` has no stamp.
        #expect(lines.count == golden.count)
        for (line, golden) in zip(lines, golden) {
            let parsed = try #require(logLine(line))
            let payload = Array(line[parsed.payload])
            guard let golden = golden as? [String: Any] else {
                #expect(stamp(of: payload) == nil)
                continue
            }
            let header = try #require(stamp(of: payload))
            #expect(parsed.type.flatMap(AuditRecordType.name)?.lowercased() == golden["record_type"] as? String)
            #expect(Int(header.stamp.serial) == golden["sequence"] as? Int)
            #expect(header.stamp.time == Self.milliseconds(golden["@timestamp"]))
            #expect(
                String(decoding: payload, as: UTF8.self).trimmingCharacters(in: .whitespaces)
                    == golden["raw_msg"] as? String)
            let fields = fields(of: payload, from: header.bodyOffset)
            for (key, value) in golden["data"] as? [String: String] ?? [:] {
                #expect(
                    GoldenValue.holds(key, value, fields, String(decoding: payload, as: UTF8.self)),
                    "\(log):\(header.stamp.serial) \(key)=\(value)")
            }
        }
    }

    @Test(arguments: coalesced) func assemblesWhatGoLibauditCoalesces(_ name: String) throws {
        let golden = try #require(
            try JSONSerialization.jsonObject(
                with: Data(contentsOf: testData("go-libaudit/aucoalesce/testdata/\(name).json.golden")))
                as? [[String: Any]])
        var events: [TestEvent] = []
        var feed = try Feed()
        let lines = try lines(of: testData("go-libaudit/aucoalesce/testdata/\(name).yaml"))
        for line in lines {
            let trimmed = Array(line.drop { $0 == 0x20 })
            guard trimmed.starts(with: Array("type=".utf8)) else { continue }
            let parsed = try #require(logLine(trimmed))
            feed.add(try #require(parsed.type), Array(trimmed[parsed.payload]))
        }
        feed.flush()
        events = feed.events
        #expect(feed.assembler.counters.malformed == 0)
        #expect(!golden.isEmpty)
        for entry in golden {
            guard let event = entry["event"] as? [String: Any] else { continue }
            let serial = try #require(event["sequence"] as? Int)
            let time = try #require(Self.milliseconds(event["@timestamp"]))
            let found = events.filter { Int($0.stamp.serial) == serial && $0.stamp.time == time }
            try #require(!found.isEmpty, "\(name) \(serial)")
            let records = found.flatMap(\.records)
            let names = records.compactMap { AuditRecordType.name(of: $0.type)?.lowercased() }
            #expect(names.contains(event["record_type"] as? String ?? ""))
            let fields = records.flatMap { record -> [TestField] in
                let payload = Array(record.text.utf8)
                return KernelEventsTests.fields(
                    of: payload, from: AuditRecordHeader(payload.span)?.bodyOffset ?? payload.count)
            }
            let text = records.map(\.text).joined(separator: "\n")
            let process = event["process"] as? [String: Any] ?? [:]
            let renamed = ["name": "comm", "title": "proctitle"]
            for (key, value) in process {
                if let value = value as? String {
                    #expect(
                        GoldenValue.holds(renamed[key] ?? key, value, fields, text), "\(name):\(serial) \(key)=\(value)"
                    )
                }
                for (index, argument) in (value as? [String] ?? []).enumerated() {
                    #expect(GoldenValue.holds("a\(index)", argument, fields, text), "\(name):\(serial) a\(index)")
                }
            }
            let ids = (event["user"] as? [String: Any])?["ids"] as? [String: String] ?? [:]
            let data = event["data"] as? [String: String] ?? [:]
            for (key, value) in ids.merging(data, uniquingKeysWith: { first, _ in first }) {
                #expect(GoldenValue.holds(key, value, fields, text), "\(name):\(serial) \(key)=\(value)")
            }
            let paths = records.filter { $0.type == AuditRecordType.path }.map { record -> [TestField] in
                let payload = Array(record.text.utf8)
                return KernelEventsTests.fields(
                    of: payload, from: AuditRecordHeader(payload.span)?.bodyOffset ?? payload.count)
            }
            for path in event["paths"] as? [[String: String]] ?? [] {
                let match = paths.first { fields in
                    path.allSatisfy { GoldenValue.holds($0.key, $0.value, fields, text) }
                }
                #expect(match != nil, "\(name):\(serial) \(path)")
            }
        }
    }

    /// `2016-12-07T02:16:32.4Z`
    private static func milliseconds(_ value: Any?) -> UInt64? {
        guard let text = value as? String, text.hasSuffix("Z") else { return nil }
        let parts = text.dropLast().split(separator: ".")
        guard let seconds = ISO8601DateFormatter().date(from: "\(parts[0])Z")?.timeIntervalSince1970 else { return nil }
        let fraction = parts.count > 1 ? Int("\(parts[1])00".prefix(3)) ?? 0 : 0
        return UInt64(seconds) * 1000 + UInt64(fraction)
    }
}

/// What go-libaudit makes of a raw field, backwards.
private enum GoldenValue {
    static let architectures = ["x86_64": "c000003e", "i386": "40000003", "aarch64": "c00000b7"]
    /// Names by number on x86_64 and, where the recordings have them, aarch64.
    static let calls: [String: Set<String>] = [
        "open": ["2"], "execve": ["59", "221"], "connect": ["42"], "sendto": ["44"], "rt_sigaction": ["13"],
        "rt_sigprocmask": ["14"], "select": ["23"], "getpgid": ["121", "132"], "clock_gettime": ["228"],
        "linkat": ["37"],
        "init_module": ["175"], "finit_module": ["313"], "mkdir": ["83"], "rename": ["82"], "unlink": ["87"],
        "setsockopt": ["54"], "adjtimex": ["159"], "clock_adjtime": ["305"], "mknod": ["133"], "bind": ["49"],
        "accept": ["43"], "accept4": ["288"], "getpeername": ["52"], "getsockname": ["51"], "chmod": ["90"],
        "unlinkat": ["263"], "write": ["1"], "recvfrom": ["45"], "sendmsg": ["46"], "fchmodat": ["268"],
        "read": ["0"], "ioctl": ["16"], "listen": ["50"], "openat": ["257", "56"], "umount2": ["166"], "mount": ["165"],
        "setuid": ["105"], "kill": ["62"],
        "delete_module": ["176"], "symlink": ["88"], "fchownat": ["260"], "chown": ["92"], "settimeofday": ["164"],
    ]
    static let errors = [
        "EACCES": "-13", "EINPROGRESS": "-115", "EFAULT": "-14", "ENOENT": "-2", "EPERM": "-1", "EAGAIN": "-11",
    ]

    static func holds(_ key: String, _ value: String, _ fields: [TestField], _ text: String) -> Bool {
        func has(_ key: String, _ test: (TestField) -> Bool) -> Bool { fields.contains { $0.key == key && test($0) } }
        if has(key, { $0.value == value || clean($0.decoded) == clean(value) }) { return true }
        if value == "unset", has(key, { $0.value == "4294967295" }) { return true }
        switch key {
        case "arch": return has(key) { $0.value == architectures[value] }
        case "syscall": return has(key) { calls[value]?.contains($0.value) == true }
        case "exit": return has(key) { $0.value == errors[value] }
        case "sig": return value == "SIGSYS" && has(key) { $0.value == "31" }
        case "result":
            let words = value == "success" ? ["yes", "success", "1"] : ["no", "failed", "0"]
            return has("res") { words.contains($0.value) } || has("success") { words.contains($0.value) }
        case "seresult", "seperms": return text.contains(" \(value) ")
        case "old_auid", "new_auid", "old-auid", "new-auid":
            return has("auid") { $0.value == value || (value == "unset" && $0.value == "4294967295") }
        case "addr", "port", "family", "path", "socket_addr", "socket_port", "socket_family":
            return has("saddr") { Address($0.value).holds(key.replacingOccurrences(of: "socket_", with: ""), value) }
        default: break
        }
        let parts = key.split(separator: "_")
        if parts.count == 2,
            let place = ["user", "role", "domain", "level", "category"].firstIndex(of: String(parts[1]))
        {
            return has(String(parts[0])) { field in
                let words = field.value.split(separator: ":", maxSplits: 4).map(String.init)
                return place < words.count && words[place] == value
            }
        }
        return false
    }

    /// Arguments are parted by NUL, which go-libaudit shows as a space; at the end it is left out.
    private static func clean(_ text: String) -> String {
        text.replacingOccurrences(of: "\0", with: " ").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A `saddr` in x86's byte order.
    private struct Address {
        var bytes: [UInt8] = []

        init(_ hex: String) {
            let field = Array("saddr=\(hex)".utf8)
            var cursor = AuditFieldCursor(at: 0)
            if let value = cursor.next(in: field.span) { bytes = value.decodedBytes(in: field.span) }
        }

        func holds(_ key: String, _ value: String) -> Bool {
            guard bytes.count >= 2 else { return false }
            let family = Int(bytes[0]) | Int(bytes[1]) << 8
            switch key {
            case "family": return [0: "0", 1: "unix", 2: "ipv4", 10: "ipv6", 16: "netlink"][family] == value
            case "port": return bytes.count >= 4 && Int(value) == Int(bytes[2]) << 8 | Int(bytes[3])
            case "path": return String(decoding: bytes.dropFirst(2).prefix { $0 != 0 }, as: UTF8.self) == value
            case "addr" where family == 2 && bytes.count >= 8:
                return bytes[4..<8].map(String.init).joined(separator: ".") == value
            case "addr" where family == 10: return value == "::" && bytes.dropFirst(8).prefix(16).allSatisfy { $0 == 0 }
            default: return false
            }
        }
    }
}
