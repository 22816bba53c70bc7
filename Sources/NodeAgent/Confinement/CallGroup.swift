/// System calls that one part of a process makes, and why: what the part's sources say, not what a trace has shown.
struct CallGroup: Sendable {
    /// The part: a library, or a module of ours with its subject.
    var origin: String
    var reason: String
    /// By the kernel's names, as glibc makes them on x86_64. A name that libseccomp does not know is passed over.
    var calls: [String]
    /// What was read for it: a library's version and files (`linux` is glibc's sysdeps/unix/sysv/linux), or files of ours.
    var source: String
    /// When not every call of that name is meant; the group has that one name then. All of them hold.
    var conditions: [Condition] = []

    /// An argument and the one value that it may have.
    struct Condition: Sendable {
        /// From 0.
        var argument: UInt32
        var value: UInt64
        var name: String
    }

    init(_ origin: String, _ reason: String, _ calls: [String], source: String) {
        self.origin = origin
        self.reason = reason
        self.calls = calls
        self.source = source
    }

    /// Sockets of one family; with a protocol, of that alone.
    init(
        _ origin: String, _ reason: String, _ call: String = "socket", family: (CInt, String),
        protocol number: (CInt, String)? = nil, source: String
    ) {
        self.init(origin, reason, [call], source: source)
        conditions = [Condition(argument: 0, value: UInt64(family.0), name: family.1)]
        if let number { conditions.append(Condition(argument: 2, value: UInt64(number.0), name: number.1)) }
    }
}

/// The processes of the program, as far as each has a filter of its own. The spawner has none: it runs a hundred lines of C
/// that start two commands of this program, and nothing else.
enum ConfinedProcess: String, Sendable, CaseIterable {
    case sensor = "run"
    case deliverer = "deliver"
    case collector = "collect"

    var groups: [CallGroup] {
        switch self {
        case .sensor: CallGroup.common + CallGroup.sensor
        case .deliverer: CallGroup.common + CallGroup.deliverer
        case .collector: CallGroup.common + CallGroup.collector
        }
    }
}

extension CallGroup {
    /// What no process of the program ever does, nor a library of it tries: asking for it ends the process. Everything else
    /// that is in no list only fails, so that a call that is missing here costs a figure and not the agent.
    static let forbidden = CallGroup(
        "nothing", "changes the kernel, loads code into it or takes its keys",
        [
            "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf", "add_key",
            "request_key", "keyctl", "reboot", "swapon", "swapoff", "pivot_root", "iopl", "ioperm",
        ], source: "none of the above has them")
}
