import CLinux
import ContainerInventory
import EventModel
import Evidence
import Foundation
import LinuxSystem
import Testing

/// Real processes: what is collected of them, and what of their secrets is not.
@Suite struct CollectProcessTests {
    private func collect(
        _ directory: CollectDirectory, _ pids: [Int32], secrets: SecretPolicy = .redact,
        isWritten: @escaping ([UInt8]) -> Bool = { _ in false }
    ) throws -> Collected {
        try Collected.make(directory, secrets: secrets) { writer throws(EvidenceError) in
            try ProcessArtifacts(writer, ProcFilesystem(), isWritten: isWritten).collect(pids)
        }
    }

    @Test func deletedExecutable() throws {
        let directory = try CollectDirectory()
        let implant = "\(directory.path)/implant"
        try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: implant)
        let child = try CollectChild(implant, ["1000"], environment: ["PASSWORD": "hunter2-canary"])
        child.wait { (try? readLink("/proc/\(child.pid)/exe"))?.contains("implant") ?? false }
        try FileManager.default.removeItem(atPath: implant)
        let collected = try collect(directory, [child.pid])
        let member = "container/processes/\(child.pid)"
        #expect(collected.content("\(member)/exe") == (try Data(contentsOf: URL(fileURLWithPath: "/bin/sleep"))))
        for name in [
            "status", "stat", "statm", "maps", "limits", "cgroup", "mountinfo", "ns", "links", "fd", "cmdline",
        ] {
            #expect(collected.status("\(member)/\(name)") == "ok", "\(name)")
        }
        #expect(collected.text("\(member)/links").contains("implant (deleted)"))
        #expect(collected.text("\(member)/ns").contains("net -> net:["))
        #expect(collected.text("\(member)/cmdline").contains("1000"))
        #expect(!collected.contains("hunter2-canary"))
        #expect(collected.isRedacted("\(member)/environ"))
        #expect(collected.text("\(member)/environ").hasPrefix("PASSWORD=hmac-sha256:"))
        #expect(try collect(directory, [child.pid], secrets: .include).contains("hunter2-canary"))
        #expect(!collected.rows.contains { ($0["path"] as? String)?.hasSuffix("/mem") ?? false })
    }

    @Test func executableInMemory() throws {
        let directory = try CollectDirectory()
        let script = """
            import os
            d = os.memfd_create('implant'); os.write(d, open('/bin/sleep', 'rb').read())
            os.execve(d, ['kworker/0:1', '1000'], {})
            """
        let child = try CollectChild("/usr/bin/python3", ["-c", script])
        child.wait { (try? readLink("/proc/\(child.pid)/exe"))?.hasPrefix("/memfd:") ?? false }
        let collected = try collect(directory, [child.pid])
        let member = "container/processes/\(child.pid)"
        #expect(collected.content("\(member)/exe") == (try Data(contentsOf: URL(fileURLWithPath: "/bin/sleep"))))
        #expect(collected.text("\(member)/exe.txt").contains("/memfd:implant"))
    }

    /// Of a program that is not the container's own the hash says which it is.
    @Test func hashOnly() throws {
        let directory = try CollectDirectory()
        let child = try CollectChild("/bin/sleep", ["1000"])
        child.wait { (try? readLink("/proc/\(child.pid)/exe"))?.hasSuffix("/sleep") ?? false }
        let collected = try collect(directory, [child.pid])
        let member = "container/processes/\(child.pid)"
        let expected = String(decoding: run("/usr/bin/sha256sum", "/bin/sleep").output.prefix(64), as: UTF8.self)
        #expect(collected.text("\(member)/exe.txt").contains("sha256 \(expected)"))
        #expect(collected.row("\(member)/exe") == nil)
        #expect(try collect(directory, [child.pid], isWritten: { _ in true }).status("\(member)/exe") == "ok")
    }

    @Test func deletedButOpen() throws {
        let directory = try CollectDirectory()
        let file = "\(directory.path)/loot"
        let child = try CollectChild(
            "/bin/sh",
            [
                "-c",
                "exec 9>'\(file)'; echo LOOT-CONTENT >&9; rm '\(file)'; mkfifo '\(file)'; exec 8<>'\(file)'; rm '\(file)'; touch '\(file)-ready'; exec sleep 1000",
            ])
        child.wait { FileManager.default.fileExists(atPath: file + "-ready") }
        let collected = try collect(directory, [child.pid])
        let member = "container/processes/\(child.pid)"
        #expect(collected.text("\(member)/deleted/9") == "LOOT-CONTENT\n")
        #expect(collected.row("\(member)/deleted/8") == nil, "a FIFO is no file")
        let list = collected.text("\(member)/fd")
        #expect(list.contains("9 -> ") && list.contains("loot (deleted)") && list.contains("\tpos:"))
    }

    @Test func goneAndTooMany() throws {
        let directory = try CollectDirectory()
        let child = try CollectChild("/bin/true", [])
        child.process.waitUntilExit()
        let collected = try collect(directory, [child.pid])
        #expect(collected.rows.count == 1)
        #expect(collected.status("container/processes/\(child.pid)") == "vanished")
        let bomb = try collect(directory, (0..<Int32(ProcessArtifacts.limit + 7)).map { $0 &+ 5_000_000 })
        #expect(bomb.status("container/processes") == "truncated")
        #expect(bomb.reason("container/processes")?.contains("7 left out") ?? false)
    }

    /// sock_diag inside a foreign network namespace, while every thread of this program stays where it is.
    @Test func foreignNetwork() throws {
        let directory = try CollectDirectory()
        let script = """
            import socket, time
            s = socket.socket(); s.bind(('0.0.0.0', 47113)); s.listen()
            t = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); t.bind(('::', 47114))
            u = socket.socket(socket.AF_UNIX); u.bind(b'\\0na\\ncollect'); u.listen()
            p = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            open('\(directory.path)/ready', 'w'); time.sleep(1000)
            """
        let child = try CollectChild("/usr/bin/unshare", ["-n", "/usr/bin/python3", "-c", script])
        child.wait { FileManager.default.fileExists(atPath: "\(directory.path)/ready") }
        let before = try readLink("/proc/self/ns/net")
        let collected = try Collected.make(directory) { writer throws(EvidenceError) in
            try NetworkArtifacts(writer, ProcFilesystem()).collect(
                member: "container/network", pids: [5_000_000, child.pid])
        }
        let sockets = collected.text("container/network/sockets")
        #expect(sockets.contains("tcp LISTEN 0.0.0.0:47113 0.0.0.0:0 uid=0 inode="), "\(sockets)")
        #expect(sockets.contains("udp6 UNCONN [::]:47114"))
        #expect(sockets.contains("unix stream LISTEN @na\\x0acollect"))
        #expect(sockets.contains("packet raw"))
        #expect(collected.text("container/network/tcp").contains(":B809"))
        for thread in try directoryEntries("/proc/self/task") {
            let link = try? readLink("/proc/self/task/\(thread)/ns/net")
            #expect(link == nil || link == before)
        }
        let gone = try Collected.make(directory) { writer throws(EvidenceError) in
            try NetworkArtifacts(writer, ProcFilesystem()).collect(member: "container/network", pids: [5_000_000])
        }
        #expect(gone.status("container/network") == "vanished")
    }

    /// Seventeen processes that hang leave those that do not their evidence, and the host its own.
    @Test func whenTooManyHang() throws {
        let directory = try CollectDirectory()
        let child = try CollectChild("/bin/sleep", ["1000"])
        child.wait { (try? readLink("/proc/\(child.pid)/exe"))?.contains("sleep") ?? false }
        let collected = try Collected.make(directory, readers: TimedReaders(mostHanging: 0)) {
            writer throws(EvidenceError) in
            writer.begin(.processes)
            try ProcessArtifacts(writer, ProcFilesystem(), isWritten: { _ in false }).collect([child.pid])
        }
        let member = "container/processes/\(child.pid)"
        #expect(collected.text("\(member)/status").contains("sleep"))
        for name in ["cmdline", "environ", "maps"] {
            #expect(collected.status("\(member)/\(name)") == "timeout")
            #expect(collected.reason("\(member)/\(name)") == "not tried: 0 processes hang already")
        }
        let readers = TimedReaders()
        #expect(readers[.host] !== readers[.processes] && readers[.host] !== readers[.layer])
        #expect(readers[.layer] !== readers[.processes])
    }
}
