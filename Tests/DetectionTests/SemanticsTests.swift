import Detection
import EventModel
import Testing

/// What operators and missing fields mean: Falco's semantics.
@Suite struct SemanticsTests {
    private let event = Samples.open("/etc/shadow", flags: 0o2000001, result: -13)

    @Test(arguments: [
        ("fd.name = /etc/shadow", true), ("fd.name == /etc/shadow", true), ("fd.name != /etc/shadow", false),
        ("fd.name contains tc/sh", true), ("fd.name contains TC", false), ("fd.name icontains TC", true),
        ("fd.name contains ''", true), ("fd.name startswith /etc", true), ("fd.name endswith shadow", true),
        ("fd.name endswith /etc", false), ("fd.name in (/a, /etc/shadow)", true), ("fd.name in ()", false),
        ("fd.name intersects (/etc/shadow)", true), ("fd.name pmatch (/etc)", true), ("fd.name pmatch (/et)", false),
        ("fd.name pmatch (/etc/shadow/)", true), ("fd.name pmatch (/)", true), ("fd.name glob /etc/*", true),
        ("fd.name glob '/etc/sh?do[v-x]'", true), ("fd.name glob /etc", false), ("fd.name iglob /ETC/*OW", true),
        ("fd.name glob '*[!w]'", false), ("fd.name glob '/etc/[shadow'", false), ("fd.filename = shadow", true),
        ("fd.directory = /etc", true), ("evt.rawres = -13", true), ("evt.rawres < 0", true),
        ("evt.rawres >= -13", true),
        ("evt.rawres in (-13, 0)", true), ("evt.rawres = -0xd", false), ("evt.rawres > -13", false),
        ("evt.res = EACCES", true), ("evt.res startswith E", true), ("evt.failed = true", true),
        ("evt.failed != true", false), ("evt.failed in (true, false)", true), ("evt.is_open_write = true", true),
        ("evt.is_open_read = true", false), ("evt.arg.flags = O_WRONLY|O_CLOEXEC", true), ("fd.num = -1", true),
        ("fd.typechar = 'f'", true), ("evt.type in (open, openat)", true), ("evt.type = ptrace", false),
        ("evt.type != ptrace", true), ("evt.type startswith open", true), ("proc.aname = sh", true),
        ("proc.aname[1] = sh", true), ("proc.aname[2] exists", false), ("proc.aname[0] = cat", true),
        ("proc.pname = sh", true), ("proc.cmdline = 'cat x'", true), ("proc.args = x", true), ("proc.vpid = 7", true),
        ("user.loginuid = -1", true), ("container.id = c8a1e44e20da", true), ("container.id != host", true),
        ("container.image.repository = docker.io/nginx", true), ("container.image.tag = 1.27", true),
        ("attribution.certainty = certain", true), ("evt.time = 1748557198960296886", true),
    ])
    func operators(condition: String, expected: Bool) throws {
        // A negative hexadecimal number is none: told at load.
        guard condition != "evt.rawres = -0xd" else {
            #expect(throws: RuleErrors.self) { try Samples.ruleSet(condition) }
            return
        }
        #expect(try Samples.isTrue(condition, event, Samples.inside()) == expected)
    }

    /// Falco's own cases.
    @Test(arguments: [
        ("/opt/dir", true), ("/opt/dir/subdir", true), ("/opt/dir2", false), ("/opt/dir, /opt/dir2", true),
        ("/opt/dir3, /opt/dir2", false), ("/opt/*", true), ("/opt/*/subdir", true), ("/opt/di?/subdir", true),
        ("/opt/dii?/subdir", false), ("/opt/di[r]/subdir", true), ("/opt/di[!r]/subdir", false),
        ("/opt/di[t]/subdir", false), ("/opt/di/subdir", false), ("/opt/*/subdir2", false), ("/opt/*/*", true),
        ("/opt/*/*/subsubdir", false), ("/opt/*/*/*/*", false), ("/x, /o*, /y", true), ("*", true), ("/", true),
        ("//opt//dir/", true), ("/op", false), ("/opt/dir/subdir/file.txt/x", false), ("opt*dir", false),
    ])
    func paths(list: String, expected: Bool) throws {
        let event = Samples.open("/opt/dir/subdir/file.txt")
        #expect(
            try Samples.isTrue("evt.type = openat and fd.name pmatch (\(list))", event, Samples.inside()) == expected)
    }

    @Test(arguments: ["k8s.pod.name", "container.declares_device", "fd.proc.pid", "fd.proc.same_container"])
    func missingMakesEveryComparisonFalse(field: String) throws {
        let value = field == "fd.proc.pid" ? "1" : field == "k8s.pod.name" ? "x" : "true"
        let isTrue = { (condition: String) in try Samples.isTrue(condition, event, Samples.inside()) }
        #expect(try !isTrue("\(field) = \(value)"))
        #expect(try !isTrue("\(field) != \(value)"))
        #expect(try !isTrue("\(field) in (\(value))"))
        #expect(try !isTrue("\(field) exists"))
        #expect(try isTrue("not \(field) = \(value)"))
        #expect(try isTrue("not \(field) exists"))
    }

    @Test func hostAndUnknown() throws {
        #expect(try Samples.isTrue("container.id = host", event, Samples.host))
        #expect(try !Samples.isTrue("container.id != host", event, Samples.host))
        let unknown = Attribution(certainty: .unknown)
        #expect(try !Samples.isTrue("container.id exists", event, unknown))
        var gone = Samples.host
        gone.certainty = .inherited
        #expect(try !Samples.isTrue("container.id = host", event, gone))
    }

    @Test func fieldsOfFanotify() throws {
        let event = Samples.event(.open, source: .fanotify, name: "/proc/1/environ", result: nil)
        let who = Samples.inside()
        #expect(try !Samples.isTrue("evt.is_open_read exists or evt.is_open_write exists", event, who))
        #expect(try Samples.isTrue("evt.failed = false and evt.res = SUCCESS and not evt.rawres exists", event, who))
        var creat = Samples.event(.creat, name: "/x")
        creat.creationMode = 0o644
        #expect(try Samples.isTrue("evt.is_open_write = true and evt.arg.mode = 0644", creat, who))
    }

    @Test func devices() throws {
        var event = Samples.event(.mknod, name: "/x", result: -1)
        event.creationMode = 0o060600
        event.arguments = [0, 0o060600, (259 << 8) | 3 | (1 << 20), 0]
        #expect(try Samples.isTrue("file.node = 259:259 and node.type = block", event, Samples.inside()))
        event.object = Samples.disk
        #expect(
            try Samples.isTrue(
                "fd.dev.major = 0 and fd.dev.minor = 5 and fd.ino = 131 and syscall.type = mknod and evt.rawtime > 1",
                event,
                Samples.inside()))
        #expect(
            try Samples.isTrue(
                "file.node = 8:1 and file.device = 0:5 and file.type = block and file.inode = 131", event,
                Samples.inside()))
        var config = Samples.event(.fsconfig)
        config.arguments = [3, 6, 0, 0]
        #expect(try Samples.isTrue("evt.arg.cmd = FSCONFIG_CMD_CREATE", config, Samples.inside()))
    }

    @Test func cgroupsOfALeaving() throws {
        var event = Samples.event(.cgroupLeave, source: .inventory, result: nil)
        event.cgroups = event.append("unified=/user.slice")
        let who = Samples.inside()
        #expect(try Samples.isTrue("evt.type = cgroup_leave and evt.arg.cgroups contains user.slice", event, who))
        #expect(try Samples.isTrue("evt.source = inventory and not fd.name exists", event, who))
        #expect(try !Samples.isTrue("evt.arg.cgroups exists", Samples.event(.mount), who))
        event.reset()
        #expect(!event.cgroups.isPresent)
    }

    /// What an event's flags, mode and error look like as texts.
    @Test func textsOfNumbers() throws {
        let field = { (id: FieldID, event: KernelEvent) in
            FieldExtraction.value(of: id, index: -1, event: event, attribution: nil)
        }
        for (flags, text) in [
            (0, "O_RDONLY"), (1, "O_WRONLY"), (2, "O_RDWR"), (3, "O_ACCMODE"), (0o4010000, "O_RDONLY|O_SYNC"),
            (0o10000, "O_RDONLY|O_DSYNC"), (0x8_0000_0001, "O_WRONLY|0x800000000"),
            (0xA000_0000, "O_RDONLY|0xa0000000"),
        ] {
            #expect(field(.evtArgFlags, Samples.open("/x", flags: UInt64(flags))) == .text(text))
        }
        for (mode, text) in [(0, "00"), (0o644, "0644"), (0o060660, "060660"), (4_294_967_295, "037777777777")] {
            var event = Samples.event(.creat)
            event.creationMode = UInt32(mode)
            #expect(field(.evtArgMode, event) == .text(text))
        }
        for (result, text) in [(0, "SUCCESS"), (-2, "ENOENT"), (-4095, "-4095"), (Int64.min, "-9223372036854775808")] {
            #expect(field(.evtRes, Samples.open("/x", result: Int64(result))) == .text(text))
        }
        var event = Samples.event(.mount)
        event.object = FileObject(
            deviceMajor: .max, deviceMinor: 0, inode: .max, mode: 0o060600, nodeMajor: 10, nodeMinor: 100)
        #expect(field(.fileDevice, event) == .text("4294967295:0") && field(.fileNode, event) == .text("10:100"))
        #expect(field(.fileInode, event) == .number(.max))
    }

    /// In Falco no event has the number 0, and rules name it for what is never to be true.
    @Test func neverTrue() throws {
        for condition in ["evt.num = 0", "evt.num in (0)", "evt.num <= 0"] {
            #expect(try !Samples.isTrue("evt.type = openat and \(condition)", event, Samples.inside()), "\(condition)")
        }
        #expect(try Samples.isTrue("evt.type = openat and not evt.num = 0", event, Samples.inside()))
    }

    @Test func itemsOfLists() throws {
        // As Falco writes them into the condition: quotes are undone, blanks make quotes, commas make several.
        let before = """
            - list: l
              items: ['"(cat)"', "a b", 'x, cat', "'dog'", 5]
            """
        for (text, expected) in [
            ("(cat)", true), ("a b", true), ("x, cat", true), ("dog", true), ("5", true), ("'dog'", false),
            ("cat", false),
        ] {
            let name = text.replacing("'", with: "\\'")
            let rules = try Samples.ruleSet("evt.type = openat and concat(\"\", '\(name)') in (l)", before: before)
            #expect(Samples.names(rules, event, Samples.inside()).isEmpty != expected, "\(text)")
        }
    }

    @Test func listsAndMacros() throws {
        let before = """
            - list: inner
              items: [cat, "a b", 5]
            - list: outer
              items: [dog, inner]
            - macro: m
              condition: proc.name in (outer)
            - list: empty
              items: []
            """
        for (condition, expected) in [
            ("m", true), ("not m", false), ("proc.name in (empty)", false), ("proc.name in (empty, outer, x)", true),
            ("proc.name in outer", true), ("proc.name in ('outer')", false),
        ] {
            let rules = try Samples.ruleSet(condition, before: before)
            #expect(Samples.names(rules, event, Samples.inside()).isEmpty != expected, "\(condition)")
        }
        // A later list of the same name is seen by what stands before it.
        let rules = try RuleSet(files: [
            ("a", before + "\n- rule: R\n  desc: d\n  condition: m\n  output: x\n  priority: INFO\n"),
            ("b", "- list: inner\n  items: [cow]\n"),
        ])
        #expect(Samples.names(rules, event, Samples.inside()).isEmpty)
    }

    @Test func replacedAndDisabledRules() throws {
        let rule = { (condition: String) in
            "- rule: R\n  desc: d\n  condition: \(condition)\n  output: x\n  priority: INFO\n"
        }
        let twice = try RuleSet(files: [("a", rule("evt.failed = true")), ("b", rule("evt.failed = false"))])
        #expect(twice.rules.count == 1)
        #expect(twice.rules.first?.file == "b")
        #expect(Samples.names(twice, event, Samples.inside()) == [])
        let off = try RuleSet(files: [("a", rule("evt.failed = true")), ("b", "- rule: R\n  enabled: false\n")])
        #expect(!off.wants(.open))
        #expect(Samples.names(off, event, Samples.inside()) == [])
        #expect(off.auditPlan.isEmpty && off.markPlan.isEmpty)
    }

    @Test func catalogNamesEveryFieldOnce() {
        #expect(
            FieldCatalog.all.map(\.id).sorted { $0.rawValue < $1.rawValue }
                == FieldID.allCases.sorted { $0.rawValue < $1.rawValue })
        #expect(FieldCatalog.all.allSatisfy { !$0.description.isEmpty && !$0.example.isEmpty })
    }

    @Test func warnings() throws {
        #expect(try Samples.ruleSet("evt.type = flock").warnings.count == 1)
        let near = "- list: known_privileged_images\n  items: []\n"
        let warnings = try Samples.ruleSet(
            "evt.type = container and container.image in (known_priviledged_images)", before: near
        ).warnings
        #expect(warnings.map(\.kind) == [.unused, .unknownName])
    }
}
