import Detection
import EventModel
import Testing

/// What execs, sockets, links and their like tell, in Falco's fields.
@Suite struct CallFieldsTests {
    private static func exec(_ words: [String], _ executable: String = "/usr/bin/nc", comm: String = "nc")
        -> KernelEvent
    {
        var event = Samples.event(.execve, name: executable, result: 0)
        event.comm = event.append(comm)
        event.executable = event.append(executable)
        event.workingDirectory = event.append("/dev/shm")
        let start = event.textEnd
        for word in words {
            _ = event.append(word)
            event.appendByte(0)
        }
        event.commandLine = event.range(from: start)
        return event
    }

    private static func connection(_ remote: String) -> KernelEvent {
        var event = Samples.event(.connect, result: 0)
        event.descriptor = .ipv4
        event.remote = IPAddress(remote).map { SocketAddress(address: $0, port: 443, isVersion6: false) }
        return event
    }

    /// The record's words count, not those that `/proc` has by the time that it is read.
    @Test(arguments: [
        ("proc.name = nc", true), ("proc.exe = /bin/nc", true), ("proc.args = '-e  x'", true),
        ("proc.cmdline = 'nc -e  x'", true), ("proc.exeline = '/bin/nc -e  x'", true), ("proc.cmdnargs = 3", true),
        ("proc.args[0] = -e", true), ("proc.args[1] = ''", true), ("proc.args[3] exists", false),
        ("proc.args contains cat", false), ("proc.exepath = /usr/bin/nc", true), ("proc.cwd = /dev/shm/", true),
        ("proc.tty = 0", true), ("proc.is_exe_from_memfd = true", false), ("proc.is_exe_from_memfd = false", true),
        ("getopt(proc.args, 'e:')[e] = ''", true), ("evt.arg.filename = /usr/bin/nc", true),
    ])
    func wordsOfAnExec(condition: String, expected: Bool) throws {
        let event = Self.exec(["/bin/nc", "-e", "", "x"])
        #expect(try Samples.isTrue("evt.type = execve and " + condition, event, Samples.inside()) == expected)
    }

    /// What the record tells decides without waiting for who it was.
    @Test func mostProgramsAreNoCandidates() throws {
        let rules = try Samples.ruleSet("evt.type = execve and proc.name = nc and proc.args contains -e")
        var candidates: [Int] = []
        rules.candidates(for: Self.exec(["ls", "-e"], "/bin/ls", comm: "ls"), into: &candidates)
        #expect(candidates.isEmpty)
        rules.candidates(for: Self.exec(["nc", "-e"]), into: &candidates)
        #expect(candidates == [0])
        // Without a record of the words it is not known yet.
        rules.candidates(for: Samples.event(.execve, result: 0), into: &candidates)
        #expect(candidates == [0])
    }

    @Test func programInMemoryAndInALayer() throws {
        let event = Self.exec(["x"], "/memfd:evil (deleted)")
        #expect(try Samples.isTrue("evt.type = execve and proc.is_exe_from_memfd = true", event, Samples.inside()))
        var who = Samples.inside()
        #expect(try !Samples.isTrue("evt.type = execve and proc.is_exe_upper_layer exists", event, who))
        who.isProgramInUpperLayer = true
        #expect(try Samples.isTrue("evt.type = execve and proc.is_exe_upper_layer = true", event, who))
        #expect(
            try Samples.isTrue("evt.type = execve and evt.arg.flags = EXE_UPPER_LAYER|EXE_FROM_MEMFD", event, who))
    }

    @Test func rightsAndTimes() throws {
        var who = Samples.inside()
        who.process?.capabilities = ProcessCapabilities(
            permitted: CapabilitySet(names: ["CAP_SYS_ADMIN", "CAP_SYS_MODULE"]),
            effective: CapabilitySet(names: ["CAP_SYS_MODULE"]), inheritable: [])
        who.process?.executableTimes = FileTimes(modified: 5, changed: 7)
        who.process?.executable = FileID(device: DeviceNumber(major: 0, minor: 1), inode: 9)
        (who.groupName, who.loginName) = ("wheel", "alice")
        who.process?.key.startTime = 100
        who.clockOffset = 1_748_557_198_960_296_886 - 6_000_000_000
        let event = Self.exec(["x"])
        for condition in [
            "thread.cap_effective icontains sys_module", "thread.cap_permitted = 'CAP_SYS_MODULE CAP_SYS_ADMIN'",
            "not thread.cap_effective contains CAP_SYS_ADMIN", "thread.cap_inheritable = ''",
            "proc.exe_ino.ctime = 7 and proc.exe_ino.mtime = 5 and proc.exe_ino = 9", "group.name = wheel",
            "user.loginname = alice", "proc.duration = 5000000000", "proc.ppid.duration >= 0",
        ] {
            #expect(try Samples.isTrue("evt.type = execve and " + condition, event, who), "\(condition)")
        }
    }

    @Test(arguments: [
        ("fd.typechar = 4", true), ("fd.type in (ipv4, ipv6)", true), ("fd.ip = 10.9.8.7", true),
        ("fd.ip != 0.0.0.0", true), ("fd.net != 127.0.0.0/8", true), ("fd.snet in (10.0.0.0/8)", true),
        ("not fd.snet in (192.168.0.0/16, 172.16.0.0/12)", true), ("fd.sip in (10.9.8.7, ::1)", true),
        ("fd.sport = 443", true), ("fd.rport in (80, 443)", true), ("fd.cip exists", false), ("fd.lport exists", false),
        ("fd.l4proto exists", false), ("fd.name = '->10.9.8.7:443'", true), ("fd.is_server = false", true),
        ("fd.connected = true", true), ("fd.sockfamily = ip", true), ("fd.net = 10.9.8.7/32", true),
        ("fd.ip = val(fd.rip)", true), ("fd.sip != val(fd.rip)", false),
    ])
    func connectionToAServer(condition: String, expected: Bool) throws {
        let event = Self.connection("10.9.8.7")
        #expect(try Samples.isTrue("evt.type = connect and " + condition, event, Samples.inside()) == expected)
    }

    /// Looked up, it has both ends; until then they are not known yet.
    @Test func bothEnds() throws {
        let rules = try Samples.ruleSet("evt.type = connect and fd.l4proto = tcp and fd.lport = 4711")
        var event = Self.connection("10.9.8.7")
        var candidates: [Int] = []
        rules.candidates(for: event, into: &candidates)
        #expect(candidates == [0])
        event.transport = .tcp
        event.local = IPAddress("10.0.0.1").map { SocketAddress(address: $0, port: 4711, isVersion6: false) }
        #expect(Samples.names(rules, event, Samples.inside()) == ["Test"])
        #expect(
            try Samples.isTrue(
                "evt.type = connect and fd.name = '10.0.0.1:4711->10.9.8.7:443' and fd.cport = 4711 and fd.ip = 10.0.0.1",
                event, Samples.inside()))
        event.transport = .udp
        rules.candidates(for: event, into: &candidates)
        #expect(candidates.isEmpty)
    }

    @Test func serverOfTheKubernetesAPI() throws {
        let condition = "evt.type = connect and fd.sip.name = kubernetes.default.svc.cluster.local"
        var container = try #require(Samples.container())
        let event = Self.connection("10.96.0.1")
        #expect(try !Samples.isTrue(condition, event, Samples.inside(container)))
        container.kubernetesService = IPAddress("10.96.0.1")
        #expect(try Samples.isTrue(condition, event, Samples.inside(container)))
        #expect(try !Samples.isTrue(condition, Self.connection("10.96.0.2"), Samples.inside(container)))
    }

    @Test func argumentsByName() throws {
        var trace = Samples.event(.ptrace, result: 0)
        trace.arguments = [16, 77, 0, 0]
        #expect(try Samples.isTrue("evt.arg.request contains PTRACE_ATTACH and evt.arg.pid = 77", trace, Samples.host))
        var socket = Samples.event(.socket, result: 3)
        socket.arguments = [17, 3, 0, 0]
        #expect(try Samples.isTrue("evt.arg.domain contains AF_PACKET", socket, Samples.host))
        var link = Samples.event(.symlinkat, name: "/tmp/x", result: 0)
        link.target = link.append("/etc/shadow")
        #expect(
            try Samples.isTrue("evt.arg.target in (/etc/shadow) and evt.arg.linkpath = /tmp/x", link, Samples.host))
        #expect(try !Samples.isTrue("evt.arg.oldpath exists", link, Samples.host))
        var hard = Samples.event(.link, name: "/tmp/x", result: 0)
        hard.target = hard.append("/etc/shadow")
        #expect(try Samples.isTrue("evt.arg.oldpath = /etc/shadow and evt.arg.newpath = /tmp/x", hard, Samples.host))
        var dup = Samples.event(.dup2, result: 1)
        dup.arguments = [7, 1, 0, 0]
        dup.descriptor = .ipv6
        #expect(try Samples.isTrue("evt.rawres in (0, 1, 2) and fd.type = ipv6 and fd.num = 1", dup, Samples.host))
    }
}
