/// Capabilities as the kernel numbers them (linux/capability.h): a set is 64 bits, as `/proc/PID/status` prints it.
package struct CapabilitySet: OptionSet, Sendable, Hashable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    private init(bit: UInt64) { self.init(rawValue: 1 << bit) }

    package static let dacReadSearch = CapabilitySet(bit: 2)
    package static let netBindService = CapabilitySet(bit: 10)
    package static let sysModule = CapabilitySet(bit: 16)
    package static let sysRawIO = CapabilitySet(bit: 17)
    package static let sysPtrace = CapabilitySet(bit: 19)
    package static let sysAdmin = CapabilitySet(bit: 21)
    package static let mknod = CapabilitySet(bit: 27)
    package static let perfmon = CapabilitySet(bit: 38)
    package static let bpf = CapabilitySet(bit: 39)
    /// PERFMON, BPF, CHECKPOINT_RESTORE (Linux 5.8, 5.9): carved out of SYS_ADMIN, which still grants all they do. An engine
    /// that is older than they are leaves them out of "all" (docker 20.10 does).
    package static let carvedOut: CapabilitySet = [perfmon, bpf, CapabilitySet(bit: 40)]

    /// What docker 20.10, containerd 1.6 and podman 4.3 give at most to a container that asks for nothing.
    package static let engineDefaults = CapabilitySet(names: [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
        "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_AUDIT_WRITE",
        "CAP_SETFCAP",
    ])

    /// Capability names of the OCI specification ("CAP_CHOWN"); unknown names are left out.
    package init(names: [String]) {
        rawValue = 0
        for name in names {
            guard name.hasPrefix("CAP_"), let bit = Self.names.firstIndex(of: String(name.dropFirst(4))) else {
                continue
            }
            rawValue |= 1 << UInt64(bit)
        }
    }

    /// "SYS_ADMIN" and the like, by number; one that has no name yet is "#41".
    package var names: [String] {
        (0..<64).compactMap { bit in
            guard rawValue & 1 << UInt64(bit) != 0 else { return nil }
            return bit < Self.names.count ? Self.names[bit] : "#\(bit)"
        }
    }

    /// Every capability of `host`, those that SYS_ADMIN grants as well among them.
    package func covers(_ host: CapabilitySet) -> Bool {
        (contains(.sysAdmin) ? union(.carvedOut) : self).isSuperset(of: host)
    }

    private static let names = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]
}
