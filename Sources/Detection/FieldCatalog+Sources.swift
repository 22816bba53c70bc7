/// Where the value of a field comes from.
package enum FieldSource: String, Sendable, CaseIterable {
    /// The audit records of a call.
    case audit
    /// fanotify's events of marked files.
    case fanotify
    /// What the inventory itself tells: a container that started, a process that left its cgroup.
    case inventory
    /// The process table: the process connector and /proc.
    case processes
    /// What the runtimes' files and the kernel say of a container.
    case containers
}

extension FieldDescription {
    /// What feeds it, in the order of the cases; empty for a field that is not fed.
    package var sources: [FieldSource] {
        guard isFed else { return [] }
        switch id {
        case .evtType, .evtTime, .evtRawtime, .evtSource, .evtDir, .evtIsIOUring, .evtIsComplete:
            return [.audit, .fanotify, .inventory]
        case .evtRes, .evtFailed, .fdName, .fdNameraw, .fdFilename, .fdDirectory, .fdTypechar, .fdFstype, .fdIno,
            .fdDevMajor, .fdDevMinor, .fileType, .fileDevice, .fileNode, .fileInode:
            return [.audit, .fanotify]
        case .fdProcPID: return [.fanotify]
        case .fdProcSameContainer, .fdProcIsSelf: return [.fanotify, .processes]
        case .evtArgCgroups: return [.inventory]
        case .procTty, .procCwd: return [.audit]
        case .userUID, .userName, .procName, .procExepath, .procPID, .procPpid:
            return [.audit, .processes]
        default: break
        }
        if phase == .event { return [.audit] }
        return name.hasPrefix("container.") || name.hasPrefix("k8s.") ? [.containers] : [.processes]
    }

    /// What stands between its brackets: `N` for a number, `NAME` for a name or a number; nil for nothing.
    package var argument: String? { FieldReference.argumentName(of: id) }

    /// Why no source here tells it; nil for a field that is fed.
    package var whyUnfed: String? {
        guard !isFed else { return nil }
        return FieldCatalog.reasons.first { reason in reason.names.contains { NamePattern($0).matches(name) } }?.why
            ?? "no source here reads it yet"
    }
}

extension FieldCatalog {
    /// Why fields are not fed, by patterns of their names; the first that fits counts.
    static let reasons: [(names: [String], why: String)] = [
        (
            ["fd.*ip.name"],
            "a name would have to be asked for over the network, and it is what its owner makes of it"
        ),
        (["fd.*proto"], "the name that /etc/services has for a port, which `fd.sport` and its like tell"),
        (
            ["evt.buffer", "evt.buflen", "evt.is_io*", "evt.io_dir", "evt.is_wait", "evt.is_syslog"],
            "reads and writes are not asked for: an audit record for each would stop the host"
        ),
        (
            ["evt.arg", "evt.rawarg", "evt.args", "evt.info", "evt.abspath"],
            "audit tells the first four arguments as numbers; those that are made readable have names of their own, as `evt.arg.flags`"
        ),
        (["evt.is_open_exec", "evt.is_open_create"], "audit tells the flags of an open, not what came of them"),
        (["evt.cpu"], "no source here says on which CPU it happened"),
        (["evt.category", "evt.is_async"], "a class of Falco's own events, which has no counterpart here"),
        (["evt.hostname"], "every alert has the host's name as `hostname` already"),
        (["evt.datetime"], "a text made of `evt.time`; every alert has its time already"),
        (["evt.reltime", "evt.deltatime"], "sources are independent: there is no one order of all events to count in"),
        (
            ["fd.types", "fd.uid"],
            "what a process' other descriptors are is not followed; `fd.type` tells it of the event's own"
        ),
        (["fd.dev"], "`fd.dev.major` and `fd.dev.minor` tell it"),
        (["fd.container*"], "put together of two fields, which tell it one by one"),
        (["*upper_layer", "*lower_layer"], "in which layer of an overlay a file lies is looked up for programs alone"),
        (
            ["fs.path.*"],
            "`fd.name`, `evt.arg.name`, `evt.arg.oldpath` and their like have the paths of the calls that are asked for"
        ),
        (["proc.env", "proc.aenv"], "environments hold secrets and are not read"),
        (
            ["proc.std*", "proc.fd*", "proc.vm*", "proc.n*s"],
            "true of one moment only: what /proc says later is not what was when it happened"
        ),
        (
            ["proc.*sid*", "proc.sname", "proc.*pgid*", "proc.loginshellid"],
            "sessions and process groups are not read yet"
        ),
        (["proc.exe_ino*", "proc.is_exe_*", "proc.pidns*"], "not read of the program's file and of the namespace yet"),
        (["thread.*"], "processes are followed, not their threads"),
        (
            ["container.ip", "container.cni.json", "k8s.pod.ip", "k8s.pod.cni.json"],
            "network plugins keep it where the runtimes' files do not tell"
        ),
        (["container.*", "k8s.*"], "not read from the runtimes' files yet"),
    ]
}
