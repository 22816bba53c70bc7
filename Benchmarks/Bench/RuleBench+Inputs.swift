import Detection
import EventModel
import Glibc
import KernelEvents

extension RuleBench {
    /// The files of Falco's rules, cut at each item of the top level.
    static func readItems() -> [String]? {
        let data = unsafe getenv("NODEAGENT_TEST_DATA").map { unsafe String(cString: $0) } ?? "../shared/data"
        var items: [String] = []
        for name in ["falco_rules.yaml", "falco-incubating_rules.yaml"] {
            guard let text = readText("\(data)/falco-rules/\(name)") else { return nil }
            var item = ""
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                if line.hasPrefix("- ") {
                    items.append(item)
                    item = ""
                }
                item += line + "\n"
            }
            items.append(item)
        }
        return items
    }

    /// All lists and macros, and as many rules as asked for. Nil where there are none.
    static func rules(_ items: [String], _ count: Int) -> String? {
        let rules = items.filter { $0.hasPrefix("- rule:") }
        guard !rules.isEmpty else { return nil }
        var text = items.filter { $0.hasPrefix("- list:") || $0.hasPrefix("- macro:") }.joined()
        for number in 0..<count {
            let rule = rules[number % rules.count]
            let copy = number / rules.count
            guard copy > 0, let end = rule.firstIndex(of: "\n") else {
                text += rule
                continue
            }
            text += rule[..<end] + " (\(copy))" + rule[end...]
        }
        return text
    }

    /// What a container does all day, none of it in a rule's words: files read and written, a program started.
    static func ordinaryEvents() -> [KernelEvent] {
        let calls = [
            (257, "a0=ffffff9c a1=7ffd7dd0c8a0 a2=80000 a3=0", "/usr/lib/x86_64-linux-gnu/libc.so.6", "0100755"),
            (257, "a0=ffffff9c a1=7ffd7dd0c8a0 a2=80441 a3=1b6", "/srv/app/data/orders.log", "0100644"),
            (257, "a0=ffffff9c a1=7ffd7dd0c8a0 a2=80000 a3=0", "/srv/app/templates/page.html", "0100644"),
            (59, "a0=55d0 a1=55d1 a2=55d2 a3=0", "/usr/bin/sort", "0100755"),
        ]
        guard var assembler = try? AuditAssembler() else { return [] }
        var normalizer = AuditNormalizer(wanted: Set(EventType.allCases))
        var events: [KernelEvent] = []
        for (serial, (number, arguments, path, mode)) in calls.enumerated() {
            let stamp = "audit(1700000200.100:\(serial + 1)): "
            let records: [(UInt16, String)] = [
                (
                    1300,
                    "arch=c000003e syscall=\(number) success=yes exit=3 \(arguments) items=1 ppid=2013 pid=4100 "
                        + "auid=4294967295 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 "
                        + "tty=(none) ses=4294967295 comm=\"app\" exe=\"/srv/app/bin/app\" key=\"nodeagent\""
                ),
                (1307, "cwd=\"/srv/app\""),
                (
                    1302,
                    "item=0 name=\"\(path)\" inode=\(2381 + serial) dev=08:01 mode=\(mode) ouid=0 ogid=0 rdev=00:00 "
                        + "nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"
                ),
                (1320, ""),
            ]
            for (type, text) in records {
                assembler.add(type: type, payload: Array((stamp + text).utf8).span, now: 0) { audit in
                    var event = KernelEvent()
                    if normalizer.normalize(audit, received: 0, into: &event) { events.append(event) }
                }
            }
        }
        return events
    }

    /// A service in a container, which its runtime's shim started.
    static var containerProcess: Attribution {
        guard let id = ContainerID(validating: String(repeating: "3f", count: 32)) else {
            return Attribution(certainty: .unknown)
        }
        var container = Container(id: id, runtime: .docker, cgroupPath: "/system.slice/docker-3f.scope", firstSeen: 1)
        container.name = "app"
        container.image = "registry.example.org/shop/app:1.4"
        func process(_ pid: Int32, _ parent: Int32, _ path: String) -> ProcessRecord {
            let name = String(path.split(separator: "/").last ?? "")
            return ProcessRecord(
                key: ProcessKey(pid: pid, startTime: UInt64(pid) * 100), parentPID: parent, comm: name,
                executablePath: path, commandLine: [path, "--serve"], containerID: pid == 2013 ? nil : id,
                namespacedPID: 7, uid: 1000)
        }
        var attribution = Attribution(
            process: process(4100, 4000, "/srv/app/bin/app"),
            ancestors: [
                process(4000, 2013, "/srv/app/bin/start"), process(2013, 1, "/usr/bin/containerd-shim-runc-v2"),
            ],
            container: container, certainty: .certain)
        attribution.userName = "app"
        return attribution
    }
}
