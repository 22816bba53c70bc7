import EventModel
import KernelEvents
import Testing

/// Execs, sockets, links and descriptors, as a kernel 6.1 told of them.
@Suite struct AuditCallTests {
    private static let identity =
        "ppid=696 pid=730 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) "
        + "ses=4294967295 comm=\"python3\" exe=\"/usr/bin/python3.11\" subj=kernel key=\"nodeagent-x\""
    private static let tail = "ouid=0 ogid=0 rdev=00:00 obj=unlabeled"
    private static let capabilities = "cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"
    private static let cwd: (UInt16, String) = (1307, "cwd=\"/tmp/w\"")

    private func call(_ number: Int, _ rest: String, _ identity: String = Self.identity) -> (UInt16, String) {
        (1300, "arch=c000003e syscall=\(number) \(rest) \(identity)")
    }

    private func path(_ item: Int, _ name: String, _ file: String, _ kind: String) -> (UInt16, String) {
        let file = file.isEmpty ? "" : "\(file) \(Self.tail) "
        return (1302, "item=\(item) name=\(name) \(file)nametype=\(kind) \(Self.capabilities)")
    }

    private func normalize(_ records: [(UInt16, String)]) throws -> KernelEvent {
        var assembler = try AuditAssembler()
        var normalizer = AuditNormalizer()
        var event = KernelEvent()
        var found: KernelEvent?
        for (type, body) in records + [(1320, "")] {
            let payload = Array("audit(1795852164.985:31): \(body)".utf8)
            assembler.add(type: type, payload: payload.span, now: 5) { audit in
                if normalizer.normalize(audit, received: 99, into: &event) { found = event }
            }
        }
        return try #require(found)
    }

    private func words(_ event: KernelEvent) -> [String] {
        event.bytes(event.commandLine).split(separator: 0, omittingEmptySubsequences: false).dropLast()
            .map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func readsTheWordsOfAnExec() throws {
        let event = try normalize([
            call(59, "success=yes exit=0 a0=552abf3770 a1=552ac05cf0 a2=552abff650 a3=8 items=3"),
            (1309, "argc=3 a0=\"/usr/bin/python3\" a1=\"-B\" a2=612062"), Self.cwd,
            path(0, "\"/usr/bin/python3\"", "inode=254587 dev=00:0f mode=0100755", "NORMAL"),
            path(1, "\"/usr/bin/python3\"", "inode=254585 dev=00:0f mode=0120777", "NORMAL"),
            path(2, "\"/lib64/ld-linux-x86-64.so.2\"", "inode=332717 dev=00:0f mode=0100755", "NORMAL"),
        ])
        #expect(event.type == .execve && event.isComplete)
        #expect(words(event) == ["/usr/bin/python3", "-B", "a b"])
        #expect(event.string(event.name) == "/usr/bin/python3" && event.object?.inode == 254587)
        #expect(!event.terminal.isPresent)
    }

    @Test func joinsTheParts() throws {
        let event = try normalize([
            call(59, "success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=0"),
            (1309, "argc=4 a0=\"/bin/sh\" a1=\"/tmp/w/s.sh\" a2_len=12 a2[0]=787879"), (1309, " a2[1]=7A7A"),
            (1309, " a2[2]=61 a3=\"end\""),
        ])
        #expect(words(event) == ["/bin/sh", "/tmp/w/s.sh", "xxyzza", "end"])
        let empty = try normalize([call(59, "success=yes exit=0 items=0"), (1309, "argc=2 a0=\"\" a1=\"x\"")])
        #expect(words(empty) == ["", "x"])
        let none = try normalize([call(59, "success=yes exit=0 items=0")])
        #expect(!none.commandLine.isPresent)
    }

    /// More than an event holds is cut, and what follows has its place.
    @Test func boundsTheWords() throws {
        var records = [call(59, "success=yes exit=0 items=1")]
        for part in 0..<4 {
            let argument = part == 0 ? "argc=2 a0=\"a\" a1_len=30000 a1[0]=" : " a1[\(part)]="
            records.append((1309, argument + String(repeating: "78", count: 3700)))
        }
        records.append(path(0, "\"/x\"", "inode=1 dev=00:0f mode=0100755", "NORMAL"))
        let event = try normalize(records)
        #expect(words(event)[1].utf8.count > 7000)
        #expect(event.string(event.name) == "/x")
    }

    @Test func knowsAProgramInMemory() throws {
        let identity = Self.identity.replacing(
            "exe=\"/usr/bin/python3.11\"", with: "exe=2F6D656D66643A6576696C202864656C6574656429")
        let event = try normalize([
            call(322, "success=yes exit=0 a0=7 a1=40301dd5 a2=40406650 a3=404066e0 items=2", identity),
            (1309, "argc=1 a0=\"fx\""), Self.cwd, path(0, "\"\"", "inode=2 dev=00:01 mode=0100777", "NORMAL"),
            path(1, "\"/dev/fd/7\"", "", "UNKNOWN"),
        ])
        #expect(event.type == .execveat)
        #expect(event.string(event.executable) == "/memfd:evil (deleted)")
    }

    @Test func readsWhatASymbolicLinkLeadsTo() throws {
        let parent = path(0, "\"/tmp/w\"", "inode=2 dev=00:16 mode=040755", "PARENT")
        let made = try normalize([
            call(88, "success=yes exit=0 a0=4053b7d0 a1=4053b110 a2=0 a3=b75e44 items=3"), Self.cwd, parent,
            path(1, "\"../etc\"", "", "UNKNOWN"), path(2, "\"sl2\"", "inode=5 dev=00:16 mode=0120777", "CREATE"),
        ])
        #expect(made.type == .symlink)
        #expect(made.string(made.target) == "../etc" && made.string(made.name) == "/tmp/w/sl2")
        let refused = try normalize([
            call(88, "success=no exit=-17 a0=4053b110 a1=4053b7d0 a2=0 a3=b75f66 items=2"), Self.cwd, parent,
            path(1, "\"/etc\"", "", "UNKNOWN"),
        ])
        #expect(refused.string(refused.target) == "/etc" && refused.result == -17)
    }

    @Test func readsBothNamesOfALinkAndARename() throws {
        let parent = path(0, "\"/tmp/w\"", "inode=2 dev=00:16 mode=040755", "PARENT")
        let link = try normalize([
            call(86, "success=yes exit=0 a0=a5ed20 a1=4053b110 a2=0 a3=b75f02 items=3"), Self.cwd, parent,
            path(1, "\"a\"", "inode=6 dev=00:16 mode=0100644", "NORMAL"),
            path(2, "\"hl2\"", "inode=6 dev=00:16 mode=0100644", "CREATE"),
        ])
        #expect(link.string(link.target) == "/tmp/w/a" && link.string(link.name) == "/tmp/w/hl2")
        let rename = try normalize([
            call(82, "success=yes exit=0 a0=a5ed20 a1=a5ed50 a2=0 a3=40182528 items=4"), Self.cwd, parent,
            path(1, "\"/tmp/w\"", "inode=2 dev=00:16 mode=040755", "PARENT"),
            path(2, "\"a\"", "inode=6 dev=00:16 mode=0100644", "DELETE"),
            path(3, "\"b\"", "inode=6 dev=00:16 mode=0100644", "CREATE"),
        ])
        #expect(rename.string(rename.target) == "/tmp/w/a" && rename.string(rename.name) == "/tmp/w/b")
        let unlink = try normalize([
            call(87, "success=yes exit=0 a0=a5ed50 a1=0 a2=0 a3=40178e68 items=2"), Self.cwd, parent,
            path(1, "\"b\"", "inode=6 dev=00:16 mode=0100644", "DELETE"),
        ])
        #expect(unlink.string(unlink.name) == "/tmp/w/b")
    }

    @Test func readsAddresses() throws {
        func connect(_ exit: Int, _ address: String) throws -> KernelEvent {
            try normalize([
                call(42, "success=\(exit < 0 ? "no" : "yes") exit=\(exit) a0=3 a1=7fbfc60530 a2=10 a3=0 items=0"),
                (1306, "saddr=" + address),
            ])
        }
        let remote = try connect(-101, "020001BB0A0908070000000000000000")
        #expect(remote.descriptor == .ipv4 && remote.transport == .unknown && remote.local == nil)
        #expect(
            remote.remote == SocketAddress(address: IPAddress(version4: 0x0A09_0807), port: 443, isVersion6: false))
        #expect(try connect(-115, "020001BB0A0908070000000000000000").transport == .tcp)
        let six = try connect(0, "0A000050000000000000000000000000000000000000000100000000")
        #expect(six.descriptor == .ipv6 && six.remote?.address == IPAddress(high: 0, low: 1) && six.remote?.port == 80)
        let abstract = try connect(-111, "0100006162737472616374")
        #expect(abstract.descriptor == .unix && abstract.string(abstract.name) == "@abstract")
        // Cut short, and no digits.
        #expect(try connect(0, "0200").remote == nil)
        #expect(try connect(0, "020001BB0A09").remote == nil)
        #expect(try connect(0, "xyz").descriptor == .unknown)
        let bound = try normalize([
            call(49, "success=yes exit=0 a0=4 a1=7fbfc60530 a2=10 a3=401789a0 items=0"),
            (1306, "saddr=020000507F0000010000000000000000"),
        ])
        #expect(bound.local?.port == 80 && bound.remote == nil)
    }

    @Test func knowsSocketsByTheirArguments() throws {
        func made(_ arguments: String) throws -> (DescriptorKind, Transport) {
            let event = try normalize([call(41, "success=yes exit=3 \(arguments) a3=0 items=0")])
            return (event.descriptor, event.transport)
        }
        #expect(try made("a0=11 a1=3 a2=300") == (.packet, .unknown))
        #expect(try made("a0=2 a1=80801 a2=0") == (.ipv4, .tcp))
        #expect(try made("a0=a a1=2 a2=11") == (.ipv6, .udp))
        #expect(try made("a0=2 a1=3 a2=1") == (.ipv4, .raw))
        #expect(try made("a0=1 a1=1 a2=0") == (.unix, .unknown))
    }

    @Test(
        arguments: [
            (32, "c000003e", .dup), (33, "c000003e", .dup2), (292, "c000003e", .dup3), (101, "c000003e", .ptrace),
            (313, "c000003e", .finitModule), (435, "c000003e", .clone3), (105, "c000003e", .setuid),
            (0x4000_0209, "c000003e", .ptrace), (363, "40000003", .listen), (213, "40000003", .setuid),
            (117, "c00000b7", .ptrace), (24, "c00000b7", .dup3), (425, "c00000b7", .ioUringSetup),
        ] as [(Int, String, EventType)])
    func knowsTheirNumbers(_ number: Int, _ arch: String, _ type: EventType) throws {
        let record = (
            UInt16(1300),
            "arch=\(arch) syscall=\(number) success=yes exit=1 a0=1 a1=1 a2=1 a3=1 items=0 \(Self.identity)"
        )
        #expect(try normalize([record]).type == type)
    }
}
