import EventModel
import KernelEvents
import Testing

/// Events in the kernel's own format (kernel/auditsc.c; field order of 6.18), and what becomes of them.
@Suite struct AuditNormalizerTests {
    private static let identity =
        "ppid=4001 pid=4100 auid=4294967295 uid=0 gid=10 euid=1000 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 "
        + "ses=4294967295 comm=\"sh\" exe=\"/usr/bin/dash\" subj=unconfined key=\"nodeagent\""

    private static let watched = [
        AuditNormalizer.WatchedObject(path: "/sys/kernel/other", inode: nil, parentInode: 3600),
        AuditNormalizer.WatchedObject(path: "/sys/kernel/uevent_helper", inode: 3662, parentInode: 3600),
    ]

    /// What a test looks at.
    private struct Result {
        var event: KernelEvent
        var name: String? { event.string(event.name) }
        var rawName: String? { event.string(event.rawName) }
    }

    private func call(
        _ number: Int, arch: String = "c000003e", exit: Int = 3, a0: String = "ffffff9c", a1: String = "7ffd1000",
        a2: String = "80000", a3: String = "0", items: Int
    ) -> (UInt16, String) {
        (
            1300,
            "arch=\(arch) syscall=\(number) success=\(exit < 0 ? "no" : "yes") exit=\(exit) a0=\(a0) a1=\(a1) a2=\(a2) a3=\(a3) "
                + "items=\(items) \(Self.identity)"
        )
    }

    private func path(
        _ item: Int, _ name: String, inode: Int? = 77, dev: String = "08:01", mode: String = "0100644",
        rdev: String = "00:00", _ kind: String = "NORMAL"
    ) -> (UInt16, String) {
        let file = inode.map { "inode=\($0) dev=\(dev) mode=\(mode) ouid=0 ogid=0 rdev=\(rdev) " } ?? ""
        return (
            1302,
            "item=\(item) name=\(name) \(file)nametype=\(kind) cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"
        )
    }

    private let cwd: (UInt16, String) = (1307, "cwd=\"/work/dir\"")

    private func normalize(
        _ records: [(UInt16, String)], watched: [AuditNormalizer.WatchedObject] = Self.watched,
        wanted: Set<EventType> = Set(EventType.allCases)
    ) throws -> Result? {
        var assembler = try AuditAssembler()
        var normalizer = AuditNormalizer(watched: watched, wanted: wanted)
        var event = KernelEvent()
        var found: Result?
        for (type, body) in records + [(1320, "")] {
            let payload = Array("audit(1700000000.123:456): \(body)".utf8)
            assembler.add(type: type, payload: payload.span, now: 5) { audit in
                if normalizer.normalize(audit, received: 99, into: &event) { found = Result(event: event) }
            }
        }
        return found
    }

    @Test func fillsEveryFieldOfAnOpen() throws {
        let result = try #require(
            try normalize([
                call(257, items: 1), cwd, path(0, "\"../etc/./x\"", mode: "0100640"), (1327, "proctitle=\"x\""),
            ]))
        let event = result.event
        #expect(event.source == .audit && event.type == .openat)
        #expect(event.time == 1_700_000_000_123_000_000)
        #expect(event.received == 99)
        #expect(event.serial == 456)
        #expect(event.pid == 4100 && event.parentPID == 4001)
        #expect(event.uid == 0 && event.gid == 10 && event.effectiveUID == 1000 && event.loginUID == .max)
        #expect(event.architecture == 0xC000_003E)
        #expect(!event.isIOUring && event.isComplete)
        #expect(event.result == 3)
        #expect(event.arguments[0] == 0xFFFF_FF9C && event.arguments[1] == 0x7FFD_1000 && event.arguments[2] == 0x80000)
        #expect(event.openFlags == 0x80000)
        #expect(event.creationMode == nil)
        #expect(
            event.object
                == FileObject(
                    deviceMajor: 8, deviceMinor: 1, inode: 77, mode: 0o100640, nodeMajor: 0, nodeMinor: 0))
        #expect(result.rawName == "../etc/./x")
        #expect(result.name == "/work/etc/x")
        #expect(event.string(event.comm) == "sh")
        #expect(event.string(event.executable) == "/usr/bin/dash")
        #expect(event.string(event.workingDirectory) == "/work/dir")
        #expect(event.string(event.terminal) == "pts0")
        #expect(event.filesystem == .unknown)
    }

    @Test(
        arguments: [
            (2, "c000003e", .open), (257, "c000003e", .openat), (437, "c000003e", .openat2), (85, "c000003e", .creat),
            (304, "c000003e", .openByHandleAt), (133, "c000003e", .mknod), (259, "c000003e", .mknodat),
            (165, "c000003e", .mount), (166, "c000003e", .umount2), (430, "c000003e", .fsopen),
            (431, "c000003e", .fsconfig),
            (432, "c000003e", .fsmount), (429, "c000003e", .moveMount), (428, "c000003e", .openTree),
            (442, "c000003e", .mountSetattr), (59, "c000003e", .execve), (322, "c000003e", .execveat),
            (0x4000_0101, "c000003e", .openat), (0x4000_0208, "c000003e", .execve),
            (0x4000_0221, "c000003e", .execveat),
            (5, "40000003", .open), (295, "40000003", .openat), (8, "40000003", .creat), (14, "40000003", .mknod),
            (297, "40000003", .mknodat), (21, "40000003", .mount), (52, "40000003", .umount2),
            (11, "40000003", .execve),
            (358, "40000003", .execveat), (342, "40000003", .openByHandleAt), (437, "40000003", .openat2),
            (56, "c00000b7", .openat), (33, "c00000b7", .mknodat), (40, "c00000b7", .mount), (39, "c00000b7", .umount2),
            (221, "c00000b7", .execve), (265, "c00000b7", .openByHandleAt), (281, "c00000b7", .execveat),
            (442, "c00000b7", .mountSetattr),
        ] as [(Int, String, EventType)])
    func knowsTheCalls(_ number: Int, _ arch: String, _ type: EventType) throws {
        #expect(try normalize([call(number, arch: arch, items: 0)])?.event.type == type)
        #expect(try normalize([call(number, arch: arch, items: 0)], wanted: [.other]) == nil)
    }

    @Test func passesOverOtherCalls() throws {
        #expect(try normalize([call(0, items: 0)]) == nil)
        #expect(try normalize([call(257, arch: "40000028", items: 0)]) == nil)
        #expect(try normalize([call(2, arch: "c00000b7", items: 0)]) == nil)
        #expect(try normalize([call(9999, items: 0)]) == nil)
        #expect(try normalize([(1305, "op=add_rule")]) == nil)
        #expect(try normalize([(1107, "pid=1 arch=c000003e syscall=257 msg='x'")]) == nil)
        #expect(try normalize([(1300, "arch=x86_64 syscall=openat success=yes exit=3")]) == nil)
    }

    @Test func readsOpenFlagsAndModes() throws {
        func flags(_ records: [(UInt16, String)]) throws -> UInt64? { try normalize(records)?.event.openFlags }
        #expect(try flags([call(2, a1: "241", a2: "1b6", items: 0)]) == 0x241)
        #expect(try flags([call(257, a2: "80001", items: 0)]) == 0x80001)
        #expect(try flags([call(85, a1: "1a4", items: 0)]) == 0o1101)
        #expect(try normalize([call(85, a1: "1a4", items: 0)])?.event.creationMode == 0o644)
        #expect(
            try flags([call(437, a2: "7ffd", a3: "18", items: 0), (1337, "oflag=0100001 mode=00 resolve=0x10")])
                == 0o100001)
        #expect(try flags([call(437, a2: "7ffd", a3: "18", items: 0)]) == nil)
        #expect(try flags([call(165, items: 0)]) == nil)
        #expect(try normalize([call(133, a1: "61b0", a2: "801", items: 0)])?.event.creationMode == 0o060660)
        #expect(try normalize([call(259, a2: "61b0", a3: "801", items: 0)])?.event.creationMode == 0o060660)
        #expect(try flags([call(257, a2: "zz", items: 0)]) == 0)
    }

    @Test func takesTheFileThatWasOpened() throws {
        let existing = try normalize([
            call(257, a2: "41", items: 2), cwd, path(0, "\"/tmp/\"", inode: 5, mode: "041777", "PARENT"),
            path(1, "\"/tmp/a\"", inode: 6, "NORMAL"),
        ])
        #expect(existing?.event.object?.inode == 6)
        #expect(existing?.name == "/tmp/a")
        let created = try normalize([
            call(257, a2: "41", items: 2), cwd, path(0, "\"/tmp/\"", inode: 5, mode: "041777", "PARENT"),
            path(1, "2F746D702F6120622063", inode: 9, "CREATE"),
        ])
        #expect(created?.event.object?.inode == 9)
        #expect(created?.name == "/tmp/a b c")
    }

    @Test func namesWhatDoesNotExist() throws {
        let missing = try normalize([call(257, exit: -2, items: 1), cwd, path(0, "\"x//y/\"", inode: nil, "UNKNOWN")])
        #expect(missing?.event.object == nil)
        #expect(missing?.event.result == -2)
        #expect(missing?.name == "/work/dir/x/y")
        let parent = try normalize([
            call(257, exit: -13, items: 1), cwd, path(0, "\"/etc/\"", inode: 5, mode: "040755", "PARENT"),
        ])
        #expect(parent?.event.object == nil)
        #expect(parent?.name == "/etc/")
        #expect(parent?.event.filesystem == .unknown)
        #expect(try normalize([call(257, exit: -14, items: 1), path(0, "(null)", inode: nil, "UNKNOWN")])?.name == nil)
    }

    @Test func leavesNamesBelowADescriptorAlone() throws {
        let relative = try normalize([call(257, a0: "5", items: 1), cwd, path(0, "\"a/../b\"")])
        #expect(relative?.name == "a/../b")
        let absolute = try normalize([call(257, a0: "5", items: 1), cwd, path(0, "\"/a/../../b/.\"")])
        #expect(absolute?.name == "/b")
        let plain = try normalize([call(257, a0: "ffffffffffffff9c", items: 1), cwd, path(0, "\"b\"")])
        #expect(plain?.name == "/work/dir/b")
        let old = try normalize([call(2, a0: "7ffd", items: 1), cwd, path(0, "\"../../../..\"")])
        #expect(old?.name == "/")
        let unknown = try normalize([call(2, a0: "7ffd", items: 1), path(0, "\"b\"")])
        #expect(unknown?.name == "b")
    }

    @Test func knowsAWatchedFileByItsInode() throws {
        let direct = try #require(
            try normalize([
                call(257, a2: "1", items: 1), cwd,
                path(0, "\"/sys/kernel/uevent_helper\"", inode: 3662, dev: "00:45"),
            ]))
        #expect(direct.name == "/sys/kernel/uevent_helper")
        #expect(direct.event.filesystem == .sysfs)
        #expect(direct.event.object?.deviceMinor == 0x45)
        let link = try normalize([call(257, a2: "1", items: 1), cwd, path(0, "\"l\"", inode: 3662, dev: "00:45")])
        #expect(link?.name == "/sys/kernel/uevent_helper")
        #expect(link?.rawName == "l")
        let disk = try normalize([call(257, a2: "1", items: 1), cwd, path(0, "\"/x\"", inode: 3662, dev: "08:01")])
        #expect(disk?.name == "/x" && disk?.event.filesystem == .unknown)
        let directory = try normalize([
            call(257, a2: "1", items: 1), cwd, path(0, "\"/x\"", inode: 3662, dev: "00:45", mode: "040755"),
        ])
        #expect(directory?.name == "/x")
    }

    @Test func knowsTheAttemptToCreateAWatchedFile() throws {
        // The PARENT record's name is cut behind the directory: the last component is not told.
        let untold = try normalize([
            call(257, exit: -13, a2: "241", items: 1), cwd,
            path(0, "\"/sys/kernel/\"", inode: 3600, dev: "00:45", mode: "040755", "PARENT"),
        ])
        #expect(untold?.event.filesystem == .sysfs)
        #expect(untold?.name == "/sys/kernel/other")
        #expect(untold?.event.object == nil)
        #expect(untold?.rawName == "/sys/kernel/")
        let told = try normalize([
            call(257, exit: -13, a2: "241", items: 2), cwd,
            path(0, "\"/sys/kernel/\"", inode: 3600, dev: "00:45", mode: "040755", "PARENT"),
            path(1, "\"/sys/kernel/uevent_helper\"", inode: nil, "CREATE"),
        ])
        #expect(told?.name == "/sys/kernel/uevent_helper")
        let another = try normalize([
            call(257, exit: -13, a2: "241", items: 2), cwd,
            path(0, "\"/sys/kernel/\"", inode: 3600, dev: "00:45", mode: "040755", "PARENT"),
            path(1, "\"/sys/kernel/my_uevent_helper\"", inode: nil, "CREATE"),
        ])
        #expect(another?.name == "/sys/kernel/my_uevent_helper")
        #expect(another?.event.filesystem == .unknown)
        let normal = try normalize([
            call(257, exit: -30, a2: "241", items: 1), cwd,
            path(0, "\"/sys/kernel/uevent_helper\"", inode: 3600, dev: "00:45", mode: "040755", "NORMAL"),
        ])
        #expect(normal?.name == "/sys/kernel/uevent_helper")
        let hex = try normalize([
            call(257, exit: -30, a2: "241", items: 1), cwd,
            path(
                0, "2F7379732F6B65726E656C2F756576656E745F68656C706572", inode: 3600, dev: "00:45", mode: "040755",
                "NORMAL"),
        ])
        #expect(hex?.name == "/sys/kernel/uevent_helper" && hex?.event.filesystem == .sysfs)
        // The same directory read, with success: nothing of the kind.
        let listing = try normalize([
            call(257, items: 1), cwd, path(0, "\"/sys/kernel\"", inode: 3600, dev: "00:45", mode: "040755", "NORMAL"),
        ])
        #expect(listing?.event.filesystem == .unknown)
        let elsewhere = try normalize([
            call(257, exit: -13, a2: "241", items: 1), cwd,
            path(0, "\"/etc/\"", inode: 3600, dev: "08:01", mode: "040755", "PARENT"),
        ])
        #expect(elsewhere?.event.filesystem == .unknown)
    }

    @Test func takesTheBlockDeviceOfAMount() throws {
        let mount = try normalize([
            call(165, exit: 0, a0: "55d0", items: 2), cwd,
            path(0, "\"/mnt\"", inode: 12, mode: "040755"),
            path(1, "\"/dev/sda1\"", inode: 300, dev: "00:06", mode: "060660", rdev: "08:01"),
        ])
        #expect(mount?.event.object?.isBlockDevice == true)
        #expect(mount?.event.object?.node == DeviceNumber(major: 8, minor: 1))
        #expect(mount?.rawName == "/dev/sda1")
        let bind = try normalize([
            call(165, exit: 0, a0: "55d0", items: 2), cwd, path(0, "\"/a\"", inode: 12, mode: "040755"),
            path(1, "\"/b\"", inode: 13, mode: "040755"),
        ])
        #expect(bind?.name == "/a")
    }

    @Test func takesTheNodeThatMknodMade() throws {
        let node = try normalize([
            call(259, exit: 0, a2: "61b0", a3: "801", items: 2), cwd,
            path(0, "\"/work/dir\"", inode: 5, mode: "040755", "PARENT"),
            path(1, "\"sda1\"", inode: 88, dev: "00:2e", mode: "060660", rdev: "08:01", "CREATE"),
        ])
        #expect(node?.name == "/work/dir/sda1")
        #expect(node?.event.object?.node.description == "8:1")
        #expect(node?.event.creationMode == 0o060660)
    }

    @Test func takesTheProgramOfAnExec() throws {
        let exec = try normalize([
            call(59, exit: 0, a0: "55d0", items: 2), (1309, "argc=1 a0=\"x\""), cwd,
            path(0, "\"./x\"", inode: 1, mode: "0100755"),
            path(1, "\"/lib64/ld-linux-x86-64.so.2\"", inode: 2, mode: "0100755"),
        ])
        #expect(exec?.name == "/work/dir/x")
        #expect(exec?.event.object?.inode == 1)
    }

    private static let uring =
        "uring_op=18 success=yes exit=5 items=1 ppid=7 pid=8 uid=1 gid=2 euid=3 suid=1 fsuid=1 egid=2 sgid=2 fsgid=2 "
        + "subj=unconfined key=(null)"

    @Test func readsAnOperationOfIOUring() throws {
        let result = try #require(
            try normalize([
                (1336, Self.uring), cwd, path(0, "\"sda\"", inode: 3, dev: "00:06", mode: "060660", rdev: "08:00"),
            ]))
        #expect(result.event.type == .openat && result.event.isIOUring && result.event.isComplete)
        #expect(result.event.pid == 8 && result.event.parentPID == 7 && result.event.uid == 1)
        #expect(result.event.effectiveUID == 3 && result.event.gid == 2 && result.event.loginUID == .max)
        // io_uring's own `exit` is 0 for an open that failed: the result is not known.
        #expect(result.event.result == nil)
        #expect(result.event.openFlags == nil)
        #expect(result.event.architecture == 0)
        #expect(result.name == "sda")
        #expect(try normalize([(1336, Self.uring.replacing("uring_op=18", with: "uring_op=19"))]) == nil)
        #expect(
            try normalize([(1336, Self.uring.replacing("uring_op=18", with: "uring_op=28"))])?.event.type == .openat2)
    }

    @Test func findsAnOperationAmongOthersInsideACall() throws {
        // io_uring_enter runs several operations inline: one event, all their names.
        let result = try #require(
            try normalize([
                (1336, Self.uring.replacing("uring_op=18", with: "uring_op=37")), (1336, Self.uring),
                call(426, exit: 3, a0: "4", a1: "3", items: 3), cwd,
                path(0, "\"/a\"", inode: 20),
                path(1, "\"/dev/sda\"", inode: 3, dev: "00:06", mode: "060660", rdev: "08:00"),
                path(2, "\"/b\"", inode: 21), (1327, "proctitle=\"x\""),
            ]))
        #expect(result.event.type == .openat && result.event.isIOUring)
        #expect(result.event.result == nil)
        #expect(result.event.arguments[0] == 0)
        #expect(result.event.string(result.event.comm) == "sh")
        #expect(result.name == "/dev/sda")
    }

    /// As 6.18 told of an io_uring open with O_CREAT that a worker's thread ran on a read-only mount: no URINGOP record.
    @Test func findsAWatchedDirectoryInABareCallOfIOUring() throws {
        let watched = [
            AuditNormalizer.WatchedObject(path: "/sys/kernel/uevent_helper", inode: nil, parentInode: 3657)
        ]
        let parent = path(0, "\"/sys/kernel/\"", inode: 3657, dev: "00:2c", mode: "040755", "PARENT")
        let result = try #require(
            try normalize([call(426, exit: 1, a0: "3", a1: "1", items: 1), cwd, parent], watched: watched))
        #expect(result.event.isIOUring && result.event.type == .openat && result.event.result == nil)
        #expect(result.name == "/sys/kernel/uevent_helper")
        let other = path(0, "\"/tmp/\"", inode: 3658, dev: "00:2c", mode: "040755", "PARENT")
        #expect(try normalize([call(426, exit: 1, a0: "3", a1: "1", items: 1), cwd, other], watched: watched) == nil)
    }

    @Test func tellsThatRecordsAreMissing() throws {
        let result = try normalize([call(257, items: 2), cwd, path(0, "\"/a\"")])
        #expect(result?.event.isComplete == false)
    }

    @Test func survivesWhateverTheFieldsHold() throws {
        let odd = [
            "item=0 name=\(String(repeating: "2F2E", count: 5000)) inode=99999999999999999999 dev=1:2:3 mode=9 rdev=x nametype=",
            "item=0 name= inode=-1 dev=: mode= rdev= nametype=CREATE", "name", "item=0 name=\"", "",
            "item=0 name=\"\(String(repeating: "a/", count: 20_000))\" inode=1 dev=00:01 mode=0177777777 nametype=NORMAL",
        ]
        for body in odd {
            for number in [2, 165, 259, 59] {
                let result = try normalize([
                    call(number, a0: "fffffffffffffffff", items: 1),
                    (1307, "cwd=\(String(repeating: "2F41", count: 3000))"), (1302, body),
                ])
                #expect(result != nil)
            }
        }
        let numbers =
            "arch=c000003e syscall=257 success=no exit=-99999999999999999999 a0=g items=x pid=99999999999 ppid=-1 uid=-1"
        let result = try normalize([(1300, numbers)])
        #expect(result?.event.pid == 0)
        #expect(result?.event.uid == .max)
        #expect(result?.event.isComplete == false)
    }

    @Test(arguments: 0..<20) func randomRecordsNeverTrap(_ seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let words = [
            "item=0", "name=\"/sys/kernel/uevent_helper\"", "name=2F", "name=(null)", "inode=3662", "inode=3600",
            "dev=00:45",
            "mode=060660", "mode=040755", "rdev=08:01", "nametype=PARENT", "nametype=NORMAL", "nametype=CREATE",
            "cwd=\"/\"",
            "cwd=\"../..\"", "oflag=01", "arch=c000003e", "syscall=257", "exit=-13", "a0=ffffff9c", "uring_op=18", "=",
            "\"", "'",
            "x='", "\u{1D}", "name=\"..\"", "name=\"\"", "syscall=165", "key=",
        ]
        let types: [UInt16] = [1300, 1302, 1302, 1302, 1307, 1336, 1337]
        for _ in 0..<500 {
            var records: [(UInt16, String)] = [call(random.next() % 2 == 0 ? 257 : 165, exit: -13, items: 2)]
            if random.next() % 4 == 0 { records = [(1336, Self.uring)] }
            for _ in 0..<(random.next() % 6) {
                let body = (0..<(random.next() % 10)).map { _ in words[Int(random.next() % UInt64(words.count))] }
                records.append((types[Int(random.next() % UInt64(types.count))], body.joined(separator: " ")))
            }
            #expect(try normalize(records) != nil)
        }
    }
}
