package import EventModel

/// What a path of the host means to a container that has it. Paths are the host's, absolute, without a slash at the end.
package enum HostPath {
    package enum Kind: Sendable, Equatable {
        /// `/`.
        case root
        /// What the host runs, or whom it lets in by.
        case system
        /// Other files of /etc and /usr.
        case configuration
        /// State of an engine or of the kubelet: other containers' files and secrets.
        case engine
        /// A socket that makes containers or machines, or a directory that has one in it.
        case runtimeSocket
        /// A socket by which root, whose peer's uid counts, has the host's services do anything; or its directory.
        case serviceSocket
        /// Keys and passwords of the host.
        case credentials
        /// /proc and /sys of the host: root writes core_pattern and uevent_helper there without a capability.
        case kernel
        /// /dev: the device rules still decide what is opened.
        case devices
        case logs
    }

    static let sockets = [
        "/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/podman/podman.sock",
        "/run/user/0/podman/podman.sock",
        "/run/cri-dockerd.sock", "/run/dockershim.sock", "/run/k3s/containerd/containerd.sock",
        "/run/buildkit/buildkitd.sock", "/run/docker/containerd/containerd.sock", "/run/k0s/containerd.sock",
        "/var/snap/microk8s/common/run/containerd.sock",
    ]
    /// Makers of system containers and virtual machines with the host's files in them. Who may connect is the service's
    /// affair (a group, polkit), so that their modes say nothing.
    private static let machineSockets = [
        "/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock", "/run/libvirt/virtlxcd-sock",
        "/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket", "/var/lib/incus/unix.socket",
    ]
    /// systemd, which starts any unit, is on the system bus, and has a socket of its own; snapd installs programs of root.
    private static let serviceSockets = ["/run/dbus/system_bus_socket", "/run/systemd/private", "/run/snapd.socket"]
    private static let systems = [
        "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/boot", "/var/spool/cron", "/opt/cni", "/usr/bin", "/usr/sbin",
        "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib",
        "/etc/passwd", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/pam.d", "/etc/crontab",
        "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/etc/systemd",
        "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/profile", "/etc/profile.d",
        "/etc/bash.bashrc",
        "/etc/environment", "/etc/udev", "/etc/init.d", "/etc/rc.local", "/etc/modprobe.d", "/etc/cni", "/etc/docker",
        "/etc/containerd", "/etc/crio",
    ]
    /// Directories that are the host's as a whole, and not in each of their parts.
    private static let parents = ["/etc", "/usr", "/usr/local", "/opt", "/var", "/var/lib"]
    /// Where programs keep keys in a home directory.
    private static let keys: Set<Substring> = [".ssh", ".kube", ".docker", ".aws", ".gnupg"]
    private static let engines = [
        "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/kubelet", "/var/lib/crio",
        "/var/lib/rancher", "/var/lib/etcd", "/run/containerd", "/run/containers", "/run/docker", "/run/crio",
        "/run/runc", "/run/crun", "/run/systemd", "/run/k3s", "/var/lib/nerdctl",
    ]
    /// `/var/run` is `/run`; `.`, `..` and doubled slashes are resolved, a slash at the end is left out.
    static func normal(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part != ".." { parts.append(part) } else if !parts.isEmpty { parts.removeLast() }
        }
        var path = "/" + parts.joined(separator: "/")
        if path == "/var/run" || path.hasPrefix("/var/run/") { path.removeFirst("/var".utf8.count) }
        return path
    }

    /// Nil for what is of no consequence, and for what engines give to the container whose directories `own` has.
    package static func kind(of path: String, own: OwnDirectories = OwnDirectories()) -> Kind? {
        let path = normal(path)
        if path == "/" { return .root }
        if isGiven(path, own: own) { return nil }
        if has(path, sockets + machineSockets) { return .runtimeSocket }
        if has(path, serviceSockets) { return .serviceSocket }
        // A cgroup tree: what leads out of one takes SYS_ADMIN (release_agent, since Linux 5.17).
        if isIn(path, ["/sys/fs/cgroup"]) { return nil }
        if isIn(path, ["/proc", "/sys"]) { return .kernel }
        if path == "/dev" { return .devices }
        if isIn(path, ["/etc/ssh", "/etc/kubernetes", "/etc/shadow"]) || path == "/root" || path == "/home"
            || isKeys(path)
        {
            return .credentials
        }
        if isIn(path, engines) { return .engine }
        if isIn(path, ["/var/log"]) { return .logs }
        if isIn(path, systems) || parents.contains(path) { return isHarmless(path) ? nil : .system }
        if isIn(path, ["/etc", "/usr"]) { return isHarmless(path) ? nil : .configuration }
        return nil
    }

    /// `/root/.ssh`, `/home/NAME/.kube` and below.
    private static func isKeys(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        if parts.first == "root", parts.count > 1 { return keys.contains(parts[1]) }
        return parts.first == "home" && parts.count > 2 && keys.contains(parts[2])
    }

    /// Clocks, certificates, name resolution: mounted everywhere, and of no use for leaving.
    private static func isHarmless(_ path: String) -> Bool {
        let directories = [
            "/etc/localtime", "/etc/timezone", "/etc/ssl/certs", "/usr/share/zoneinfo", "/usr/share/ca-certificates",
        ]
        return isIn(path, directories)
            || ["/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/etc/machine-id", "/etc/os-release"].contains(path)
    }

    /// Whether it is one of these files, or a directory around it that is not the host's as a whole.
    private static func has(_ path: String, _ files: [String]) -> Bool {
        files.contains { $0 == path || ($0.hasPrefix(path + "/") && !parents.contains(path)) }
    }

    private static func isIn(_ path: String, _ directories: [String]) -> Bool {
        directories.contains { path == $0 || path.hasPrefix($0 + "/") }
    }
}
