private import CLinux
package import LinuxSystem

/// What a network namespace tells: `/proc/PID/net` through a process that lives in it, and sock_diag.
package struct NetworkArtifacts {
    private let writer: ArtifactWriter
    private let proc: ProcFilesystem

    package init(_ writer: ArtifactWriter, _ proc: ProcFilesystem) {
        self.writer = writer
        self.proc = proc
    }

    private static let names = [
        "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6", "unix", "netlink",
        "packet",
        "sctp/assocs", "sctp/eps", "vsock", "arp", "dev", "dev_mcast", "route", "ipv6_route", "fib_trie",
        "fib_triestat",
        "if_inet6", "igmp", "igmp6", "snmp", "snmp6", "netstat", "sockstat", "sockstat6", "ptype", "protocols",
        "nf_conntrack", "ip_conntrack", "ip_tables_names", "ip_tables_matches", "ip_tables_targets", "ip6_tables_names",
        "bonding", "wireless",
    ]
    private static let limit = 16 << 20

    /// - Parameter pids: processes of the namespace, the likeliest to live first; the first that can be read serves.
    package func collect(member: String, pids: [Int32]) throws(EvidenceError) {
        guard let pid = pids.first(where: { (try? proc.namespace($0, "net")) != nil }) else {
            try writer.leaveOut(
                Artifact(member, source: "\(proc.root)/PID/net", kind: .network), .vanished,
                "no process of the network namespace can be read any more")
            return
        }
        try sockets(member: member, pid: pid)
        for name in Self.names {
            let path = proc.path(pid, "net/\(name)")
            try writer.text(
                Artifact("\(member)/\(name)", source: path, kind: .network), path: path, limit: Self.limit)
        }
    }

    private func sockets(member: String, pid: Int32) throws(EvidenceError) {
        let path = proc.path(pid, "ns/net")
        let artifact = Artifact("\(member)/sockets", source: "sock_diag in \(path)", kind: .network)
        let started = realtimeNanoseconds()
        let outcome = writer.outcome(timeout: 15_000_000_000, "asking the kernel") { () -> ReadOutcome in
            do throws(SystemError) {
                // A magic link: O_RDONLY opens the namespace.
                let namespace = try OwnedDescriptor(opening: path, flags: 0)
                return try SocketDiagnostics(namespace: namespace).dump()
            } catch {
                return ReadOutcome(error: error)
            }
        }
        try writer.add(artifact, outcome: outcome, limit: Self.limit, started: started)
    }
}
