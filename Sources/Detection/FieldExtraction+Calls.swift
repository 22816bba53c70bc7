internal import EventModel

/// The arguments of calls, under Falco's names.
extension FieldExtraction {
    static func argument(_ field: FieldID, _ event: KernelEvent, into store: inout ValueStore) -> Value {
        guard event.source == .audit else { return .missing }
        let first = event.arguments[0]
        switch (field, event.type) {
        case (.evtArgRequest, .ptrace): return named(PtraceRequest.name(first), first, into: &store)
        case (.evtArgDomain, .socket): return named(AddressFamily.name(first), first, into: &store)
        case (.evtArgTarget, .symlink), (.evtArgTarget, .symlinkat): return text(event.target)
        case (.evtArgLinkpath, .symlink), (.evtArgLinkpath, .symlinkat): return text(event.name)
        case (.evtArgOldpath, _) where event.type.isRename || event.type == .link || event.type == .linkat:
            return text(event.target)
        case (.evtArgNewpath, _) where event.type.isRename || event.type == .link || event.type == .linkat:
            return text(event.name)
        case (.evtArgPath, .mkdir), (.evtArgPath, .mkdirat), (.evtArgPath, .rmdir), (.evtArgPath, .unlink),
            (.evtArgName, .unlinkat), (.evtArgFilename, .chmod), (.evtArgFilename, .fchmodat):
            return text(event.name)
        case (.evtArgName, _) where event.type.isOpen || event.type == .mknod || event.type == .mknodat:
            return text(event.name)
        case (.evtArgFilename, _) where event.type.isExec: return text(event.name)
        case (.evtArgUID, .setuid), (.evtArgGID, .setgid):
            let start = store.text.count
            store.appendDecimal(first & 0xFFFF_FFFF)
            return store.value(from: start)
        case (.evtArgFD, _): return argument(.evtArgFD, event)
        case (.evtArgPID, .kill): return .number(Int64(Int32(truncatingIfNeeded: first)))
        case (.evtArgPID, .ptrace): return .number(Int64(Int32(truncatingIfNeeded: event.arguments[1])))
        default: return .missing
        }
    }

    /// The descriptor that a call takes.
    static func argument(_ field: FieldID, _ event: KernelEvent) -> Value {
        switch event.type {
        case .connect, .accept, .accept4, .bind, .listen, .sendto, .sendmsg, .dup, .dup2, .dup3, .fchmod, .setns,
            .finitModule:
            .number(Int64(Int32(truncatingIfNeeded: event.arguments[0])))
        default: .missing
        }
    }

    private static func named(_ name: String?, _ number: UInt64, into store: inout ValueStore) -> Value {
        if let name { return store.value(name) }
        let start = store.text.count
        store.appendDecimal(number)
        return store.value(from: start)
    }

    /// Commands of bpf(2) that upstream rules name (include/uapi/linux/bpf.h).
    static func bpfCommand(_ number: UInt64, into store: inout ValueStore) -> Value {
        named(number < UInt64(bpfCommands.count) ? bpfCommands[Int(number)] : nil, number, into: &store)
    }

    private static let bpfCommands = [
        "BPF_MAP_CREATE", "BPF_MAP_LOOKUP_ELEM", "BPF_MAP_UPDATE_ELEM", "BPF_MAP_DELETE_ELEM", "BPF_MAP_GET_NEXT_KEY",
        "BPF_PROG_LOAD",
    ]
}

/// Requests of ptrace(2) (include/uapi/linux/ptrace.h, asm/ptrace-abi.h).
package enum PtraceRequest {
    private static let names: [UInt64: String] = [
        0: "PTRACE_TRACEME", 1: "PTRACE_PEEKTEXT", 2: "PTRACE_PEEKDATA", 3: "PTRACE_PEEKUSR", 4: "PTRACE_POKETEXT",
        5: "PTRACE_POKEDATA", 6: "PTRACE_POKEUSR", 7: "PTRACE_CONT", 8: "PTRACE_KILL", 9: "PTRACE_SINGLESTEP",
        12: "PTRACE_GETREGS", 13: "PTRACE_SETREGS", 14: "PTRACE_GETFPREGS", 15: "PTRACE_SETFPREGS",
        16: "PTRACE_ATTACH", 17: "PTRACE_DETACH", 24: "PTRACE_SYSCALL", 0x4200: "PTRACE_SETOPTIONS",
        0x4201: "PTRACE_GETEVENTMSG", 0x4202: "PTRACE_GETSIGINFO", 0x4203: "PTRACE_SETSIGINFO",
        0x4204: "PTRACE_GETREGSET", 0x4205: "PTRACE_SETREGSET", 0x4206: "PTRACE_SEIZE", 0x4207: "PTRACE_INTERRUPT",
        0x4208: "PTRACE_LISTEN",
    ]

    static func name(_ number: UInt64) -> String? { names[number] }

    /// The requests whose names hold `text`.
    static func numbers(containing text: String) -> [UInt32] {
        names.filter { $0.value.contains(text) }.map { UInt32(truncatingIfNeeded: $0.key) }.sorted()
    }
}

/// Address families that socket(2) takes.
enum AddressFamily {
    private static let names: [UInt64: String] = [
        1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK", 17: "AF_PACKET", 31: "AF_BLUETOOTH",
        38: "AF_ALG", 40: "AF_VSOCK", 44: "AF_XDP",
    ]

    static func name(_ number: UInt64) -> String? { names[number] }

    /// The families whose names hold `text`.
    static func numbers(containing text: String) -> [UInt32] {
        names.filter { $0.value.contains(text) }.map { UInt32(truncatingIfNeeded: $0.key) }.sorted()
    }
}
