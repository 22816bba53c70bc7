import Detection
import EventModel
import Testing

/// `config/rules/escape.yaml`: for each rule an attack and its near miss.
@Suite struct ShippedRulesTests {
    let rules: RuleSet

    init() throws {
        rules = try RuleSet(files: [("escape.yaml", TestFiles.ofRepository("config/rules/escape.yaml"))])
    }

    private let privileged = "Privileged Container Started"
    private let knownImage = "Privileged Container Started (known image)"
    private let mounted = "Host Block Device Mounted in Container"
    private let openedByPath = "Host Block Device Opened by Path in Container"
    private let helper = "Write to uevent_helper"
    private let environ = "Read of /proc/1/environ in Container"
    private let outside = "Read of /proc/1/environ in Container (outside process)"
    private let left = "Process Left Container Cgroup"

    private func fired(_ event: KernelEvent, _ attribution: Attribution) -> [String] {
        Samples.names(rules, event, attribution)
    }

    @Test func loadsWithoutWarning() {
        #expect(rules.rules.count == 8)
        #expect(rules.warnings.isEmpty)
        #expect(rules.rules.allSatisfy { $0.isEnabled && $0.tags.contains("T1611") && !$0.eventTypes.isEmpty })
    }

    @Test func privilegedContainer() throws {
        let start = Samples.event(.container, source: .inventory, result: nil)
        #expect(fired(start, Samples.inside(Samples.container(privileged: true))) == [privileged])
        #expect(fired(start, Samples.inside(Samples.container(privileged: true, image: nil))) == [privileged])
        #expect(fired(start, Samples.inside(Samples.container(privileged: false))) == [])
        #expect(fired(start, Samples.inside(Samples.container(privileged: nil))) == [])
        var sandbox = try #require(Samples.container(privileged: true))
        sandbox.isSandbox = true
        #expect(fired(start, Samples.inside(sandbox)) == [])
        #expect(fired(Samples.event(.execve), Samples.inside(Samples.container(privileged: true))) == [])
    }

    @Test func knownPrivilegedImage() throws {
        let known = """
            - list: known_privileged_images
              items: [docker.io/nginx]
            """
        let text = try TestFiles.ofRepository("config/rules/escape.yaml")
        let rules = try RuleSet(files: [("escape.yaml", text), ("local.yaml", known)])
        let start = Samples.event(.container, source: .inventory, result: nil)
        let container = Samples.container(privileged: true)
        #expect(Samples.names(rules, start, Samples.inside(container)) == [knownImage])
        let other = Samples.container(privileged: true, image: "docker.io/nginx-evil:1.27")
        #expect(Samples.names(rules, start, Samples.inside(other)) == [privileged])
    }

    /// As nodeagent-rules(5) shows it.
    @Test func exceptionOfALocalFile() throws {
        let local = """
            - rule: Host Block Device Mounted in Container
              exceptions:
                - name: backup
                  fields: [proc.name, container.image.repository]
                  values:
                    - [cat, docker.io/nginx]
              override: {exceptions: append}
            """
        let text = try TestFiles.ofRepository("config/rules/escape.yaml")
        let rules = try RuleSet(files: [("escape.yaml", text), ("local.yaml", local)])
        var event = Samples.event(.mount, name: "/dev/sda1", result: 0)
        event.object = Samples.disk
        #expect(Samples.names(rules, event, Samples.inside()) == [])
        #expect(Samples.names(rules, event, Samples.inside(Samples.container(image: "x"))) == [mounted])
        #expect(rules.auditPlan == self.rules.auditPlan && rules.warnings.isEmpty)
    }

    @Test(arguments: [EventType.mount, .fsconfig, .moveMount])
    func blockDeviceMounted(type: EventType) {
        var event = Samples.event(type, name: "/dev/sda1", result: 0)
        event.object = Samples.disk
        #expect(fired(event, Samples.inside()) == [mounted])
        event.result = -1
        #expect(fired(event, Samples.inside()) == [mounted])
        #expect(fired(event, Samples.inside(setup: true)) == [])
        #expect(fired(event, Samples.host) == [])
        event.object = Samples.object(mode: 0o040755)
        #expect(fired(event, Samples.inside()) == [])
    }

    @Test func blockDeviceOpened() throws {
        var event = Samples.open("/tmp/innocent", result: -1)
        event.object = Samples.disk
        #expect(fired(event, Samples.inside()) == [mounted])
        event.openFlags = 0o10000000
        #expect(fired(event, Samples.inside()) == [openedByPath])
        event.openFlags = 2
        var declared = try #require(Samples.container())
        declared.declaredDevices = [DeviceNumber(major: 8, minor: 1)]
        #expect(fired(event, Samples.inside(declared)) == [])
        declared.privileges = ContainerPrivileges(verdict: .privileged)
        #expect(fired(event, Samples.inside(declared)) == [mounted])
        declared.privileges = ContainerPrivileges(verdict: .restricted)
        declared.declaredDevices = [DeviceNumber(major: 8, minor: 2)]
        #expect(fired(event, Samples.inside(declared)) == [mounted])
        event.object = Samples.object(mode: 0o020666, node: DeviceNumber(major: 1, minor: 3))
        #expect(fired(event, Samples.inside()) == [])
    }

    @Test func blockDeviceNodeMade() {
        var event = Samples.event(.mknodat, name: "/tmp/x", result: -1)
        event.creationMode = 0o060660
        event.arguments = [0, 0, 0o060660, 0x801]
        #expect(fired(event, Samples.inside()) == [mounted])
        #expect(fired(event, Samples.host) == [])
        event.creationMode = 0o020660
        #expect(fired(event, Samples.inside()) == [])
    }

    @Test func ueventHelper() {
        let path = "/sys/kernel/uevent_helper"
        #expect(fired(Samples.event(.write, source: .fanotify, name: path, result: nil), Samples.inside()) == [helper])
        #expect(fired(Samples.open(path, flags: 0o1101), Samples.inside()) == [helper])
        #expect(fired(Samples.open(path, flags: 1, result: -13), Samples.inside()) == [helper])
        #expect(fired(Samples.open("/mnt/kernel/uevent_helper", flags: 1, result: -2), Samples.inside()) == [helper])
        #expect(fired(Samples.open(path, flags: 1), Attribution(certainty: .unknown)) == [helper])
        // Near misses: reading, another name, the host, the runtime.
        #expect(fired(Samples.open(path), Samples.inside()) == [])
        #expect(fired(Samples.open(path + "s", flags: 1), Samples.inside()) == [])
        #expect(fired(Samples.open("/tmp/uevent_helper", flags: 1), Samples.inside()) == [])
        #expect(fired(Samples.open(path, flags: 1), Samples.host) == [])
        #expect(fired(Samples.open(path, flags: 1), Samples.inside(setup: true)) == [])
    }

    @Test func environOfInit() {
        var event = Samples.event(.open, source: .fanotify, name: "/proc/1/environ", result: nil)
        event.procfsEntry = ProcfsEntry(pid: 1, hostPID: 4000, pidNamespace: 5)
        var who = Samples.inside()
        #expect(fired(event, who) == [environ])
        (who.entryIsInSameContainer, who.entryIsSelf) = (true, false)
        #expect(fired(event, who) == [environ])
        who.entryIsSelf = true
        #expect(fired(event, who) == [])
        var spelled = Samples.inside(commandLine: ["cat", "/proc/1/environ"])
        (spelled.entryIsInSameContainer, spelled.entryIsSelf) = (true, true)
        #expect(fired(event, spelled) == [environ])
        who.entryIsInSameContainer = false
        who.entryIsSelf = false
        #expect(fired(event, who) == [outside])
        #expect(fired(event, Samples.host) == [])
        let other = Samples.event(.open, source: .fanotify, name: "/proc/7/environ", result: nil)
        #expect(fired(other, Samples.inside()) == [])
    }

    @Test func processOutsideItsCgroup() throws {
        var event = Samples.event(.cgroupLeave, source: .inventory, result: nil)
        event.cgroups = event.append("freezer=/ devices=/a b\u{1b}")
        #expect(fired(event, Samples.inside()) == [left])
        #expect(fired(event, Samples.inside(Samples.container(privileged: true))) == [left])
        var unsure = Samples.inside()
        unsure.certainty = .ambiguous("joined another's")
        #expect(fired(event, unsure) == [left])
        var candidates: [Int] = []
        rules.candidates(for: event, into: &candidates)
        let alert = try #require(
            rules.alerts(for: event, attribution: Samples.inside(), candidates: candidates).first)
        #expect(alert.priority == .warning)
        #expect(alert.output.contains("(now=freezer=/ devices=/a b\\u001b user="))
        #expect(alert.fields.first { $0.name == "evt.arg.cgroups" }?.value == .text("freezer=/ devices=/a b\u{1b}"))
        // Near misses: a runtime at work, the host's own, a container that starts.
        #expect(fired(event, Samples.inside(setup: true)) == [])
        #expect(fired(event, Samples.host) == [])
        #expect(fired(Samples.event(.container, source: .inventory, result: nil), Samples.inside()) == [])
    }

    @Test func plans() {
        let audit = rules.auditPlan
        #expect(audit.calls == [.mount, .fsconfig, .moveMount, .mknod, .mknodat])
        #expect(audit.blockDeviceOpens)
        #expect(audit.writtenPaths == ["/sys/kernel/uevent_helper"])
        #expect(rules.markPlan.procfs == ["1/environ"])
        #expect(rules.markPlan.sysfs == ["kernel/uevent_helper"])
        #expect(rules.wants(.cgroupLeave))
        #expect(rules.wants(.container) && rules.wants(.write) && !rules.wants(.execve) && !rules.wants(.other))
    }
}
