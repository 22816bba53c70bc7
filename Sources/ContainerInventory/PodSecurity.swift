package import EventModel

/// The Pod Security Standards (Kubernetes 1.31), as a node can see them. What the standards say of ports is not to be
/// seen; of an "undefined" and an "unconfined" filter or label a node cannot tell the one from the other, so a missing one
/// does not break `baseline`.
extension PrivilegeFacts {
    /// Nil where too little is known to say more than the verdict does.
    func podSecurityLevel(_ verdict: PrivilegeVerdict?) -> PodSecurityLevel? {
        guard let verdict, capabilities != nil else { return verdict == .privileged ? .privileged : nil }
        if verdict == .privileged || declared == true || !baselineViolations.isEmpty { return .privileged }
        return restrictedViolations.isEmpty ? .restricted : .baseline
    }

    package var baselineViolations: [String] {
        var found: [String] = []
        for kind in [NamespaceKind.network, .pid, .ipc] where sharesHost(kind) == true {
            found.append("host \(kind.rawValue) namespace")
        }
        let added = (capabilities ?? []).subtracting(.engineDefaults)
        if !added.isEmpty { found.append("capabilities \(added.names.joined(separator: ", "))") }
        for mount in mounts where !HostPath.isGiven(mount.source, own: own) {
            found.append("host path \(mount.source)")
        }
        if hasMaskedPaths == false { found.append("unmasked /proc") }
        let unsafe = sysctls.filter { !Self.safeSysctls.contains($0) }
        if !unsafe.isEmpty { found.append("sysctls \(unsafe.sorted().joined(separator: ", "))") }
        return found
    }

    package var restrictedViolations: [String] {
        var found: [String] = []
        if noNewPrivileges != true { found.append("privilege escalation allowed") }
        if userID == nil || userID == 0 { found.append("runs as root") }
        if hasSeccomp != true { found.append("no seccomp filter") }
        let kept = (capabilities ?? []).subtracting(.netBindService)
        if !kept.isEmpty { found.append("capabilities not dropped") }
        return found
    }

    /// "Sysctls" of the baseline profile.
    private static let safeSysctls: Set<String> = [
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    ]
}
