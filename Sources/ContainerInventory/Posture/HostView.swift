import EventModel
import LinuxSystem

/// What the checks of the host read: a file system root and its /proc, which may be a test's tree.
struct HostView {
    /// Put before every absolute path; empty for `/`.
    var root: String
    var proc: ProcFilesystem
    var hasLabels: Bool
    /// The host's.
    var mountNamespace: NamespaceID
    /// Mount points of cgroup v1 hierarchies.
    var cgroupV1: [String]

    /// A short file's text without its last newline; nil where it is not there.
    func text(_ path: String) -> String? {
        guard let bytes = try? readFile(root + path, limit: 64 * 1024) else { return nil }
        var text = String(decoding: bytes, as: UTF8.self)
        if text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    func number(_ path: String) -> Int? { text(path).flatMap { Int($0) } }

    func status(_ path: String) -> FileStatus? { try? FileStatus.of(root + path) }

    /// Whether a program is one of the host's own: where packages put programs, by its true path, and nobody but root
    /// writes it. A container's root owns files as uid 0 as well.
    func isTrusted(program path: String) -> Bool {
        guard path.hasPrefix("/"), let shown = try? truePath(root + path), let status = try? FileStatus.of(shown) else {
            return false
        }
        let places = ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/"].map { root + $0 }
        return places.contains(where: shown.hasPrefix) && status.isRegular && status.owner == 0
            && status.mode & 0o022 == 0
    }

    /// Docker's configuration, what `daemon.json` and the command line of a running dockerd say; nil where none runs.
    func docker() -> DockerDaemon? {
        let own = (try? proc.processes()) ?? []
        // A container may call a program of its own so.
        guard
            let pid = own.first(where: { pid in
                (try? proc.stat(pid).comm) == "dockerd" && (try? proc.namespaceByLink(pid, "mnt")) == mountNamespace
                    && (try? proc.status(pid))?["Uid"]?.hasPrefix("0\t") == true
            })
        else { return nil }
        var daemon = (try? readFile(root + "/etc/docker/daemon.json", limit: 1 << 20)).flatMap { bytes in
            RuntimeFile.decode(bytes, as: DockerDaemon.self)
        }
        if daemon == nil { daemon = DockerDaemon() }
        daemon?.arguments = (try? proc.commandLine(pid)) ?? []
        return daemon
    }
}

/// dockerd's daemon.json, and how it was started.
struct DockerDaemon: Decodable {
    var hosts: [String]?
    var tlsVerify: Bool?
    var usernsRemap: String?
    var noNewPrivileges: Bool?
    var interContainer: Bool?
    var liveRestore: Bool?
    var arguments: [String] = []

    enum CodingKeys: String, CodingKey {
        case hosts
        case interContainer = "icc"
        case tlsVerify = "tlsverify"
        case usernsRemap = "userns-remap"
        case noNewPrivileges = "no-new-privileges"
        case liveRestore = "live-restore"
    }

    init() {}

    init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        hosts = try? keys.decodeIfPresent([String].self, forKey: .hosts)
        tlsVerify = try? keys.decodeIfPresent(Bool.self, forKey: .tlsVerify)
        usernsRemap = try? keys.decodeIfPresent(String.self, forKey: .usernsRemap)
        noNewPrivileges = try? keys.decodeIfPresent(Bool.self, forKey: .noNewPrivileges)
        interContainer = try? keys.decodeIfPresent(Bool.self, forKey: .interContainer)
        liveRestore = try? keys.decodeIfPresent(Bool.self, forKey: .liveRestore)
    }

    /// Whether an option stands on the command line, as `--name`, `--name=true`, or with a value.
    func has(_ option: String) -> Bool {
        arguments.contains { $0 == "--\(option)" || ($0.hasPrefix("--\(option)=") && !$0.hasSuffix("=false")) }
    }

    /// TCP addresses it listens on.
    var addresses: [String] {
        let given = arguments.map { word in
            ["--host=", "-H="].first(where: word.hasPrefix).map { String(word.dropFirst($0.utf8.count)) } ?? word
        }
        return ((hosts ?? []) + given).filter { $0.hasPrefix("tcp://") }
    }
}
