import EventModel
import Testing

@Suite struct ContainerIDTests {
    @Test(arguments: ["a", "0123456789abcdef", "na-test.1_x+y", String(repeating: "f", count: 64)])
    func acceptsWhatRuncAccepts(_ text: String) {
        #expect(ContainerID(validating: text)?.rawValue == text)
    }

    @Test(arguments: ["", ".", "..", "a/b", "a b", "a\n", "é", String(repeating: "a", count: 1025), "../../etc"])
    func refusesWhatCouldBeAPath(_ text: String) {
        #expect(ContainerID(validating: text) == nil)
    }

    @Test func showsTwelveDigitsOnlyOfLongIDs() {
        #expect(ContainerID(validating: String(repeating: "ab", count: 32))?.short == "abababababab")
        #expect(ContainerID(validating: "my-container-with-a-name")?.short == "my-container-with-a-name")
    }
}

@Suite struct ImageNameTests {
    @Test(
        arguments: [
            ("docker.io/library/busybox:latest", "docker.io/library/busybox", "latest"),
            ("localhost:5000/app", "localhost:5000/app", nil),
            ("localhost:5000/app:1.2", "localhost:5000/app", "1.2"),
            ("busybox@sha256:abcd", "busybox", nil),
            ("busybox:1@sha256:abcd", "busybox", "1"),
            ("busybox", "busybox", nil),
        ] as [(String, String, String?)])
    func splits(_ image: String, _ repository: String, _ tag: String?) throws {
        let id = try #require(ContainerID(validating: "a"))
        var container = Container(id: id, runtime: .docker, cgroupPath: "/docker/a", firstSeen: 0)
        container.image = image
        #expect(container.imageRepository == repository)
        #expect(container.imageTag == tag)
    }
}

@Suite struct KernelEventTextTests {
    @Test func keepsRangesAndCutsAtCapacity() {
        var event = KernelEvent()
        let name = event.append("hello")
        let long = event.append(String(repeating: "x", count: KernelEvent.textCapacity))
        let nothing = event.append("late")
        #expect(event.string(name) == "hello")
        #expect(Int(long.count) == KernelEvent.textCapacity - 5)
        #expect(nothing.count == 0)
        event.reset()
        #expect(event.text.isEmpty)
        #expect(event.string(.none) == nil)
    }
}

@Suite struct PriorityTests {
    @Test func parsesAsFalcoDoes() {
        #expect(Priority(name: "CRITICAL") == .critical)
        #expect(Priority(name: "info") == .informational)
        #expect(Priority(name: "loud") == nil)
        #expect(Priority.debug < Priority.critical)
    }
}
