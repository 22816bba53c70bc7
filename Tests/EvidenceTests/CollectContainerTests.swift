import CLinux
import ContainerInventory
import EventModel
import Evidence
import Foundation
import LinuxSystem
import Testing

/// A whole collection of something that looks like a container to the kernel: an overlay for a root, namespaces of its
/// own, a tmpfs, a cgroup.
@Suite struct CollectContainerTests {
    private final class Fake {
        let directory: CollectDirectory
        let child: CollectChild
        let id: ContainerID
        let cgroups: [String]
        var merged: String { "\(directory.path)/merged" }

        init() throws {
            directory = try CollectDirectory()
            let path = directory.path
            for name in [
                "lower/bin", "lower/proc", "lower/tmp", "lower/etc", "lower/host-run", "diff", "work", "merged",
            ] {
                try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
            }
            try FileManager.default.copyItem(atPath: "/usr/bin/busybox", toPath: "\(path)/lower/bin/busybox")
            try directory.write("lower/etc/image", "from the image")
            let options = "lowerdir=\(path)/lower,upperdir=\(path)/diff,workdir=\(path)/work"
            try #require(run("/bin/mount", "-t", "overlay", "overlay", "-o", options, "\(path)/merged").status == 0)
            let hex = UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased()
            id = try testID(hex + hex)
            var cgroups: [String] = []
            for hierarchy in ["pids", "systemd", "unified"] {
                let directory = "/sys/fs/cgroup/\(hierarchy)/\(id.rawValue)"
                if unsafe mkdir(directory, 0o755) == 0 { cgroups.append(directory) }
            }
            self.cgroups = cgroups
            let joins = cgroups.map { "echo $$ > \($0)/cgroup.procs;" }.joined()
            let script = """
                \(joins) cd \(path)/merged; mount --bind /run host-run; mount -t proc proc proc; mount -t tmpfs own tmp
                echo TMPFS-CONTENT > tmp/x; ln -s /etc/shadow tmp/link; echo changed > etc/image; cp bin/busybox bin/busybox-implant
                ln -s \(path) etc/escape; mkdir -p tmp/d; echo LAYER-CONTENT > etc/new; touch tmp/ready
                exec chroot . /bin/busybox-implant sleep 1000
                """
            child = try CollectChild(
                "/usr/bin/unshare", ["-m", "-p", "-n", "-f", "/bin/sh", "-c", script],
                environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TOKEN": "hunter2-container"])
        }

        /// The process that runs in the chroot: the child of unshare.
        var initPID: Int32? {
            let text = (try? readFile("/proc/\(child.pid)/task/\(child.pid)/children")) ?? []
            return String(decoding: text, as: UTF8.self).split(separator: " ").first.flatMap { Int32($0) }
        }

        deinit {
            if let pid = initPID { kill(pid, SIGKILL) }
            child.process.waitUntilExit()
            run("/bin/umount", merged)
            for path in cgroups { unsafe rmdir(path) }
        }
    }

    @Test func whole() throws {
        let fake = try Fake()
        fake.child.wait { fake.initPID.flatMap { try? readLink("/proc/\($0)/exe") }?.contains("implant") ?? false }
        let pid = try #require(fake.initPID)
        let proc = ProcFilesystem()
        let start = try proc.stat(pid).startTime
        var container = Container(id: fake.id, runtime: .runc, cgroupPath: "/\(fake.id.rawValue)", firstSeen: 0)
        container.initProcess = ProcessKey(pid: pid, startTime: start)
        container.pidNamespace = try proc.namespace(pid, "pid")
        var files = ContainerFiles()
        files.rootfs = fake.merged
        try fake.directory.write(
            "bundle/config.json", #"{"process":{"env":["TOKEN=hunter2-container"]},"root":{"path":"x"}}"#)
        try fake.directory.write("bundle/state.json", "not json hunter2-container")
        try fake.directory.write("c.log", String(repeating: "log\n", count: 10))
        files.configurations = ["\(fake.directory.path)/bundle/config.json"]
        files.states = ["\(fake.directory.path)/bundle/state.json", "\(fake.directory.path)/missing.json"]
        files.logs = ["\(fake.directory.path)/c.log", "\(fake.directory.path)/none.log"]
        // What a privileged container can do to a process of the host's: it is told, and keeps what it holds.
        let visitor = try CollectChild("/bin/sleep", ["1000"], environment: ["CANARY_VISITOR": "of the host"])
        visitor.wait { (try? readLink("/proc/\(visitor.pid)/exe"))?.contains("sleep") ?? false }
        for cgroup in fake.cgroups {
            try Data("\(visitor.pid)".utf8).write(to: URL(fileURLWithPath: "\(cgroup)/cgroup.procs"))
        }

        let path = "\(fake.directory.path)/out.tar.zst"
        let archive = try EvidenceArchive(output: .file(path), limits: CollectionLimits(freeBytes: 0))
        var stages: [CollectionProgress.Stage] = []
        var collection = Collection(
            target: .container(container, files: files), archive: archive, secrets: .redact,
            proc: proc
        ) { stages.append($0.stage) }
        collection.hostArtifacts = false
        try collection.run()
        _ = try archive.finish()
        let collected = try Collected(path)

        let other = "container/processes/\(visitor.pid)"
        #expect(collected.reason(other)?.contains("process of the host's") == true)
        #expect(collected.text("\(other)/status").contains("sleep"))
        #expect(collected.status("\(other)/cmdline") == "ok" && collected.status("\(other)/cgroup") == "ok")
        for name in ["environ", "maps", "exe.txt", "exe", "fd"] { #expect(collected.row("\(other)/\(name)") == nil) }
        #expect(!collected.contains("CANARY_VISITOR"))
        #expect(collected.status("container/processes/\(pid)/environ") == "ok")

        #expect(collected.status("container/processes/\(pid)/status") == "ok")
        #expect(collected.status("container/processes/\(pid)/exe") == "ok", "it lies in the writable layer")
        #expect(collected.status("container/network/sockets") == "ok")
        #expect(collected.status("container/cgroup/pids/cgroup.procs") == "ok")
        #expect(collected.text("container/cgroup/pids/cgroup.procs").contains("\(pid)"))
        #expect(collected.text("container/upper/etc/new") == "LAYER-CONTENT\n")
        let changes = collected.text("container/changes.jsonl")
        #expect(changes.contains(#""path":"etc/image","change":"modified""#))
        #expect(changes.contains(#""path":"etc/new","change":"added""#))
        #expect(collected.text("container/tmpfs/1/x") == "TMPFS-CONTENT\n")
        #expect(collected.row("container/tmpfs/1/link")?["type"] as? String == "symlink")
        #expect(collected.text("container/tmpfs.jsonl").contains(#""mount_point":"/tmp""#))
        // The host's /run, by whatever file system it is: told, not taken.
        #expect(collected.rows.contains { ($0["path"] as? String)?.hasPrefix("container/mounts/") ?? false })
        #expect(!collected.rows.contains { ($0["path"] as? String)?.hasPrefix("container/tmpfs/2") ?? false })
        #expect(!collected.contains("hunter2-container"))
        #expect(collected.isRedacted("container/runtime\(fake.directory.path)/bundle/config.json"))
        #expect(collected.text("container/runtime\(fake.directory.path)/bundle/state.json").hasPrefix("hmac-sha256:"))
        #expect(collected.status("container/runtime\(fake.directory.path)/missing.json") == "vanished")
        #expect(collected.status("container/logs\(fake.directory.path)/c.log") == "ok")
        #expect(collected.status("container/logs\(fake.directory.path)/none.log") == "skipped")
        // In order of volatility.
        let order = stages.reduce(into: [CollectionProgress.Stage]()) { if $0.last != $1 { $0.append($1) } }
        #expect(order == [.processes, .network, .cgroups, .runtime, .layer, .temporary, .logs])
        #expect(!collected.rows.contains { $0["kind"] as? String == "host" })
    }

    /// A container that is gone: rows, and nothing of the host.
    @Test func gone() throws {
        let directory = try CollectDirectory()
        var container = Container(id: try testID(), runtime: .runc, cgroupPath: "/", firstSeen: 0)
        container.initProcess = ProcessKey(pid: 1, startTime: 12_345_678)
        let path = "\(directory.path)/out.tar.zst"
        let archive = try EvidenceArchive(output: .file(path), limits: CollectionLimits(freeBytes: 0))
        var collection = Collection(
            target: .container(container, files: ContainerFiles()), archive: archive,
            secrets: .redact, proc: ProcFilesystem()
        ) { _ in }
        collection.hostArtifacts = false
        try collection.run()
        _ = try archive.finish()
        let collected = try Collected(path)
        #expect(collected.status("container/processes") == "vanished")
        #expect(collected.status("container/network") == "vanished")
        #expect(collected.status("container/cgroup") == "vanished")
        #expect(collected.status("container/upper") == "skipped")
        #expect(collected.rows.allSatisfy { $0["status"] as? String != "ok" })
    }

    @Test func cgroupsOfTheHostAreNotAContainers() throws {
        let id = try testID()
        let tree = CgroupTree(mounts: try ProcFilesystem().mounts(getpid()))
        for path in ["/", "/system.slice", "/user.slice/..", ""] {
            let found = CgroupArtifacts.directories(
                of: id, path: path,
                memberships: CgroupMembership.parse(Array("0::/init.scope\n".utf8)), in: tree)
            #expect(found.isEmpty, "\(path): \(found)")
        }
    }

    @Test func processTarget() throws {
        let directory = try CollectDirectory()
        let child = try CollectChild("/bin/sh", ["-c", "sleep 1000 & touch '\(directory.path)/r'; wait"])
        child.wait { FileManager.default.fileExists(atPath: "\(directory.path)/r") }
        let key = ProcessKey(pid: child.pid, startTime: try ProcFilesystem().stat(child.pid).startTime)
        let path = "\(directory.path)/out.tar.zst"
        let archive = try EvidenceArchive(output: .file(path), limits: CollectionLimits(freeBytes: 0))
        var collection = Collection(
            target: .process(key), archive: archive, secrets: .redact, proc: ProcFilesystem()
        ) { _ in }
        collection.hostArtifacts = false
        try collection.run()
        _ = try archive.finish()
        let collected = try Collected(path)
        let pids = Set(collected.rows.compactMap { ($0["path"] as? String)?.split(separator: "/").dropFirst(2).first })
        #expect(pids.count == 2 || pids.count == 3)
        #expect(collected.status("container/processes/\(child.pid)/status") == "ok")
        let children = String(
            decoding: (try? readFile("/proc/\(child.pid)/task/\(child.pid)/children")) ?? [], as: UTF8.self)
        for grandchild in children.split(separator: " ") { kill(Int32(grandchild) ?? 0, SIGKILL) }
    }
}
