import ArgumentParser
import CSeccomp
import EventModel
import Glibc

/// What a process of this program may ask of the kernel, as a seccomp filter. It holds for all its threads, and for ever.
struct SystemCallFilter {
    enum Mode: String, Sendable, CaseIterable {
        /// What is in no list fails with EPERM; what the program must never do ends it.
        case enforce
        /// Everything is done; what would have failed is recorded by audit.
        case log
        case off
    }

    /// A call of libseccomp that failed: which, and its errno.
    struct Failure: Error, CustomStringConvertible {
        var step: String
        var error: CInt
        var description: String { "the filter of system calls cannot be set (\(step)): \(errorText(error))" }
        /// The kernel has no filters.
        var isUnsupported: Bool { step == "load" && [EINVAL, ENOSYS, EOPNOTSUPP].contains(error) }
    }

    var groups: [CallGroup]
    var mode: Mode

    /// - Parameter environment: of the process; with `SWIFT_BACKTRACE` switched on it may start the program that prints one.
    init(_ process: ConfinedProcess, mode: Mode, environment: [String: String]) {
        self.mode = mode
        groups = process.groups
        if environment["SWIFT_BACKTRACE"]?.contains("enable=yes") == true { groups += CallGroup.backtrace }
    }

    /// Takes effect in every thread of this process, and in those and the processes that they make later.
    ///
    /// Each refusal is recorded by audit (type SECCOMP), which is how the sensor counts it. A kernel without that (before
    /// 4.14) refuses all the same.
    func load() throws(Failure) {
        guard mode != .off else { return }
        let refusal = mode == .log ? na_scmp_log() : na_scmp_refuse(EPERM)
        guard let context = unsafe seccomp_init(refusal) else { throw Failure(step: "init", error: ENOMEM) }
        defer { unsafe seccomp_release(context) }
        let death = mode == .log ? na_scmp_log() : na_scmp_kill()
        // Another architecture's calls (32 bit, x32) have other numbers: none is ours.
        try check(unsafe seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, death), "architecture")
        try check(unsafe seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1), "threads")
        _ = unsafe seccomp_attr_set(context, SCMP_FLTATR_CTL_LOG, 1)
        // A binary tree instead of a comparison for each call of the list.
        _ = unsafe seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        if mode == .enforce {
            for name in CallGroup.forbidden.calls { try unsafe add(name, death, [], context) }
        }
        var seen: Set<String> = []
        for group in groups {
            for name in group.calls.map(Self.onThisMachine)
            where !group.conditions.isEmpty || seen.insert(name).inserted {
                try unsafe add(name, na_scmp_allow(), group.conditions, context)
            }
        }
        try check(unsafe seccomp_load(context), "load")
    }

    /// For a process that has nothing to lose yet. On a kernel without filters it goes on, and says so.
    func loadOrExit() {
        do throws(Failure) {
            try load()
        } catch {
            guard error.isUnsupported else { CommandFailure(.failed, "\(error)").exit() }
            writeError("nodeagent: \(error)\n")
        }
    }

    /// What glibc calls instead where the machine has no such call (arm64).
    private static func onThisMachine(_ name: String) -> String {
        guard unsafe seccomp_syscall_resolve_name(name) < 0 else { return name }
        return generic[name] ?? name
    }
    private static let generic = [
        "access": "faccessat", "dup2": "dup3", "epoll_wait": "epoll_pwait", "mkdir": "mkdirat", "poll": "ppoll",
        "readlink": "readlinkat", "rename": "renameat", "unlink": "unlinkat",
    ]

    private func add(
        _ name: String, _ action: UInt32, _ conditions: [CallGroup.Condition], _ context: scmp_filter_ctx
    ) throws(Failure) {
        let number = unsafe seccomp_syscall_resolve_name(name)
        // One that this library, or this architecture, does not know: neither does the program make it.
        guard number >= 0 else { return }
        let comparisons = conditions.map {
            scmp_arg_cmp(arg: $0.argument, op: SCMP_CMP_EQ, datum_a: $0.value, datum_b: 0)
        }
        try check(
            unsafe seccomp_rule_add_array(context, action, number, UInt32(comparisons.count), comparisons), name)
    }

    private func check(_ result: CInt, _ step: String) throws(Failure) {
        guard result == 0 else { throw Failure(step: step, error: -result) }
    }
}

extension SystemCallFilter.Mode: ExpressibleByArgument {}
