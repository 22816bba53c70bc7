import CSeccomp
import EventModel
import Glibc
import KernelEvents
import LinuxSystem
import Synchronization

/// What the filters of our own processes refused, as audit's SECCOMP records tell it (the kernel writes one for each). A
/// refusal is a call that is missing in the list, or somebody who does what the program does not.
final class RefusedCalls: Sendable {
    private struct Refusal: Hashable {
        var command: String
        var number: Int
    }

    private let counts = Mutex<[Refusal: UInt64]>([:])
    /// The command that a process was started with by us, when it is our child; ours is `run`.
    private let command: @Sendable (pid_t) -> String?

    init(command: @escaping @Sendable (pid_t) -> String?) { self.command = command }

    /// By the command of the process.
    var totals: [String: UInt64] {
        counts.withLock { counts in
            var totals: [String: UInt64] = [:]
            for (refusal, count) in counts { totals[refusal.command, default: 0] += count }
            return totals
        }
    }

    /// Takes a record of type SECCOMP, whoever it is about: `auid=… pid=11512 comm="sc" exe="…" sig=0 arch=c000003e
    /// syscall=124 compat=0 ip=0x… code=0x50000`. What is to be told: the first refusal of a call to a command.
    func note(_ payload: Span<UInt8>) -> Alert? {
        guard let header = AuditRecordHeader(payload) else { return nil }
        var cursor = AuditFieldCursor(at: header.bodyOffset)
        var pid: pid_t?
        var number: Int?
        // The words that a process chooses (comm, exe) are quoted, so they add no fields.
        while let field = cursor.next(in: payload) {
            switch field.key(in: payload) {
            case AuditKey("pid"):
                pid = pid ?? AuditNumber.decimal(field.value(in: payload)).flatMap { pid_t(exactly: $0) }
            case AuditKey("syscall"):
                number = number ?? AuditNumber.decimal(field.value(in: payload)).flatMap { Int(exactly: $0) }
            default: break
            }
        }
        guard let pid, let number, let command = command(pid) else { return nil }
        let refusal = Refusal(command: command, number: number)
        let isFirst = counts.withLock { counts in
            counts[refusal, default: 0] += 1
            return counts[refusal] == 1
        }
        guard isFirst else { return nil }
        return .internal(
            "System call refused",
            "'nodeagent \(command)' (process \(pid)) asked for \(Self.name(number)), which its list does not have: a call "
                + "that is missing there is a defect of the agent, and anything else makes it do what it does not",
            priority: .critical)
    }

    private static func name(_ number: Int) -> String {
        guard let number = CInt(exactly: number),
            let name = unsafe seccomp_syscall_resolve_num_arch(seccomp_arch_native(), number)
        else { return "system call \(number)" }
        defer { unsafe free(name) }
        return unsafe String(cString: name)
    }
}
