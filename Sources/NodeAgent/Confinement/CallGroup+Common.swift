import Glibc

extension CallGroup {
    /// What the C library (glibc 2.36, compared with 2.41) and the Swift runtime (6.3.1, with libdispatch) do in every
    /// process.
    static let common: [CallGroup] = [
        CallGroup(
            "glibc: malloc, stacks", "memory; mprotect lays a stack's guard page and opens an arena",
            ["brk", "mmap", "munmap", "mremap", "mprotect", "madvise"],
            source: "glibc 2.36 malloc/malloc.c, malloc/arena.c, nptl/allocatestack.c"),
        CallGroup(
            "glibc: threads", "clone3 where the kernel has it, else clone; their names, their number, their bounds",
            [
                "clone3", "clone", "rseq", "set_robust_list", "futex", "prctl", "sched_getaffinity", "prlimit64",
                "gettid", "getpid", "tgkill", "exit", "exit_group",
            ],
            source: "glibc 2.36 nptl/pthread_{create,getattr_np,kill,setname}.c, linux/{clone-internal,getsysstats}.c"),
        CallGroup(
            "glibc: signals", "masks around thread starts, handlers, their return; a wait goes on after a stop",
            ["rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "restart_syscall"],
            source: "glibc 2.36 nptl/pthread_sigmask.c, linux/libc_sigaction.c; restart_syscall(2)"),
        CallGroup(
            "glibc: clocks", "where the vDSO does not answer, and sleeping",
            ["clock_gettime", "clock_getres", "gettimeofday", "time", "clock_nanosleep"],
            source: "glibc 2.36 linux/{clock_*,gettimeofday,time}.c; Swift 6.3 Concurrency/Clock.cpp"),
        CallGroup(
            "glibc: random numbers", "malloc's key, hash seeds", ["getrandom"],
            source: "glibc 2.36 malloc/malloc.c; Swift 6.3 stubs/Random.cpp; swift-crypto 4.5.2 crypto/rand"),
        CallGroup(
            "glibc: files", "reading, writing, stdio's question whether its descriptor is a terminal, a failed assert",
            ["openat", "read", "write", "writev", "close", "lseek", "fcntl", "fstat", "newfstatat", "ioctl"],
            source: "glibc 2.36 linux/{open64,fstat64,fstatat64,libc_fatal}.c; libio; from 2.39 on fstat"),
        CallGroup(
            "libdispatch: threads", "their turn", ["sched_yield", "setpriority"],
            source: "libdispatch 6.3.1 src/queue.c, src/shims/{lock,yield}.c"),
        CallGroup(
            "libdispatch: log", "syslog, where a thread's priority cannot be set; our clients of the control socket",
            ["connect"], source: "libdispatch 6.3.1 src/init.c, src/queue.c; glibc 2.36 misc/syslog.c"),
        CallGroup(
            "libdispatch: log", "the same", family: (AF_UNIX, "AF_UNIX"), source: "glibc 2.36 misc/syslog.c"),
        CallGroup("LinuxSystem: waiting", "for descriptors", ["eventfd2", "poll"], source: "CLinux/linux_file.c"),
        CallGroup(
            "our own pairs", "frames and reports between the processes of the program; netlink",
            ["sendto", "recvfrom", "setsockopt"], source: "CLinux/linux_{process,netlink,sock_diag}.c"),
    ]

    /// Of the processes that have asynchronous code.
    static let eventLoop = CallGroup(
        "libdispatch: event loop", "its queue of descriptors and timers",
        ["epoll_create1", "epoll_ctl", "epoll_wait", "timerfd_create", "timerfd_settime", "getsockopt"],
        source: "libdispatch 6.3.1 src/event/event_epoll.c")

    /// Of the processes that read what the host and its containers have.
    static let files = CallGroup(
        "LinuxSystem: files", "no link leads out of a foreign root; which object, on which file system",
        ["openat2", "statx", "fstatfs", "pread64", "readlink", "getdents64"],
        source: "CLinux/linux_{file,walk}.c; glibc 2.36 linux/{fstatvfs,readdir64}.c")

    /// Only where backtraces are switched on (`SWIFT_BACKTRACE`): the handler of a crash starts the program that prints it,
    /// which then runs under this same filter.
    static let backtrace = [
        CallGroup(
            "Swift runtime: backtrace", "the handler of a crash stops the threads and starts swift-backtrace (clone)",
            ["getdents64", "dup2", "execve", "wait4"],
            source: "Swift 6.3 runtime/{CrashHandlerLinux,Backtrace}.cpp"),
        CallGroup(
            "Swift runtime: backtrace", "by which swift-backtrace reads this process's memory", "socketpair",
            family: (AF_UNIX, "AF_UNIX"),
            source: "Swift 6.3 runtime/CrashHandlerLinux.cpp, RuntimeModule/MemoryReader.swift"),
        CallGroup(
            "glibc: start of a program", "swift-backtrace's, with its libraries",
            ["access", "pread64", "readlink", "arch_prctl", "set_tid_address", "getppid"],
            source: "glibc 2.36 elf/{rtld,dl-load}.c, linux/dl-origin.c, sysdeps/nptl; Swift 6.3 TargetLinux.swift"),
    ]
}
