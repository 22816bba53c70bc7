import EventModel
import Glibc
import LinuxSystem

extension AgentFacts {
    static let lockFile = "/run/nodeagent.lock"

    static func read(runtimeDirectory: String, proc: ProcFilesystem = ProcFilesystem()) -> AgentFacts {
        var facts = AgentFacts(socket: runtimeDirectory + "/control.sock")
        facts.lock = lockHolder(proc)
        do {
            guard let response = try ControlClient.ask(ControlRequest(command: .status), at: facts.socket) else {
                return facts
            }
            facts.listing = response.agent
            facts.first = Reading(time: monotonicNanoseconds(), counters: response.status ?? [:])
            facts.last = facts.first
            if facts.listing == nil { facts.failure = response.error ?? "not what an agent says" }
        } catch {
            facts.failure = "\(error)"
        }
        return facts
    }

    /// The counters once more, a second after they were first read.
    mutating func readAgain() {
        guard let first else { return }
        let now = monotonicNanoseconds()
        if now < first.time + 1_000_000_000 { usleep(UInt32((first.time + 1_000_000_000 - now) / 1000)) }
        guard let response = try? ControlClient.ask(ControlRequest(command: .status), at: socket),
            let counters = response.status
        else { return }
        last = Reading(time: monotonicNanoseconds(), counters: counters)
    }

    /// The containers that the agent knows; nil when it does not say.
    func containers() -> [ContainerListing]? {
        guard listing != nil else { return nil }
        return (try? ControlClient.ask(ControlRequest(command: .inventory), at: socket))?.containers
    }

    /// By the kernel's table of locks: trying to take the lock would keep an agent from starting meanwhile.
    private static func lockHolder(_ proc: ProcFilesystem) -> Holder? {
        guard let file = try? FileStatus.of(lockFile, following: false).file,
            let bytes = try? readFile("\(proc.root)/locks", limit: 4 << 20),
            let pid = holder(of: file, in: bytes)
        else { return nil }
        return Holder(pid: pid, comm: (try? proc.stat(pid))?.comm ?? "-")
    }

    /// `1: FLOCK  ADVISORY  WRITE 4711 00:19:1234 0 EOF` (proc_locks(5)): the device in hexadecimal, then the inode. Behind
    /// `->` stand those that wait.
    static func holder(of file: FileID, in locks: [UInt8]) -> Int32? {
        for line in textLines(locks) {
            let columns = line.split(separator: " ")
            guard columns.count > 5, columns[1] == "FLOCK", let pid = Int32(columns[4]) else { continue }
            let parts = columns[5].split(separator: ":")
            guard parts.count == 3, UInt32(parts[0], radix: 16) == file.device.major,
                UInt32(parts[1], radix: 16) == file.device.minor, UInt64(parts[2]) == file.inode
            else { continue }
            return pid
        }
        return nil
    }
}
