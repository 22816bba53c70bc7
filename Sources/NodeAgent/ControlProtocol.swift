import ContainerInventory
import EventModel
import FoundationEssentials
import Responder

/// One request line on the control socket.
struct ControlRequest: Codable, Sendable {
    enum Command: String, Codable, Sendable {
        case inventory, status
        /// Freeze `container`.
        case isolate
        /// Let `container` go on; without one, each that the agent froze.
        case release
        /// What `container` did lately, for evidence.
        case history
        /// Why `alert` was told; without one, the last.
        case explain
        /// Hand out what is judged, a `RecordedEvent` a line after the response, until the connection is closed.
        case record
    }
    var version = 1
    var command: Command
    /// Its whole id, the beginning of one, or its name.
    var container: String?
    /// The id of an alert.
    var alert: String?
}

/// One response line. `error` is set when the request could not be served.
struct ControlResponse: Codable, Sendable {
    var version = 1
    var agent: AgentListing?
    var containers: [ContainerListing]?
    var status: [String: UInt64]?
    var frozen: [FrozenListing]?
    var actions: [ActionListing]?
    /// JSON lines.
    var history: String?
    var explanation: Explanation?
    var error: String?
}

/// The agent that answers.
struct AgentListing: Codable, Sendable {
    var version: String
    var pid: Int32
    /// The response's mode.
    var response: String
    /// Seconds since it was ready.
    var uptime: UInt64
}

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
    /// Id of the container around it.
    var parent: String?
    /// Path of its cgroup below the hierarchy's root.
    var cgroup: String?
    /// Inode of that directory.
    var cgroupID: UInt64?
    /// Inode of its pid namespace; the host's for one that shares it.
    var pidNamespace: UInt64?
    /// A pod's sandbox rather than a workload.
    var sandbox: Bool?
    /// `sha256:…` of the image.
    var imageDigest: String?
    /// `privileged`, `privileged-equivalent`, `privileged-in-userns`, `restricted`.
    var verdict: String?
    /// What the verdict rests on.
    var reasons: [String]?
    /// The Pod Security Standard that it meets.
    var podSecurity: String?
    /// Those with other rights than the container.
    var processes: [ProcessListing]?

    struct ProcessListing: Codable, Sendable {
        var pid: Int32
        var comm: String
        var verdict: String
        var reasons: [String]
    }

    enum CodingKeys: String, CodingKey {
        case id, name, image, runtime, pid, privileged, pod, namespace, parent, cgroup, sandbox, verdict, reasons,
            processes
        case cgroupID = "cgroup_id"
        case pidNamespace = "pid_namespace"
        case imageDigest = "image_digest"
        case podSecurity = "pod_security"
    }

    init(_ container: Container, processes: [ProcessPrivileges] = []) {
        id = container.id.rawValue
        name = container.name
        image = container.image
        runtime = container.runtime.rawValue
        pid = container.initProcess?.pid
        privileged = container.isPrivileged
        pod = container.pod
        namespace = container.podNamespace
        parent = container.outer?.rawValue
        cgroup = container.cgroupPath.utf8.count > 1 ? container.cgroupPath : nil
        cgroupID = container.cgroup?.rawValue
        pidNamespace = container.pidNamespace?.rawValue
        sandbox = container.isSandbox
        imageDigest = container.imageDigest
        verdict = container.privileges?.verdict?.rawValue
        reasons = container.privileges?.reasons ?? []
        podSecurity = container.privileges?.podSecurity?.rawValue
        self.processes = processes.map {
            ProcessListing(pid: $0.pid, comm: $0.comm, verdict: $0.verdict.rawValue, reasons: $0.reasons)
        }
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
        try keys.encode(parent, forKey: .parent)
        try keys.encode(cgroup, forKey: .cgroup)
        try keys.encode(cgroupID, forKey: .cgroupID)
        try keys.encode(pidNamespace, forKey: .pidNamespace)
        try keys.encode(sandbox ?? false, forKey: .sandbox)
        try keys.encode(imageDigest, forKey: .imageDigest)
        try keys.encode(verdict, forKey: .verdict)
        try keys.encode(reasons ?? [], forKey: .reasons)
        try keys.encode(podSecurity, forKey: .podSecurity)
        try keys.encode(processes ?? [], forKey: .processes)
    }
}

/// A container that stands still by our doing.
struct FrozenListing: Codable, Sendable {
    var id: String
    var name: String?
    /// `rule` or `operator`.
    var origin: String
    /// Until it goes on by itself; nil: it does not.
    var secondsLeft: UInt64?
}

/// One action and how it ended.
struct ActionListing: Codable, Sendable {
    var id: String
    var name: String?
    /// collect, freeze, kill, release
    var action: String
    var origin: String
    /// done, partial, unchanged, refused, failed, dry_run
    var result: String
    var reason: String?
    /// Wall time at which it was asked for, RFC 3339.
    var time: String
    /// From being asked for to its end, milliseconds.
    var milliseconds: Double
}

extension ActionListing {
    init(_ record: ActionRecord, name: String?) {
        id = record.container.rawValue
        self.name = name
        action = record.action.rawValue
        origin = record.origin.text
        result = record.outcome.name
        reason = record.outcome.reason
        time = Timestamp(record.requested).rfc3339
        milliseconds = record.ended > record.requested ? Double((record.ended - record.requested) / 1000) / 1000 : 0
    }
}
