import CLinux
import ContainerInventory
import EventModel
import Evidence
import Foundation
import LinuxSystem
import Testing

/// The host itself, on a real one and on a small tree of its own.
@Suite struct CollectHostTests {
    @Test func realHost() throws {
        let directory = try CollectDirectory()
        let path = "\(directory.path)/out.tar.zst"
        let archive = try EvidenceArchive(output: .file(path), limits: CollectionLimits(freeBytes: 0))
        try Collection(
            target: .host, archive: archive, secrets: .redact, proc: ProcFilesystem()
        ) { _ in }.run()
        let summary = try archive.finish()
        let collected = try Collected(path)
        #expect(collected.rows.count > 150)
        #expect(summary.isComplete)
        for name in ["proc/version", "proc/meminfo", "proc/sys/kernel/core_pattern", "etc/passwd", "processes.jsonl"] {
            #expect(collected.status("host/\(name)") == "ok", "\(name)")
        }
        #expect(collected.status("host/network/sockets") == "ok")
        #expect(collected.status("host/release-agents.txt") == "ok")
        let processes = collected.text("host/processes.jsonl").split(separator: "\n")
        let own = try processes.map { line in
            try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }.first { $0["pid"] as? Int32 == getpid() }
        #expect(own?["ppid"] as? Int32 == getppid())
        #expect((own?["ns"] as? [String: Any])?["net"] is NSNumber)
        #expect((own?["cmdline"] as? [String])?.isEmpty == false)
        #expect(collected.isRedacted("host/etc/shadow"))
        for line in try String(contentsOfFile: "/etc/shadow", encoding: .utf8).split(separator: "\n") {
            let field = String(line.split(separator: ":", omittingEmptySubsequences: false)[1])
            if field.utf8.count > 8 { #expect(!collected.contains(field)) }
        }
    }

    private func host(_ directory: CollectDirectory, _ body: (HostCollection) throws(EvidenceError) -> Void) throws
        -> Collected
    {
        let root = "\(directory.path)/host"
        let mounts = try ProcFilesystem().mounts(getpid())
        return try Collected.make(directory) { writer throws(EvidenceError) in
            try body(
                HostCollection(writer, ProcFilesystem(), tree: CgroupTree(mounts: mounts), mounts: mounts, root: root))
        }
    }

    /// Homes are their users' to shape.
    @Test func homes() throws {
        let directory = try CollectDirectory()
        try directory.write(
            "host/etc/passwd",
            "a:x:1:1::/home/a:/bin/sh\nb:x:2:2::/home/b:/bin/sh\nc:x:3:3::/home/../etc:/bin/sh\nbad\n")
        try directory.write("host/home/a/.ssh/authorized_keys", "ssh-ed25519 AAAA a")
        try directory.write("secret/authorized_keys", "CANARY-KEYS")
        try FileManager.default.createDirectory(
            atPath: "\(directory.path)/host/home/b", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/host/home/b/.ssh", withDestinationPath: "\(directory.path)/secret")
        let collected = try host(directory) { host throws(EvidenceError) in
            try host.take(HostArtifact(".ssh/authorized_keys", .homes))
        }
        #expect(collected.text("host/home/a/.ssh/authorized_keys") == "ssh-ed25519 AAAA a")
        #expect(collected.status("host/home/b/.ssh/authorized_keys") == "skipped")
        #expect(!collected.contains("CANARY-KEYS"))
        #expect(collected.rows.count == 2)
    }

    @Test func takings() throws {
        let directory = try CollectDirectory()
        try directory.write("host/etc/cron.d/job", "* * * * * root id")
        try directory.write("host/etc/long", "longer than four bytes")
        try directory.write("host/etc/shadow", "root:$6$saltsalt$CANARYHASH:1:0:9:7:::\n")
        try directory.write("host/etc/app/tls.key", "-----BEGIN PRIVATE KEY-----\nCANARYKEY")
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/host/etc/localtime", withDestinationPath: "/usr/share/zoneinfo/UTC")
        let collected = try host(directory) { host throws(EvidenceError) in
            try host.take(HostArtifact("/etc/cron.d", .tree))
            try host.take(HostArtifact("/etc/shadow", .passwords))
            try host.take(HostArtifact("/etc/app", .tree))
            try host.take(HostArtifact("/etc/localtime", .file))
            try host.take(HostArtifact("/etc/none", .file))
            try host.take(HostArtifact("/etc/none.d", .tree))
            try host.take(HostArtifact("/etc", .names))
            try host.take(HostArtifact("/etc/long", .text(4)))
        }
        #expect(collected.text("host/etc/cron.d/job").contains("root id"))
        #expect(collected.isRedacted("host/etc/app/tls.key"))
        #expect(!collected.contains("CANARYKEY") && !collected.contains("CANARYHASH"))
        #expect(collected.row("host/etc/localtime")?["type"] as? String == "symlink")
        #expect(collected.reason("host/etc/none") == "there is none")
        #expect(collected.status("host/etc/none.d") == "skipped")
        #expect(collected.text("host/etc").contains("symlink uid=0"))
        #expect(collected.rows.contains { $0["status"] as? String == "truncated" })
    }

    @Test func logs() throws {
        let directory = try CollectDirectory()
        try directory.write("host/var/log/old.log", "OLD")
        try directory.write("host/var/log/sub/new.log", "NEW")
        try directory.write("host/outside", "CANARY-LOG")
        unsafe mkfifo("\(directory.path)/host/var/log/fifo", 0o600)
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/host/var/log/pods", withDestinationPath: "\(directory.path)/host")
        let mount = "\(directory.path)/host/var/log/audit"
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        try #require(run("/bin/mount", "-t", "tmpfs", "none", mount).status == 0)
        defer { run("/bin/umount", mount) }
        try directory.write("host/var/log/audit/audit.log", "AUDIT")
        let mounts = try ProcFilesystem().mounts(getpid())
        let root = "\(directory.path)/host"
        let collected = try Collected.make(directory) { writer throws(EvidenceError) in
            try HostLogs(writer, mounts: mounts, root: root).collect()
        }
        #expect(collected.text("host/var/log/audit/audit.log") == "AUDIT", "a file system of its own")
        #expect(collected.text("host/var/log/sub/new.log") == "NEW")
        #expect(collected.row("host/var/log/pods")?["type"] as? String == "symlink")
        #expect(collected.row("host/var/log/fifo")?["type"] as? String == "fifo")
        #expect(!collected.contains("CANARY-LOG"))
        #expect(collected.status("host/run/log/journal") == "skipped")
    }

    /// A container with a mount of /var/log makes a link of /var/log/pods; an administrator one of /var/log.
    @Test func linksBelowLogs() throws {
        let directory = try CollectDirectory()
        let root = "\(directory.path)/host"
        try directory.write("host/etc/x/0.log", "CANARY-ETC")
        try directory.write("host/data/log/own/0.log", "OWN")
        try FileManager.default.createDirectory(atPath: "\(root)/var", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: "\(root)/var/log", withDestinationPath: "\(root)/data/log")
        try FileManager.default.createSymbolicLink(
            atPath: "\(root)/data/log/pods", withDestinationPath: "\(root)/etc")
        #expect(throws: SystemError.self) { _ = try HostPath.open("\(root)/var/log/pods/x/0.log", root: root) }
        let own = try HostPath.open("\(root)/var/log/own/0.log", root: root)
        #expect(try own.status().isRegular)
        #expect(try HostPath.open("\(root)/var/log", root: root).status().isDirectory)
    }

    /// A second name of a host's log, made where a container's log is looked for.
    @Test func logOfTwoNames() throws {
        let directory = try CollectDirectory()
        try directory.write("auth.log", "CANARY-AUTH")
        try directory.write("own.log", "OWN-LOG")
        try #require(unsafe link("\(directory.path)/auth.log", "\(directory.path)/0.log") == 0)
        var files = ContainerFiles()
        files.logs = ["\(directory.path)/0.log", "\(directory.path)/own.log"]
        let collected = try Collected.make(directory) { writer throws(EvidenceError) in
            try RuntimeArtifacts(writer).collectLogs(files)
        }
        #expect(collected.status("container/logs\(directory.path)/0.log") == "skipped")
        #expect(!collected.contains("CANARY-AUTH"))
        #expect(collected.text("container/logs\(directory.path)/own.log") == "OWN-LOG")
    }
}
