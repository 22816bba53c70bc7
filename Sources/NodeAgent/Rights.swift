import CCap
import CLinux
import Glibc

/// A capability that the sensor works with, and what is lost without it. The unit file and the threat model repeat this
/// list; keep them together.
struct Right: Sendable {
    var capability: CInt
    var name: String
    var loss: String

    /// Without these the sensor does not start.
    static let needed: [Right] = [
        Right(
            capability: CAP_AUDIT_CONTROL, name: "CAP_AUDIT_CONTROL",
            loss: "no audit rules: mounts, device nodes and failed opens go unseen"),
        Right(capability: CAP_AUDIT_READ, name: "CAP_AUDIT_READ", loss: "no audit records beside another audit daemon"),
        Right(
            capability: CAP_SYS_ADMIN, name: "CAP_SYS_ADMIN",
            loss: "no fanotify marks: reads of environ and writes to sysfs go unseen"),
        Right(
            capability: CAP_NET_ADMIN, name: "CAP_NET_ADMIN",
            loss: "no process connector: short-lived processes have no container"),
        Right(
            capability: CAP_SYS_PTRACE, name: "CAP_SYS_PTRACE",
            loss:
                "no /proc/PID/root and exe of others, and fanotify events of foreign environ files come without their object"
        ),
        Right(
            capability: CAP_DAC_READ_SEARCH, name: "CAP_DAC_READ_SEARCH",
            loss: "no runtime state files: containers without name and image"),
    ]

    /// Kept beside them: CAP_SYS_NICE lets the readers run before the work they look at, CAP_DAC_OVERRIDE writes into the
    /// runtime directory and the cgroups of others, CAP_KILL asks whether an audit daemon lives and ends a child of another
    /// identity.
    private static let kept: [CInt] = [CAP_SYS_NICE, CAP_DAC_OVERRIDE, CAP_KILL]

    /// The needed rights that this process does not have.
    static func missing() -> [Right] {
        guard let state = unsafe cap_get_proc() else { return needed }
        defer { unsafe cap_free(UnsafeMutableRawPointer(state)) }
        return needed.filter { right in
            var value = CAP_CLEAR
            return unsafe cap_get_flag(state, right.capability, CAP_EFFECTIVE, &value) != 0 || value != CAP_SET
        }
    }

    /// Gives up every other capability of this thread, and that an exec brings any back. Called while it is the only one: capabilities are a thread's, and
    /// later threads inherit them from this one.
    static func dropOthers() -> Bool {
        guard let old = unsafe cap_get_proc(), let new = unsafe cap_init() else { return false }
        defer {
            unsafe cap_free(UnsafeMutableRawPointer(old))
            unsafe cap_free(UnsafeMutableRawPointer(new))
        }
        for capability in needed.map(\.capability) + kept {
            var value = CAP_CLEAR
            guard unsafe cap_get_flag(old, capability, CAP_PERMITTED, &value) == 0, value == CAP_SET else { continue }
            var list = [cap_value_t(capability)]
            unsafe cap_set_flag(new, CAP_PERMITTED, 1, &list, CAP_SET)
            unsafe cap_set_flag(new, CAP_EFFECTIVE, 1, &list, CAP_SET)
        }
        return unsafe cap_set_proc(new) == 0 && na_no_new_privileges() == 0
    }

    /// Gives up everything: identity first, then every capability and the way back. 0, or the errno.
    static func dropAll(user: uid_t, group: gid_t) -> CInt {
        guard setgroups(0, nil) == 0, setgid(group) == 0, setuid(user) == 0 else { return errno }
        guard let none = unsafe cap_init() else { return errno }
        defer { unsafe cap_free(UnsafeMutableRawPointer(none)) }
        guard unsafe cap_set_proc(none) == 0 else { return errno }
        return -na_no_new_privileges()
    }
}
