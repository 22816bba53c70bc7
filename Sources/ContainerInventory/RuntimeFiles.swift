import EventModel
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

    /// The same of a rootless user's file, or of the host's root where there is none.
    static func read<T: Decodable>(_ path: String, root: String, of user: RootlessUser?, as type: T.Type) -> T? {
        guard let user else { return read(root + path, as: type) }
        return user.read(path, root: root).flatMap { decode($0, as: type) }
    }

    static func decode<T: Decodable>(_ bytes: [UInt8], as type: T.Type) -> T? {
        try? JSONDecoder().decode(type, from: Data(bytes))
    }
}

/// A bundle's config.json.
struct OCIConfiguration: Decodable, Sendable {
    var hostname: String?
    var annotations: [String: String]?
    var root: Root?
    var mounts: [Mount]?
    var process: Process?
    var linux: Linux?

    struct Root: Decodable, Sendable {
        /// May be relative to the bundle.
        var path: String?
        var readonly: Bool?
    }
    struct Mount: Decodable, Sendable {
        var destination: String?
        var source: String?
        var type: String?
        var options: [String]?
    }
    struct Process: Decodable, Sendable {
        var args: [String]?
        var env: [String]?
        var user: User?
        var capabilities: Capabilities?
        var noNewPrivileges: Bool?
        var apparmorProfile: String?
        var selinuxLabel: String?
    }
    struct User: Decodable, Sendable { var uid: UInt32? }
    struct Capabilities: Decodable, Sendable {
        var bounding: [String]?
    }
    struct Linux: Decodable, Sendable {
        var cgroupsPath: String?
        var devices: [Device]?
        var maskedPaths: [String]?
        var readonlyPaths: [String]?
        var namespaces: [Namespace]?
        var uidMappings: [Mapping]?
        var seccomp: Seccomp?
        var resources: Resources?
        var sysctl: [String: String]?
    }
    struct Device: Decodable, Sendable {
        var path: String?
        var type: String?
        var major: Int64?
        var minor: Int64?

        var number: DeviceNumber? {
            guard let major = major.flatMap(UInt32.init(exactly:)), let minor = minor.flatMap(UInt32.init(exactly:))
            else { return nil }
            return DeviceNumber(major: major, minor: minor)
        }
    }
    struct Namespace: Decodable, Sendable {
        var type: String?
        var path: String?
    }
    struct Mapping: Decodable, Sendable {
        var containerID: UInt32?
        var hostID: UInt32?
        var size: UInt32?
    }
    struct Seccomp: Decodable, Sendable {
        var defaultAction: String?
        var syscalls: [Rule]?

        struct Rule: Decodable, Sendable {
            var names: [String]?
            var action: String?
            var args: [Argument]?
        }
        /// That there is one is all that counts.
        struct Argument: Decodable, Sendable {}
    }
    struct Resources: Decodable, Sendable {
        var devices: [DeviceRule]?
        var memory: Memory?
        var cpu: CPU?
        var pids: PIDs?

        struct DeviceRule: Decodable, Sendable {
            var allow: Bool?
            var type: String?
            var major: Int64?
            var minor: Int64?
            var access: String?
        }
        struct Memory: Decodable, Sendable { var limit: Int64? }
        struct CPU: Decodable, Sendable { var shares: UInt64? }
        struct PIDs: Decodable, Sendable { var limit: Int64? }
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

/// docker's repositories.json: repository to its names (with tag or digest) to image ids.
struct DockerRepositories: Decodable, Sendable {
    var repositories: [String: [String: String]]?
    enum CodingKeys: String, CodingKey { case repositories = "Repositories" }
}

/// docker's config.v2.json.
struct DockerConfiguration: Decodable, Sendable {
    var name: String?
    /// `sha256:…`: the id, of the image's configuration; not the manifest's digest.
    var imageID: String?
    var config: Configuration?
    var state: State?

    struct Configuration: Decodable, Sendable {
        var image: String?
        var labels: [String: String]?
        var healthCheck: HealthCheck?
        enum CodingKeys: String, CodingKey {
            case image = "Image"
            case labels = "Labels"
            case healthCheck = "Healthcheck"
        }
    }
    struct HealthCheck: Decodable, Sendable {
        /// `["NONE"]` switches the image's own off.
        var test: [String]?
        enum CodingKeys: String, CodingKey { case test = "Test" }
    }
    struct State: Decodable, Sendable {
        var pid: Int32?
        enum CodingKeys: String, CodingKey { case pid = "Pid" }
    }
    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case imageID = "Image"
        case config = "Config"
        case state = "State"
    }
}

/// docker's hostconfig.json.
struct DockerHostConfiguration: Decodable, Sendable {
    var privileged: Bool?
    var networkMode: String?
    var restartPolicy: RestartPolicy?
    /// `80/tcp` to where it is published.
    var portBindings: [String: [Binding]?]?

    struct RestartPolicy: Decodable, Sendable {
        var name: String?
        var attempts: Int?
        enum CodingKeys: String, CodingKey {
            case name = "Name"
            case attempts = "MaximumRetryCount"
        }
    }
    struct Binding: Decodable, Sendable {
        var address: String?
        var port: String?
        enum CodingKeys: String, CodingKey {
            case address = "HostIp"
            case port = "HostPort"
        }
    }
    enum CodingKeys: String, CodingKey {
        case privileged = "Privileged"
        case networkMode = "NetworkMode"
        case restartPolicy = "RestartPolicy"
        case portBindings = "PortBindings"
    }
}

/// containers/storage names its directories by the driver.
enum ContainerStorage {
    /// Where a storage may have its containers, `STORAGE/overlay-containers`; the images are in `…-images`.
    static func lists(_ storage: String) -> [String] {
        ["overlay", "vfs", "btrfs", "zfs"].map { "\(storage)/\($0)-containers" }
    }
}

/// One element of containers/storage's containers.json.
struct StoredContainer: Decodable, Sendable {
    var id: String?
    var names: [String]?
    /// Id of its image.
    var image: String?
    /// JSON in a string: `StoredMetadata`.
    var metadata: String?

    var decodedMetadata: StoredMetadata? {
        metadata.flatMap { RuntimeFile.decode(Array($0.utf8), as: StoredMetadata.self) }
    }
}

/// One element of containers/storage's images.json.
struct StoredImage: Decodable, Sendable {
    var id: String?
    /// Of the manifest.
    var digest: String?
}

/// podman's and CRI-O's.
struct StoredMetadata: Decodable, Sendable {
    var imageName: String?
    var name: String?
    /// CRI-O's: the name in the request, without pod and attempt.
    var requestedName: String?
    /// CRI-O's, from 1.19 on; left out for no.
    var privileged: Bool?
    enum CodingKeys: String, CodingKey {
        case name, privileged
        case imageName = "image-name"
        case requestedName = "metadata-name"
    }
}
