private import ContainerInventory
private import EventModel
package import LinuxSystem
private import SystemPackage

/// `host/processes.jsonl`: every process in one cheap pass, with the container that its cgroup names.
package struct HostProcesses {
    private let writer: ArtifactWriter
    private let proc: ProcFilesystem
    private static let limit = 65_536
    private static let namespaces = ["mnt", "pid", "net", "user", "cgroup", "ipc", "uts"]

    package init(_ writer: ArtifactWriter, _ proc: ProcFilesystem) {
        self.writer = writer
        self.proc = proc
    }

    package func collect() throws(EvidenceError) {
        let started = realtimeNanoseconds()
        let artifact = Artifact("host/processes.jsonl", source: proc.root, kind: .host)
        let pids: [Int32]
        do throws(SystemError) {
            pids = try proc.processes().sorted()
        } catch {
            try writer.leaveOut(artifact, ArtifactStatus(of: error), "\(error)")
            return
        }
        var text = JSONText()
        for pid in pids.prefix(Self.limit) { describe(pid, into: &text) }
        let isCut = pids.count > Self.limit
        try writer.add(
            artifact, text.bytes, status: isCut ? .truncated : .ok,
            reason: isCut ? "\(pids.count) processes" : nil, started: started)
    }

    private func describe(_ pid: Int32, into text: inout JSONText) {
        guard let stat = try? proc.stat(pid) else { return }
        text.raw("{\"pid\":")
        text.number(Int64(pid))
        text.raw(",\"ppid\":")
        text.number(Int64(stat.parentPID))
        text.raw(",\"comm\":")
        text.string(EscapedName.escape(stat.comm.utf8))
        text.raw(",\"state\":")
        text.string(String(stat.state))
        text.raw(",\"start\":")
        text.number(Int64(clamping: stat.startTime))
        text.raw(",\"uid\":")
        if let owner = (try? FileStatus.of("\(proc.root)/\(pid)", following: false))?.owner {
            text.number(Int64(owner))
        } else {
            text.raw("null")
        }
        text.raw(",\"exe\":")
        optional((try? readLink(proc.path(pid, "exe"))).map { EscapedName.escape($0.utf8) }, &text)
        // Waits for the process's mmap lock: on a thread that may hang.
        let path = proc.path(pid, "cmdline")
        let command = writer.outcome(timeout: 500_000_000, "reading") { ReadOutcome(reading: path, limit: 4096) }
        text.raw(",\"cmdline\":")
        if command.error == nil {
            let words = command.bytes.split(separator: 0, omittingEmptySubsequences: false)
                .dropLast(command.bytes.last == 0 ? 1 : 0)
            text.list("[", words, "]") { text, word in text.string(EscapedName.escape(word)) }
        } else {
            text.raw("null")
        }
        let cgroups = (try? proc.cgroups(pid)) ?? []
        text.raw(",\"cgroup\":")
        text.string(EscapedName.escape(ContainerCgroup.principalPath(cgroups).utf8))
        text.raw(",\"container\":")
        optional(ContainerCgroup.classify(cgroups)?.id.rawValue, &text)
        text.raw(",\"ns\":")
        text.list("{", Self.namespaces, "}") { text, kind in
            text.string(kind)
            text.raw(":")
            if let id = try? proc.namespaceNumber(pid, kind) {
                text.number(Int64(clamping: id))
            } else {
                text.raw("null")
            }
        }
        text.raw("}\n")
    }

    private func optional(_ value: String?, _ text: inout JSONText) {
        if let value { text.string(value) } else { text.raw("null") }
    }
}

extension ProcFilesystem {
    /// The inode of a namespace by its link's text, `net:[4026531840]`: cheaper than opening it.
    func namespaceNumber(_ pid: Int32, _ kind: String) throws(SystemError) -> UInt64 {
        let link = try readLink(path(pid, "ns/\(kind)"))
        guard let open = link.firstIndex(of: "["), let inode = UInt64(link[link.index(after: open)...].dropLast())
        else {
            throw SystemError("parse", link, errno: .invalidArgument)
        }
        return inode
    }
}
