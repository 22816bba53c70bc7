import Glibc

extension CallGroup {
    /// What the C library (glibc 2.36 to 2.41) and the Swift runtime (6.3, with libdispatch) do in every process.
    static let common: [CallGroup] = [
        CallGroup(
            "glibc: malloc, stacks", "memory; mprotect lays a stack's guard page and opens an arena",
            ["brk", "mmap", "munmap", "mremap", "mprotect", "madvise"]),
        CallGroup(
            "glibc: threads", "clone3 where the kernel has it, else clone; an end gives the stack back",
            [
                "clone", "clone3", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "futex", "exit",
                "exit_group", "gettid", "getpid", "tgkill", "arch_prctl", "prlimit64", "getrlimit",
            ]),
        CallGroup(
            "glibc: signals", "masks around thread starts, handlers, their return",
            [
                "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack",
                "restart_syscall",
            ]),
        CallGroup(
            "glibc: clocks", "where the vDSO does not answer, and sleeping",
            ["clock_gettime", "clock_getres", "gettimeofday", "time", "clock_nanosleep", "nanosleep"]),
        CallGroup("glibc: random numbers", "arc4random, hash seeds", ["getrandom"]),
        CallGroup(
            "glibc: identity", "getuid and its kin", ["getuid", "geteuid", "getgid", "getegid", "getppid", "uname"]),
        CallGroup(
            "glibc: files", "reading, writing, stdio's question whether its descriptor is a terminal",
            [
                "read", "readv", "pread64", "write", "writev", "pwrite64", "close", "lseek", "fcntl", "fstat",
                "newfstatat", "stat", "lstat", "statx", "openat", "open", "access", "faccessat", "faccessat2",
                "readlink", "readlinkat", "getdents64", "ioctl", "dup", "dup2", "dup3", "getcwd",
            ]),
        CallGroup(
            "Swift runtime, libdispatch: threads", "how many processors, their turn, names, the pool's end",
            [
                "sched_getaffinity", "sched_yield", "sched_getparam", "sched_getscheduler", "sched_setscheduler",
                "sched_get_priority_min", "sched_get_priority_max", "sysinfo", "getcpu", "membarrier", "prctl",
                "getrusage", "setpriority", "getpriority",
            ]),
        CallGroup(
            "libdispatch: event loop", "its queue of descriptors, timers and signals",
            [
                "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2",
                "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4", "pipe2", "poll", "ppoll",
            ]),
        CallGroup(
            "our own pairs", "frames and reports between the processes of the program; netlink",
            [
                "sendto", "sendmsg", "recvfrom", "recvmsg", "getsockopt", "setsockopt", "getsockname", "getpeername",
                "shutdown", "bind", "connect",
            ]),
        CallGroup("our own sockets", "the control socket, the service manager", family: (AF_UNIX, "AF_UNIX")),
        CallGroup("our own pairs", "frames and reports", "socketpair", family: (AF_UNIX, "AF_UNIX")),
        CallGroup("our own signals", "to a child, a container's process, the process itself", ["kill"]),
    ]

    /// Only where backtraces are switched on (`SWIFT_BACKTRACE`): the handler of a crash starts the program that prints it,
    /// which then runs under this same filter.
    static let backtrace = CallGroup(
        "Swift runtime: backtrace", "the handler of a crash stops the threads and starts swift-backtrace",
        ["execve", "vfork", "fork", "wait4", "rt_tgsigqueueinfo", "rt_sigsuspend", "process_vm_readv"])
}
