import EventModel
import FoundationEssentials

/// What `nodeagent inventory` prints and the control socket carries for one container. The keys are a contract.
struct ContainerListing: Codable, Sendable {
    var id: String
    var name: String?
    var image: String?
    var runtime: String
    var pid: Int32?
    var privileged: Bool?
    var pod: String?
    var namespace: String?

    init(_ container: Container) {
        id = container.id.rawValue
        name = container.name
        image = container.image
        runtime = container.runtime.rawValue
        pid = container.initProcess?.pid
        privileged = container.isPrivileged
        pod = container.pod
        namespace = container.podNamespace
    }

    /// Every key is there, also where nothing is known: a reader should not have to guess.
    func encode(to encoder: any Encoder) throws {
        var keys = encoder.container(keyedBy: CodingKeys.self)
        try keys.encode(id, forKey: .id)
        try keys.encode(name, forKey: .name)
        try keys.encode(image, forKey: .image)
        try keys.encode(runtime, forKey: .runtime)
        try keys.encode(pid, forKey: .pid)
        try keys.encode(privileged, forKey: .privileged)
        try keys.encode(pod, forKey: .pod)
        try keys.encode(namespace, forKey: .namespace)
    }
}

/// One request line on the control socket.
struct ControlRequest: Codable, Sendable {
    enum Command: String, Codable, Sendable { case inventory, status }
    var version = 1
    var command: Command
}

/// One response line. `error` is set when the request could not be served.
struct ControlResponse: Codable, Sendable {
    var version = 1
    var containers: [ContainerListing]?
    var status: [String: UInt64]?
    var error: String?
}
