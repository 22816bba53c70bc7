/// One artifact of the host: where it lies and how it is taken.
package struct HostArtifact: Sendable {
    package enum Taking: Sendable {
        /// Read as text, at most that many bytes: files of /proc and /sys, whose sizes are not told by stat.
        case text(Int)
        /// A file as it is.
        case file
        /// The last bytes of a file.
        case tail(UInt64)
        /// A directory with all that is in it; links stay links.
        case tree
        /// The names and types in a directory tree, no content.
        case names
        /// shadow and gshadow: password fields as keyed hashes.
        case passwords
        /// In each home directory of /etc/passwd, below it.
        case homes
    }

    package var path: String
    package var taking: Taking

    package init(_ path: String, _ taking: Taking) {
        self.path = path
        self.taking = taking
    }

    private static let small = Taking.text(64 << 10)
    private static let large = Taking.text(8 << 20)

    /// What changes by itself, in the order in which it does.
    package static let volatile: [HostArtifact] = [
        HostArtifact("/proc/uptime", small),
        HostArtifact("/proc/loadavg", small),
        HostArtifact("/proc/locks", large),
        HostArtifact("/proc/keys", large),
        HostArtifact("/proc/key-users", small),
        HostArtifact("/proc/meminfo", small),
        HostArtifact("/proc/vmstat", small),
        HostArtifact("/proc/stat", large),
        HostArtifact("/proc/interrupts", large),
        HostArtifact("/proc/1/mountinfo", large),
        HostArtifact("/proc/self/mountinfo", large),
        HostArtifact("/proc/swaps", small),
        HostArtifact("/proc/partitions", small),
        HostArtifact("/proc/cgroups", small),
        HostArtifact("/proc/modules", large),
        HostArtifact("/proc/iomem", large),
        HostArtifact("/proc/ioports", large),
        HostArtifact("/proc/version", small),
        HostArtifact("/proc/cmdline", small),
        HostArtifact("/proc/devices", small),
        HostArtifact("/proc/filesystems", small),
        HostArtifact("/proc/misc", small),
        HostArtifact("/proc/crypto", large),
        HostArtifact("/proc/sysvipc/shm", large),
        HostArtifact("/proc/sysvipc/sem", large),
        HostArtifact("/proc/sysvipc/msg", large),
    ]

    /// Settings of the kernel that an escape changes, or that say how well it is guarded.
    package static let settings: [HostArtifact] = [
        HostArtifact("/proc/sys/kernel/core_pattern", small),
        HostArtifact("/proc/sys/kernel/core_pipe_limit", small),
        HostArtifact("/proc/sys/kernel/core_uses_pid", small),
        HostArtifact("/proc/sys/kernel/modprobe", small),
        HostArtifact("/proc/sys/kernel/hotplug", small),
        HostArtifact("/proc/sys/kernel/poweroff_cmd", small),
        HostArtifact("/proc/sys/kernel/tainted", small),
        HostArtifact("/proc/sys/kernel/randomize_va_space", small),
        HostArtifact("/proc/sys/kernel/modules_disabled", small),
        HostArtifact("/proc/sys/kernel/kexec_load_disabled", small),
        HostArtifact("/proc/sys/kernel/kptr_restrict", small),
        HostArtifact("/proc/sys/kernel/dmesg_restrict", small),
        HostArtifact("/proc/sys/kernel/perf_event_paranoid", small),
        HostArtifact("/proc/sys/kernel/sysrq", small),
        HostArtifact("/proc/sys/kernel/ns_last_pid", small),
        HostArtifact("/proc/sys/kernel/pid_max", small),
        HostArtifact("/proc/sys/kernel/hostname", small),
        HostArtifact("/proc/sys/kernel/random/boot_id", small),
        HostArtifact("/proc/sys/kernel/unprivileged_bpf_disabled", small),
        HostArtifact("/proc/sys/kernel/unprivileged_userns_clone", small),
        HostArtifact("/proc/sys/kernel/unprivileged_userns_apparmor_policy", small),
        HostArtifact("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", small),
        HostArtifact("/proc/sys/kernel/io_uring_disabled", small),
        HostArtifact("/proc/sys/kernel/yama/ptrace_scope", small),
        HostArtifact("/proc/sys/kernel/usermodehelper/bset", small),
        HostArtifact("/proc/sys/kernel/usermodehelper/inheritable", small),
        HostArtifact("/proc/sys/user/max_user_namespaces", small),
        HostArtifact("/proc/sys/vm/mmap_min_addr", small),
        HostArtifact("/proc/sys/vm/unprivileged_userfaultfd", small),
        HostArtifact("/proc/sys/vm/panic_on_oom", small),
        HostArtifact("/proc/sys/fs/suid_dumpable", small),
        HostArtifact("/proc/sys/fs/protected_symlinks", small),
        HostArtifact("/proc/sys/fs/protected_hardlinks", small),
        HostArtifact("/proc/sys/fs/protected_fifos", small),
        HostArtifact("/proc/sys/fs/protected_regular", small),
        HostArtifact("/proc/sys/net/ipv4/ip_forward", small),
        HostArtifact("/proc/sys/net/core/bpf_jit_enable", small),
        HostArtifact("/sys/kernel/uevent_helper", small),
        HostArtifact("/sys/kernel/security/lsm", small),
        HostArtifact("/sys/kernel/security/lockdown", small),
        HostArtifact("/sys/kernel/security/apparmor/profiles", large),
        HostArtifact("/sys/fs/selinux/enforce", small),
        HostArtifact("/sys/kernel/debug/kprobes/list", large),
        HostArtifact("/sys/kernel/tracing/kprobe_events", large),
        HostArtifact("/sys/kernel/tracing/uprobe_events", large),
        HostArtifact("/sys/kernel/tracing/enabled_functions", large),
        HostArtifact("/sys/fs/bpf", .names),
        HostArtifact("/proc/sys/fs/binfmt_misc", .tree),
    ]

    /// Accounts, services, schedules: where an intruder stays.
    package static let files: [HostArtifact] = [
        HostArtifact("/etc/passwd", .file),
        HostArtifact("/etc/passwd-", .file),
        HostArtifact("/etc/group", .file),
        HostArtifact("/etc/shadow", .passwords),
        HostArtifact("/etc/gshadow", .passwords),
        HostArtifact("/etc/subuid", .file),
        HostArtifact("/etc/subgid", .file),
        HostArtifact("/etc/sudoers", .file),
        HostArtifact("/etc/sudoers.d", .tree),
        HostArtifact("/etc/ld.so.preload", .file),
        HostArtifact("/etc/ld.so.conf", .file),
        HostArtifact("/etc/ld.so.conf.d", .tree),
        HostArtifact("/etc/environment", .file),
        HostArtifact("/etc/profile", .file),
        HostArtifact("/etc/profile.d", .tree),
        HostArtifact("/etc/rc.local", .file),
        HostArtifact("/etc/inittab", .file),
        HostArtifact("/etc/init.d", .tree),
        HostArtifact("/etc/modules", .file),
        HostArtifact("/etc/modules-load.d", .tree),
        HostArtifact("/etc/modprobe.d", .tree),
        HostArtifact("/etc/sysctl.conf", .file),
        HostArtifact("/etc/sysctl.d", .tree),
        HostArtifact("/etc/udev/rules.d", .tree),
        HostArtifact("/etc/pam.d", .tree),
        HostArtifact("/etc/crontab", .file),
        HostArtifact("/etc/anacrontab", .file),
        HostArtifact("/etc/cron.d", .tree),
        HostArtifact("/etc/cron.hourly", .tree),
        HostArtifact("/etc/cron.daily", .tree),
        HostArtifact("/etc/cron.weekly", .tree),
        HostArtifact("/etc/cron.monthly", .tree),
        HostArtifact("/var/spool/cron", .tree),
        HostArtifact("/var/spool/at", .tree),
        HostArtifact("/etc/systemd/system", .tree),
        HostArtifact("/etc/systemd/user", .tree),
        HostArtifact("/etc/systemd/journald.conf", .file),
        HostArtifact("/run/systemd/transient", .tree),
        HostArtifact("/run/systemd/generator", .tree),
        HostArtifact("/run/systemd/system", .tree),
        HostArtifact("/etc/kubernetes/manifests", .tree),
        HostArtifact("/var/lib/kubelet/config.yaml", .file),
        HostArtifact("/var/lib/kubelet/kubeadm-flags.env", .file),
        HostArtifact("/etc/containerd", .tree),
        HostArtifact("/etc/docker", .tree),
        HostArtifact("/etc/containers", .tree),
        HostArtifact("/etc/crio", .tree),
        HostArtifact("/etc/cni/net.d", .tree),
        HostArtifact("/etc/os-release", .file),
        HostArtifact("/usr/lib/os-release", .file),
        HostArtifact("/etc/machine-id", .file),
        HostArtifact("/etc/hostname", .file),
        HostArtifact("/etc/hosts", .file),
        HostArtifact("/etc/hosts.allow", .file),
        HostArtifact("/etc/hosts.deny", .file),
        HostArtifact("/etc/nsswitch.conf", .file),
        HostArtifact("/etc/resolv.conf", .file),
        HostArtifact("/etc/localtime", .file),
        HostArtifact("/etc/timezone", .file),
        HostArtifact("/etc/fstab", .file),
        HostArtifact("/etc/ssh/sshd_config", .file),
        HostArtifact("/etc/ssh/sshd_config.d", .tree),
        HostArtifact("/etc/audit", .tree),
        HostArtifact("/root/.ssh/authorized_keys", .file),
        HostArtifact(".ssh/authorized_keys", .homes),
        HostArtifact(".ssh/authorized_keys2", .homes),
    ]

    /// Logins; the logs themselves are walked, see `HostLogs`.
    package static let logins: [HostArtifact] = [HostArtifact("/run/utmp", .file)]
}
