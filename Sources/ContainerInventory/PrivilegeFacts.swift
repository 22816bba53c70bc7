/// What is known of a container's rights, and the verdict on it (peers.md 2c). Nil: not known.
package struct PrivilegeFacts: Sendable, Equatable {
    /// The engine's own word, and where it stands.
    package var declared: Bool?
    package var declaredBy: String?
    package var hasHostUserNamespace: Bool?
    /// CapBnd of the container's init, once it runs its own command; before that the configuration's.
    package var boundingCapabilities: UInt64?
    package var hostCapabilities: UInt64 = 0
    /// Masked or read-only paths are configured, or seen over /proc.
    package var hasMaskedPaths: Bool?
    /// /sys is mounted, read-only.
    package var hasReadOnlySysfs: Bool?

    package init() {}

    private static let sysAdmin: UInt64 = 1 << 21
    /// PERFMON, BPF, CHECKPOINT_RESTORE (Linux 5.8, 5.9): carved out of SYS_ADMIN, which still grants all they do. An engine
    /// that is older than they are leaves them out of "all" (docker 20.10 does).
    private static let carvedOut: UInt64 = 1 << 38 | 1 << 39 | 1 << 40

    /// Every capability that the host itself has.
    package var hasAllCapabilities: Bool? {
        guard let boundingCapabilities, hostCapabilities != 0 else { return nil }
        let granted =
            boundingCapabilities & Self.sysAdmin != 0 ? boundingCapabilities | Self.carvedOut : boundingCapabilities
        return granted & hostCapabilities == hostCapabilities
    }

    /// The verdict and what it rests on. A declared yes always wins; a declared no does not contradict the kernel.
    package var verdict: (isPrivileged: Bool?, reasons: [String]) {
        var reasons: [String] = []
        if declared == true { reasons.append(declaredBy ?? "declared privileged") }
        if hasHostUserNamespace == false { reasons.append("own user namespace") }
        switch hasAllCapabilities {
        case true?: reasons.append("all capabilities of the host")
        case false?: reasons.append("not all capabilities")
        case nil: break
        }
        switch hasMaskedPaths {
        case true?: reasons.append("paths masked or read-only")
        case false?: reasons.append("no masked paths")
        case nil: break
        }
        switch hasReadOnlySysfs {
        case true?: reasons.append("/sys read-only")
        case false?: reasons.append("/sys not read-only")
        case nil: break
        }
        if declared == true { return (true, reasons) }
        let kernel = [hasHostUserNamespace, hasAllCapabilities, hasMaskedPaths.map(!), hasReadOnlySysfs.map(!)]
        if kernel.contains(false) { return (false, reasons) }
        if !kernel.contains(nil) { return (true, reasons) }
        if declared == false { return (false, [declaredBy ?? "declared not privileged"] + reasons) }
        return (nil, reasons)
    }

    /// Capability names of the OCI specification as bits (linux/capability.h); unknown names are left out.
    package static func bits(_ names: [String]) -> UInt64 {
        var bits: UInt64 = 0
        for name in names {
            if let index = capabilityNames.firstIndex(where: {
                name.hasSuffix($0) && name.utf8.count == $0.utf8.count + 4
            }) {
                bits |= 1 << UInt64(index)
            }
        }
        return bits
    }

    private static let capabilityNames = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]
}
