private import FoundationEssentials
private import LinuxSystem

/// What the agent reads of the JSON that runtimes and engines keep; every key is optional, what is not named here is
/// skipped. Fields as in the OCI runtime specification 1.1, runc 1.1 (libcontainer.State), crun 1.8 and docker 20.10.
enum RuntimeFile {
    /// Larger files are refused (Inspektor Gadget's cap for config.json).
    static let sizeLimit = 16 << 20

    /// Nil when the file is not there, is a symbolic link, too large, or not of this shape.
    static func read<T: Decodable>(_ path: String, as type: T.Type) -> T? {
        guard let bytes = try? readFile(path, limit: sizeLimit + 1), bytes.count <= sizeLimit else { return nil }
        return decode(bytes, as: type)
    }

    static func decode<T: Decodable>(_ bytes: [UInt8], as type: T.Type) -> T? {
        try? JSONDecoder().decode(type, from: Data(bytes))
    }
}

/// A bundle's config.json.
struct OCIConfiguration: Decodable, Sendable {
    var hostname: String?
    var annotations: [String: String]?
    var mounts: [Mount]?
    var process: Process?
    var linux: Linux?

    struct Mount: Decodable, Sendable {
        var destination: String?
        var type: String?
        var options: [String]?
    }
    struct Process: Decodable, Sendable {
        var args: [String]?
        var capabilities: Capabilities?
    }
    struct Capabilities: Decodable, Sendable {
        var bounding: [String]?
    }
    struct Linux: Decodable, Sendable {
        var cgroupsPath: String?
        var devices: [Device]?
        var maskedPaths: [String]?
        var readonlyPaths: [String]?
        var namespaces: [Namespace]?
    }
    struct Device: Decodable, Sendable {
        var type: String?
        var major: Int64?
        var minor: Int64?
    }
    struct Namespace: Decodable, Sendable {
        var type: String?
        var path: String?
    }
}

/// runc's state.json.
struct RuncState: Decodable, Sendable {
    var id: String?
    var pid: Int32?
    /// Clock ticks since boot.
    var startTime: UInt64?
    /// Controller (empty: v2) to directory.
    var cgroupPaths: [String: String]?
    var config: Configuration?

    struct Configuration: Decodable, Sendable {
        /// `key=value`: the annotations, and `bundle=/path`.
        var labels: [String]?
    }
    enum CodingKeys: String, CodingKey {
        case id, config
        case pid = "init_process_pid"
        case startTime = "init_process_start"
        case cgroupPaths = "cgroup_paths"
    }

    var bundle: String? {
        guard let label = config?.labels?.last(where: { $0.hasPrefix("bundle=/") }) else { return nil }
        return String(label.dropFirst("bundle=".utf8.count))
    }
}

/// crun's `status` file.
struct CrunStatus: Decodable, Sendable {
    var pid: Int32?
    var startTime: UInt64?
    /// Below the hierarchy's root.
    var cgroupPath: String?
    var bundle: String?

    enum CodingKeys: String, CodingKey {
        case pid, bundle
        case startTime = "process-start-time"
        case cgroupPath = "cgroup-path"
    }
}

/// docker's config.v2.json.
struct DockerConfiguration: Decodable, Sendable {
    var name: String?
    var config: Configuration?
    var state: State?

    struct Configuration: Decodable, Sendable {
        var image: String?
        var labels: [String: String]?
        enum CodingKeys: String, CodingKey {
            case image = "Image"
            case labels = "Labels"
        }
    }
    struct State: Decodable, Sendable {
        var pid: Int32?
        enum CodingKeys: String, CodingKey { case pid = "Pid" }
    }
    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case config = "Config"
        case state = "State"
    }
}

/// docker's hostconfig.json.
struct DockerHostConfiguration: Decodable, Sendable {
    var privileged: Bool?
    enum CodingKeys: String, CodingKey { case privileged = "Privileged" }
}

/// One element of containers/storage's containers.json.
struct StoredContainer: Decodable, Sendable {
    var id: String?
    var names: [String]?
    /// JSON in a string: `StoredMetadata`.
    var metadata: String?
}

struct StoredMetadata: Decodable, Sendable {
    var imageName: String?
    var name: String?
    enum CodingKeys: String, CodingKey {
        case imageName = "image-name"
        case name
    }
}
