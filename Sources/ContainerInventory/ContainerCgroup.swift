package import EventModel
package import LinuxSystem

/// The container that a cgroup path names, by the layouts that engines use: pure text, no file is read.
///
/// Paths are those of the host's cgroup namespace. A component counts as a container only as its engine writes it; what
/// lies below it is that container's, whatever it is called: a container can make cgroups of any name in its own part of
/// the tree, so neither `conmon` nor another container's name below it changes whose process it is (see `outer`).
package struct ContainerCgroup: Sendable, Hashable {
    /// The innermost container.
    package var id: ContainerID
    /// By the path alone; the runtime's files may know better.
    package var runtime: ContainerRuntime
    /// The container's own cgroup: `path` of the classified one up to the component that carries the id.
    package var path: String
    /// The outermost container, when the path holds more than one (a container engine inside a container). The outer one's
    /// processes choose what lies below it: the inner id is a claim.
    package var outer: ContainerID?

    package init(id: ContainerID, runtime: ContainerRuntime, path: String, outer: ContainerID?) {
        self.id = id
        self.runtime = runtime
        self.path = path
        self.outer = outer
    }

    /// Nil when `path` (beginning with `/`) names no container.
    package static func classify(_ path: String) -> ContainerCgroup? {
        // Cgroup names go up to 255 bytes and a path to 4,096; whatever is longer is nobody's.
        guard path.utf8.count <= 4096 else { return nil }
        var outer: ContainerID?
        var inner: ContainerCgroup?
        let components = path.split(separator: "/")
        var end = path.startIndex
        for (index, component) in components.enumerated() {
            end = component.endIndex
            switch Self.role(of: component, below: components[..<index]) {
            case .monitor where inner == nil:
                return nil
            case .container(let id, let runtime) where inner?.id != id:
                if outer == nil { outer = id }
                inner = ContainerCgroup(id: id, runtime: runtime, path: String(path[..<end]), outer: nil)
            default:
                continue
            }
        }
        guard var inner else { return nil }
        if outer != inner.id { inner.outer = outer }
        return inner
    }

    /// The first line of `/proc/PID/cgroup` that names a container: on hybrid hosts the v2 line may be empty.
    package static func classify(_ memberships: [CgroupMembership]) -> ContainerCgroup? {
        for membership in memberships where membership.path.utf8.count > 1 {
            if let found = classify(membership.path) { return found }
        }
        return nil
    }

    /// The own cgroup of the outermost container that `path` lies in; nil when it names none.
    package static func outermostPath(_ path: String) -> String? {
        guard let innermost = classify(path) else { return nil }
        for component in innermost.path.split(separator: "/") {
            if let found = classify(String(innermost.path[..<component.endIndex])) { return found.path }
        }
        return innermost.path
    }

    /// The one path that stands for all lines of `/proc/PID/cgroup`: systemd's hierarchy, else v2, else the first that is
    /// not the root. Runtimes put a container at the same path in every hierarchy, or below the caller's own cgroup in
    /// some of them (runc with an empty cgroupsPath: `memory:/caller/ID`).
    package static func principalPath(_ memberships: [CgroupMembership]) -> String {
        let named = memberships.first { $0.controllers.first == "name=systemd" && $0.path.utf8.count > 1 }
        let unified = named ?? memberships.first { $0.hierarchy == 0 && $0.path.utf8.count > 1 }
        return (unified ?? memberships.first { $0.path.utf8.count > 1 })?.path ?? "/"
    }

    /// The UID of the pod that the kubelet made a cgroup for: `kubepods-burstable-podUID.slice`, with `_` for `-`, or `podUID`;
    /// nil for a path of no pod.
    static func podUID(_ path: String) -> String? {
        guard path.contains("kubepods") else { return nil }
        for component in path.split(separator: "/").reversed() {
            let isSlice = component.hasSuffix(".slice")
            let name = isSlice ? component.dropLast(".slice".utf8.count) : component
            // Of a slice's parts the last is the pod's, since the UID's own hyphens are underscores there.
            let part = isSlice ? name.split(separator: "-").last ?? "" : name
            guard part.hasPrefix("pod"), part.utf8.count > 3 else { continue }
            return String(part.dropFirst(3).map { isSlice && $0 == "_" ? "-" : $0 })
        }
        return nil
    }

    private enum Role {
        case container(ContainerID, ContainerRuntime)
        /// A container's helper on the host: conmon, a supervisor, LXC's monitor.
        case monitor
        case other
    }

    /// Engines whose ids are 64 hexadecimal digits, by what they put before them.
    private static let prefixes: [(String, ContainerRuntime)] = [
        ("docker-", .docker), ("cri-containerd-", .containerd), ("crio-", .crio), ("libpod-payload-", .podman),
        ("libpod-", .podman), ("nerdctl-", .containerd),
    ]
    /// runc's and crun's own scopes (systemd driver without an engine), whose ids are free text.
    private static let scopePrefixes: [(String, ContainerRuntime)] = [("runc-", .runc), ("crun-", .crun)]
    private static let monitorPrefixes = ["libpod-conmon-", "crio-conmon-", "lxc.monitor"]

    private static func role(of component: Substring, below parents: ArraySlice<Substring>) -> Role {
        // cgroupfs drivers given a systemd path make `kubepods-….slice:cri-containerd:ID`.
        if component.utf8.contains(UInt8(ascii: ":")) {
            let parts = component.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 3, let id = hexID(parts[2]) else { return .other }
            let runtime = prefixes.first { $0.0.dropLast() == parts[1] }?.1
            return runtime.map { .container(id, $0) } ?? .other
        }
        if component == "conmon" || component == "supervisor" { return .monitor }
        if monitorPrefixes.contains(where: { component.hasPrefix($0) }) { return .monitor }
        if let container = systemContainer(component, below: parents.last) { return container }
        let isScope = component.hasSuffix(".scope")
        let name = isScope ? component.dropLast(6) : component
        for (prefix, runtime) in prefixes where name.hasPrefix(prefix) {
            // Beside its scopes CRI-O makes an empty cgroup of a pod whose sandbox needs no process (drop_infra_ctr).
            if runtime == .crio, !isScope, parents.last?.hasSuffix(".slice") ?? false { return .other }
            return hexID(name.dropFirst(prefix.utf8.count)).map { .container($0, runtime) } ?? .other
        }
        if isScope {
            for (prefix, runtime) in scopePrefixes where name.hasPrefix(prefix) {
                return ContainerID(validating: name.dropFirst(prefix.utf8.count)).map { .container($0, runtime) }
                    ?? .other
            }
        }
        guard let id = hexID(name) else { return .other }
        // podman's cgroupfs layout has a directory for the pod, named by its bare id; its containers carry `libpod-`.
        if parents.last == "libpod_parent" { return .other }
        if parents.contains(where: { $0.hasPrefix("kubepods") }) { return .container(id, .containerd) }
        if parents.contains("docker") || parents.contains("actions_job") { return .container(id, .docker) }
        return .container(id, .unknown)
    }

    /// LXC's and systemd-nspawn's: `/lxc.payload.NAME` (4.0 and later), `/lxc.payload/NAME` (3), `/lxc/NAME` (before);
    /// `systemd-nspawn@NAME.service/payload`, `machine-NAME.scope/payload`, whose `supervisor` is nspawn itself. Theirs are
    /// names of the administrator's, escaped as systemd does it.
    private static func systemContainer(_ component: Substring, below parent: Substring?) -> Role? {
        var name: String?
        var runtime = ContainerRuntime.lxc
        if component.hasPrefix("lxc.payload.") {
            name = String(component.dropFirst("lxc.payload.".utf8.count))
        } else if parent == "lxc.payload" || parent == "lxc" {
            name = String(component)
        } else if component == "payload", let parent {
            runtime = .nspawn
            for (prefix, suffix) in [("systemd-nspawn@", ".service"), ("machine-", ".scope")]
            where parent.hasPrefix(prefix) && parent.hasSuffix(suffix) {
                name = unescaped(parent.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count))
            }
        }
        return name.flatMap { ContainerID(validating: $0) }.map { .container($0, runtime) }
    }

    /// systemd.unit(5): `\x2d` for a character that a unit's name cannot have.
    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "x"),
                let value = UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16)
            {
                rest = rest.dropFirst(3)
                bytes.append(value)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexID(_ text: Substring) -> ContainerID? {
        guard text.utf8.count == 64 else { return nil }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): continue
            default: return nil
            }
        }
        return ContainerID(validating: text)
    }
}
