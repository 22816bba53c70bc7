import Detection
import EventModel

/// Events and attributions built by hand for the tests.
enum Samples {
    static func event(_ type: EventType, source: EventSource = .audit, name: String? = nil, result: Int64? = 3)
        -> KernelEvent
    {
        var event = KernelEvent()
        event.type = type
        event.source = source
        event.time = 1_748_557_198_960_296_886
        event.pid = 4321
        event.uid = 0
        event.result = result
        if let name { event.name = event.append(name) }
        return event
    }

    static func open(_ name: String, flags: UInt64 = 0, result: Int64 = 3) -> KernelEvent {
        var event = event(.openat, name: name, result: result)
        event.openFlags = flags
        return event
    }

    static func object(mode: UInt32, node: DeviceNumber = DeviceNumber(major: 0, minor: 0)) -> FileObject {
        FileObject(
            deviceMajor: 0, deviceMinor: 5, inode: 131, mode: mode, nodeMajor: node.major, nodeMinor: node.minor)
    }

    static let disk = object(mode: 0o060660, node: DeviceNumber(major: 8, minor: 1))

    static func container(privileged: Bool? = false, image: String? = "docker.io/nginx:1.27") -> Container? {
        guard let id = ContainerID(validating: String(repeating: "c8a1e44e20da0000", count: 4)) else { return nil }
        var container = Container(id: id, runtime: .podman, cgroupPath: "/x", firstSeen: 1)
        container.privileges = ContainerPrivileges(verdict: privileged.map { $0 ? .privileged : .restricted })
        container.image = image
        container.name = "web"
        return container
    }

    static func inside(
        _ container: Container? = container(), setup: Bool = false, commandLine: [String] = ["cat", "x"]
    ) -> Attribution {
        let process = ProcessRecord(
            key: ProcessKey(pid: 4321, startTime: 9), parentPID: 4300, comm: "cat", executablePath: "/usr/bin/cat",
            commandLine: commandLine, containerID: container?.id, isContainerSetup: setup, namespacedPID: 7, uid: 0)
        let parent = ProcessRecord(key: ProcessKey(pid: 4300, startTime: 8), parentPID: 1, comm: "sh")
        return Attribution(process: process, ancestors: [parent], container: container, certainty: .certain)
    }

    static let host = inside(nil)

    /// A rule file with one rule of this condition.
    static func ruleSet(
        _ condition: String, output: String = "x", before: String = ""
    ) throws(RuleErrors) -> RuleSet {
        let text = """
            \(before)
            - rule: Test
              desc: d
              condition: >
                \(condition)
              output: \(output)
              priority: NOTICE
            """
        return try RuleSet(files: [("test.yaml", text)])
    }

    static func names(_ rules: RuleSet, _ event: KernelEvent, _ attribution: Attribution) -> [String] {
        var candidates: [Int] = []
        rules.candidates(for: event, into: &candidates)
        return rules.alerts(for: event, attribution: attribution, candidates: candidates).map(\.rule)
    }

    static func isTrue(_ condition: String, _ event: KernelEvent, _ attribution: Attribution) throws -> Bool {
        try names(ruleSet(condition), event, attribution) == ["Test"]
    }
}
