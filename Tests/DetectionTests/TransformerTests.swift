import Detection
import EventModel
import Testing

/// Transformers, `val()`, modifiers of operators and arguments of fields, in conditions and outputs.
@Suite struct TransformerTests {
    /// The process is `cat` with these arguments, its parent `sh`; the file is `/etc/Shadow.TXT`.
    private let who = Samples.inside(commandLine: ["/bin/cat", "-l", "-e", "/bin/sh", "--long", "-xval", "file", "-z"])

    private func isTrue(_ condition: String, _ before: String = "") throws -> Bool {
        var event = Samples.open("/etc/Shadow.TXT", flags: 1)
        event.rawName = event.append("L2Jpbi9zaA==")
        let rules = try Samples.ruleSet("evt.type = openat and " + condition, before: before)
        return Samples.names(rules, event, who) == ["Test"]
    }

    @Test(arguments: [
        ("tolower(fd.name) = /etc/shadow.txt", true), ("tolower(fd.name) = /etc/Shadow.TXT", false),
        ("toupper(proc.name) = CAT", true), ("toupper(proc.name) in (DOG, CAT)", true),
        ("basename(fd.name) = Shadow.TXT", true), ("basename(proc.exe) = cat", true),
        ("basename(proc.name) = cat", true),
        ("tolower(basename(fd.name)) startswith shadow", true), ("b64(fd.nameraw) = /bin/sh", true),
        ("b64(fd.name) exists", false), ("b64(\"YQ\") = a", true), ("b64(\"YQ=\") = a", false),
        ("b64(\"\") = ''", true),
        ("len(fd.name) = 15", true), ("len(fd.name) > 15", false), ("len(\"abc\") in (1, 3)", true),
        ("len((\"a\", \"b\")) = 2", true), ("len(()) = 0", true), ("len(k8s.pod.name) >= 0", false),
        ("not len(k8s.pod.name) >= 0", true), ("concat(proc.pname, \"/\", proc.name) = sh/cat", true),
        ("concat(proc.name, k8s.pod.name) exists", false), ("join(\",\", (proc.pname, proc.name)) = 'sh,cat'", true),
        ("join(\",\", ()) = ''", true),
        ("join(\",\", (proc.pid, evt.failed, evt.rawres)) = '4321,false,3'", true),
        ("join(\"\", (tolower(fd.filename), \"x\")) endswith txtx", true),
        ("toupper(concat(\"a\", proc.name)) = ACAT", true), ("len(join(\",\", (\"a\", \"b\"))) = 3", true),
        ("(toupper(\"a\", \"b\") = A)", false),
    ])
    func transformers(condition: String, expected: Bool) throws {
        guard !condition.contains("toupper(\"a\", \"b\")") else {
            #expect(throws: RuleErrors.self) { try isTrue(condition) }
            return
        }
        #expect(try isTrue(condition) == expected)
    }

    @Test(arguments: [
        ("getopt(proc.args, \"le:x:z:\")[e] = /bin/sh", true), ("getopt(proc.args, \"le:x:\")[x] = val", true),
        ("getopt(proc.args, \"le:x:\")[l] = l", true), ("getopt(proc.args, \"lex\")[e] exists", true),
        // The first word that is no option ends them.
        ("getopt(proc.args, \"le:x:z\")[z] exists", false), ("getopt(proc.args, \"lex\")[x] exists", false),
        ("getopt(proc.args, \"le:\")[q] exists", false),
        ("getopt((\"-a\", \"-b\", \"v\", \"-c\"), \"ab:c\") intersects (v)", true),
        ("getopt((\"-a\", \"-b\", \"v\", \"-c\"), \"ab:c\") in (a, b, c, v)", true),
        ("getopt((\"-a\", \"-b\", \"v\", \"-c\"), \"ab:c\") in (a, b, c)", false),
        ("getopt((\"-ab\", \"v\"), \"ab:\")[b] = v", true),
        ("getopt((\"-a\", \"--\", \"-b\"), \"ab\")[b] exists", false),
        ("getopt((\"-b\"), \"b:\")[b] = ''", true), ("getopt((\"-q\"), \"b\") in (\"?\")", true),
        ("getopt((\"-b1\", \"-b2\"), \"b:\")[b] = 2", true), ("len(getopt((\"-a\", \"-b1\"), \"ab:\")) = 3", true),
        ("join(\" \", getopt((\"-a\", \"-b1\"), \"ab:\")) = 'a b 1'", true),
    ])
    func getopt(condition: String, expected: Bool) throws {
        #expect(try isTrue(condition) == expected)
    }

    @Test(arguments: [
        ("proc.name = val(proc.name)", true), ("proc.name = val(proc.pname)", false),
        ("proc.name != val(proc.pname)", true), ("proc.exe endswith val(proc.name)", true),
        ("fd.name contains val(fd.filename)", true), ("fd.name startswith val(fd.directory)", true),
        ("fd.directory startswith val(fd.name)", false), ("fd.name icontains tolower(fd.filename)", true),
        ("tolower(fd.name) = tolower(fd.name)", true), ("proc.name in val(proc.name)", true),
        ("proc.name intersects concat(\"c\", \"at\")", true), ("fd.name glob concat(fd.directory, \"/*\")", true),
        ("proc.pid > val(proc.ppid)", true), ("proc.pid <= val(proc.ppid)", false), ("proc.pid = val(proc.pid)", true),
        ("len(fd.name) > len(fd.directory)", true), ("evt.failed = val(evt.is_open_read)", true),
        ("evt.failed != val(evt.is_open_write)", true),
        // What is missing on the right makes it false as well.
        ("proc.name != val(k8s.pod.name)", false), ("k8s.pod.name = val(k8s.pod.name)", false),
    ])
    func rightSides(condition: String, expected: Bool) throws {
        #expect(try isTrue(condition) == expected)
    }

    @Test(arguments: [
        ("fd.name startswith anyof (/x, /etc)", true), ("fd.name startswith anyof (/x, /y)", false),
        ("fd.name startswith anyof ()", false), ("fd.name startswith oneof (/etc, /y)", true),
        ("fd.name startswith oneof (/etc, /)", false), ("fd.name contains allof (Sha, TXT)", true),
        ("fd.name contains allof (Sha, txt)", false), ("fd.name icontains allof (Sha, txt)", true),
        ("proc.name != allof (dog, cow)", true), ("proc.name != allof (dog, cat)", false),
        ("proc.name != anyof (dog, cat)", true), ("proc.name = anyof (dog, cat)", true),
        ("proc.name = oneof (cat, cat)", false), ("proc.name == oneof (cat, dog)", true),
        ("fd.name regex anyof ('/x.*', '/etc/.*')", true), ("fd.name regex allof ('.*TXT', '/etc/.*')", true),
        ("fd.name endswith anyof (a, .TXT)", true), ("fd.name glob oneof ('*.txt', '*.TXT')", true),
        ("fd.name iglob oneof ('*.txt', '*.TXT')", false), ("fd.name startswith anyof (dirs)", true),
        ("fd.name startswith anyof dirs", true), ("fd.name startswith allof dirs", false),
        ("evt.rawres = anyof (1, 3)", true), ("k8s.pod.name != allof (a)", false), ("fd.name = oneof ()", false),
    ])
    func modifiers(condition: String, expected: Bool) throws {
        let before = "- list: dirs\n  items: [/usr, /etc]\n"
        #expect(try isTrue(condition, condition.contains("dirs") ? before : "") == expected)
    }

    @Test(arguments: [
        ("proc.args[0] = -l", true), ("proc.args[2] = /bin/sh", true), ("proc.args[7] exists", false),
        ("proc.aexe[0] = /bin/cat", true), ("proc.aname[0] = cat", true), ("proc.apid[1] = 4300", true),
        ("proc.apid[2] exists", false), ("proc.pexe exists", false), ("proc.acmdline[1] = sh", true),
        ("proc.aexepath[0] = /usr/bin/cat", true), ("proc.cmdnargs = 7", true),
        ("proc.exeline startswith '/bin/cat -l'", true), ("evt.arg[flags] = O_WRONLY", true),
        ("evt.arg.flags = O_WRONLY", true), ("evt.arg.name exists", true), ("evt.arg.domain exists", false),
        ("evt.rawarg.fd exists", false),
        ("evt.arg[0] exists", false), ("proc.env[PATH] exists", false), ("proc.env exists", false),
        ("container.mount.dest[/etc*] = x", false), ("container.label.app = x", false), ("evt.dir = <", true),
    ])
    func fieldArguments(condition: String, expected: Bool) throws {
        #expect(try isTrue(condition) == expected)
    }

    @Test(arguments: [
        "proc.pid[1] = 1", "proc.args[x] = 1", "evt.arg = 1", "evt.arg.nmae = 1", "container.mount.dest = 1",
        "tolower(proc.aname) = a", "val(proc.name) = a", "join(proc.name, proc.pname) = a", "concat(proc.name) = a",
        "concat(proc.pid, proc.name) = a", "join(\",\", ((fd.name))) = a", "join(proc.name, \"a\") = a", "join() = a",
        "concat((\"a\", \"b\"), \"a\") = a", "getopt((\"-n\"), (\"n\")) intersects (n)", "getopt(proc.name, \"a\") = a",
        "getopt(proc.args, \"a\")[ab] = a",
        "getopt(proc.args, \"a\") = a", "tolower(proc.name)[1] = a", "tolower() = a", "basename(evt.failed) = a",
        "proc.name startswith val(proc.pid)", "proc.name in val(proc.aname)", "fd.name regex val(proc.name)",
        "fd.sip = 300.1.1.1", "fd.sip = example.org", "fd.net = 10.0.0.0/33", "fd.snet in (1.2.3)", "fd.sip > 1",
        "fd.ip = ::1::2", "evt.buffer bcontains xyz", "evt.buffer bcontains abc", "evt.buffer icontains a",
        "proc.name anyof (a)", "static.a = b",
    ])
    func wrong(condition: String) {
        #expect(throws: RuleErrors.self) { try isTrue(condition) }
    }

    @Test(arguments: [
        "fd.sip = 10.0.0.1", "fd.sip = ::1", "fd.ip != fe80::1", "fd.ip in (1.2.3.4, ::ffff:1.2.3.4)",
        "fd.net = 10.0.0.0/8", "fd.snet in (10.0.0.0/8, fe80::/10, 127.0.0.1)", "fd.rnet intersects (::/0)",
        "evt.buffer bcontains cafebabe", "evt.buffer bstartswith 7f", "evt.buffer contains text", "fd.sport = 22",
    ])
    func literalsOfWhatIsNotThere(condition: String) throws {
        #expect(try !isTrue(condition))
    }

    @Test func outputs() throws {
        let output =
            "'%toupper(proc.name)|%5tolower(proc.name)|%len(fd.name)|%join(\",\", (proc.pname, \"x\"))|%proc.args[1]|%getopt(proc.args, \"le:\")[e]|%b64(fd.name)|%evt.arg.request|100%%'"
        let rules = try Samples.ruleSet("evt.type = openat", output: output)
        let alert = rules.alert(rule: 0, event: Samples.open("/ETC/."), attribution: who)
        #expect(alert.output.hasPrefix("CAT|cat  |6|sh,x|-e|/bin/sh|<NA>|<NA>|100% |"))
        #expect(alert.fields.first { $0.name == "toupper(proc.name)" }?.value == .text("CAT"))
        #expect(alert.fields.first { $0.name == "len(fd.name)" }?.value == .number(6))
        #expect(alert.fields.first { $0.name == "evt.arg.request" }?.value == .missing)
        for wrong in ["%tolower(proc.nam)", "%tolower(proc.name", "%evt.arg", "%proc.aname[1", "%", "%5", "a %5 b"] {
            #expect(throws: RuleErrors.self, "\(wrong)") {
                try Samples.ruleSet("evt.type = open", output: "'\(wrong)'")
            }
        }
    }
}
