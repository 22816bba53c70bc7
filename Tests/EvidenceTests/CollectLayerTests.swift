import CLinux
import EventModel
import Evidence
import Foundation
import LinuxSystem
import Testing

/// The writable layer of a container that knows it will be collected.
@Suite struct CollectLayerTests {
    /// A script of Python's, in a directory: names that Foundation cannot write.
    private func prepare(_ path: String, _ script: String) throws {
        let text = "import os,socket,sys\nos.chdir(sys.argv[1])\n" + script
        try #require(run("/usr/bin/python3", "-c", text, path).status == 0)
    }

    private func collect(
        _ directory: CollectDirectory, upper: String = "upper", lowers: [String]? = [], secrets: SecretPolicy = .redact
    ) throws -> Collected {
        try Collected.make(directory, secrets: secrets) { writer throws(EvidenceError) in
            let layer = WritableLayer.overlay(
                upper: "\(directory.path)/\(upper)", lowers: lowers?.map { "\(directory.path)/\($0)" }, why: "test")
            try LayerArtifacts(writer, containerStart: nil).collect(layer)
        }
    }

    private func changes(_ collected: Collected) throws -> [String: [String: Any]] {
        var found: [String: [String: Any]] = [:]
        for line in collected.text("container/changes.jsonl").split(separator: "\n") {
            let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            found[try #require(object["path"] as? String)] = object
        }
        return found
    }

    @Test func everyKindOfObject() throws {
        let directory = try CollectDirectory()
        try prepare(
            directory.path,
            """
            os.mkdir('upper'); os.mkdir('outside'); canary = 'CANARY-' + 'OUTSIDE'
            open('outside/canary', 'w').write(canary)
            os.chdir('upper')
            os.symlink('../outside', 'dir-link'); os.symlink('../outside/canary', 'link'); os.symlink('/', 'root-link')
            open('new\\nline', 'w').write('a'); open(b'\\xff\\xfe', 'w').write('b'); open('-rf', 'w').write('c')
            os.mkfifo('fifo'); os.mknod('whiteout', 0o020000, os.makedev(0, 0)); os.mknod('tty', 0o020600, os.makedev(5, 0))
            s = socket.socket(socket.AF_UNIX); s.bind('socket')
            open('suid', 'w').write('d'); os.chmod('suid', 0o4755)
            open('caps', 'w').write('e'); os.setxattr('caps', 'security.capability', bytes.fromhex('0100000200200000000000000000000000000000'))
            os.mkdir('opaque'); os.setxattr('opaque', 'trusted.overlay.opaque', b'y')
            open('gone', 'w'); os.setxattr('gone', 'trusted.overlay.whiteout', b'')
            open('id_rsa', 'w').write('-----BEGIN OPENSSH PRIVATE KEY-----\\nSECRETKEY'); os.mkdir('t')
            open('t/id_rsa', 'wb').write(b'\\x7fELFPAYLOAD')
            """)
        let collected = try collect(directory, lowers: nil)
        #expect(!collected.contains("CANARY-OUTSIDE"))
        #expect(!collected.contains("SECRETKEY"))
        #expect(collected.contains("ELFPAYLOAD"))
        #expect(collected.isRedacted("container/upper/id_rsa"))
        #expect(!collected.isRedacted("container/upper/t/id_rsa"))
        for (name, type) in [
            ("dir-link", "symlink"), ("root-link", "symlink"), ("fifo", "fifo"), ("whiteout", "char"), ("tty", "char"),
            ("socket", "socket"), ("new\\x0aline", "file"), ("\\xff\\xfe", "file"), ("-rf", "file"), ("suid", "file"),
        ] { #expect(collected.row("container/upper/\(name)")?["type"] as? String == type, "\(name)") }
        #expect(!collected.rows.contains { ($0["path"] as? String)?.hasPrefix("container/upper/dir-link/") ?? false })
        let list = try changes(collected)
        #expect(list["whiteout"]?["change"] as? String == "deleted")
        #expect(list["gone"]?["change"] as? String == "deleted")
        #expect(list["opaque"]?["change"] as? String == "opaque")
        #expect(list["suid"]?["setuid"] as? Bool == true)
        #expect(list["caps"]?["capabilities"] as? Bool == true)
        #expect(list["-rf"]?["change"] as? String == "written")
        #expect(list["new\\x0aline"] != nil)
        #expect(try collect(directory, secrets: .include).contains("SECRETKEY"))
    }

    @Test func addedOrModified() throws {
        let directory = try CollectDirectory()
        try prepare(
            directory.path,
            """
            for d in ['l1/etc', 'l1/op', 'l2/etc/deep', 'l2/op', 'l2/cut', 'upper/etc/deep', 'upper/op', 'upper/own', 'upper/cut', 'canary']:
                os.makedirs(d)
            for f in ['l2/etc/passwd', 'upper/etc/passwd', 'upper/etc/new', 'l2/etc/deep/a', 'upper/etc/deep/a', 'l1/op/one',
                      'l2/op/two', 'upper/op/one', 'upper/op/two', 'upper/own/x', 'l2/own', 'l2/hidden', 'upper/hidden',
                      'l2/cut/f', 'upper/cut/f', 'canary/linked', 'upper/viaLink']: open(f, 'w').write('x')
            os.setxattr('l1/op', 'trusted.overlay.opaque', b'y')
            os.mknod('l1/hidden', 0o020000, os.makedev(0, 0))
            os.mknod('l1/cut', 0o020000, os.makedev(0, 0))
            """)
        let list = try changes(try collect(directory, lowers: ["l1", "l2"])).mapValues { $0["change"] as? String }
        #expect(list["etc"] == "modified")
        #expect(list["etc/passwd"] == "modified")
        #expect(list["etc/new"] == "added")
        #expect(list["etc/deep/a"] == "modified")
        #expect(list["op/one"] == "modified")
        #expect(list["op/two"] == "added", "an opaque directory of a layer hides what is below")
        #expect(list["own"] == "modified")
        #expect(list["own/x"] == "added", "the lower one was a file")
        #expect(list["hidden"] == "added", "a whiteout of a layer hides what is below")
        #expect(list["cut/f"] == "added")
        let unknown = try changes(try collect(directory, lowers: ["l1", "missing"]))
        #expect(unknown["etc"]?["change"] as? String == "written")
    }

    @Test func deepTree() throws {
        let directory = try CollectDirectory()
        // Longer than PATH_MAX.
        try prepare(
            directory.path,
            """
            os.mkdir('upper'); os.chdir('upper')
            for i in range(2500):
                os.mkdir('d'); os.chdir('d')
                if i % 500 == 0: os.mkdir('side')
            open('bottom', 'w').write('BOTTOM-FILE')
            """)
        let collected = try collect(directory)
        let bottom = collected.rows.first { ($0["path"] as? String)?.hasSuffix("/bottom") ?? false }
        #expect(bottom?["status"] as? String == "ok")
        #expect(collected.contains("BOTTOM-FILE"))
        #expect(collected.rows.filter { ($0["path"] as? String)?.hasSuffix("/side") ?? false }.count == 5)
    }

    @Test func wideTree() throws {
        let directory = try CollectDirectory()
        try prepare(
            directory.path,
            "os.mkdir('upper'); os.chdir('upper')\nfor i in range(20000): open('f%d' % i, 'w')\nfor i in range(500): os.mkdir('d%d' % i)"
        )
        let collected = try collect(directory)
        let files = collected.rows.filter { $0["kind"] as? String == "layer" && $0["type"] as? String == "file" }
        #expect(files.count >= 20_000)
        #expect(collected.rows.filter { $0["type"] as? String == "directory" }.count == 501)
    }

    /// Another file system below the tree is not entered.
    @Test func mountBelow() throws {
        let directory = try CollectDirectory()
        try prepare(directory.path, "os.makedirs('upper/mnt'); open('upper/after', 'w')")
        let point = "\(directory.path)/upper/mnt"
        try #require(run("/bin/mount", "-t", "tmpfs", "none", point).status == 0)
        defer { run("/bin/umount", point) }
        try directory.write("upper/mnt/inside", "INSIDE-MOUNT")
        let collected = try collect(directory)
        #expect(collected.status("container/upper/mnt") == "skipped")
        #expect(!collected.contains("INSIDE-MOUNT"))
        #expect(collected.status("container/upper/after") == "ok")
    }

    /// A root that is a plain directory: what changed since the start, and the way to it.
    @Test func plainDirectory() throws {
        let directory = try CollectDirectory()
        try prepare(
            directory.path,
            "os.makedirs('root/a/b'); os.makedirs('root/other'); open('root/a/old', 'w').write('OLDFILE')")
        Thread.sleep(forTimeInterval: 0.1)
        let start = realtimeNanoseconds()
        Thread.sleep(forTimeInterval: 0.1)
        try directory.write("root/a/b/new", "NEWFILE")
        let path = "\(directory.path)/root"
        let collected = try Collected.make(directory) { writer throws(EvidenceError) in
            try LayerArtifacts(writer, containerStart: start).collect(.directory(path, why: "a plain directory"))
        }
        #expect(collected.contains("NEWFILE") && !collected.contains("OLDFILE"))
        #expect(collected.row("container/upper/a")?["type"] as? String == "directory")
        #expect(collected.row("container/upper/other") == nil)
        let unknown = try Collected.make(directory) { writer throws(EvidenceError) in
            try LayerArtifacts(writer, containerStart: nil).collect(.directory(path, why: "a plain directory"))
            try LayerArtifacts(writer, containerStart: start).collect(.directory("/", why: "the host's root"))
            try LayerArtifacts(writer, containerStart: nil).collect(.untrusted("forged"))
        }
        #expect(unknown.rows.count == 3 && unknown.rows.allSatisfy { $0["status"] as? String == "skipped" })
    }

    /// Directories that are moved and replaced while the walk stands in them.
    @Test func movedMeanwhile() throws {
        let directory = try CollectDirectory()
        try prepare(
            directory.path,
            """
            for d in ['root/a/b/s1', 'root/a/b/s2', 'root/a/x1', 'root/a/x2', 'outside/secret']: os.makedirs(d)
            for f in ['root/a/b/s1/f', 'root/a/b/s2/f', 'root/a/x1/f', 'root/a/x2/f', 'outside/secret/CANARY']: open(f, 'w')
            """)
        let visitor = Mover(directory.path)
        try LayerWalk(TimedReader()).run(try opened("\(directory.path)/root"), visitor)
        #expect(visitor.moved)
        #expect(!visitor.visited.contains { $0.contains("CANARY") || $0.contains("secret") })
        #expect(visitor.visited.contains("a/x1/f") && visitor.visited.contains("a/x2/f"))
        #expect(visitor.failures.contains { $0.1 == .changed && $0.0 == "a/b" })
        #expect(visitor.depth == 0)
    }

    /// Few descriptors, however deep.
    @Test func descriptors() throws {
        let directory = try CollectDirectory()
        try prepare(directory.path, "for i in range(1500): os.mkdir('d'); os.chdir('d')")
        let visitor = Counter()
        try LayerWalk(TimedReader()).run(try opened(directory.path), visitor)
        #expect(visitor.visits == 1500)
        // Other tests run in this process and hold hundreds: fewer than a descriptor a level.
        #expect(visitor.most < 1000)
    }

    @Test func limits() throws {
        let directory = try CollectDirectory()
        try prepare(directory.path, "for i in range(50): os.mkdir('d%d' % i)")
        var walk = LayerWalk(TimedReader())
        walk.limits.entries = 10
        let few = Counter()
        try walk.run(try opened(directory.path), few)
        #expect(few.visits == 10 && few.failures == 1)
        walk = LayerWalk(TimedReader())
        walk.limits.waitingBytes = 20
        let narrow = Counter()
        try walk.run(try opened(directory.path), narrow)
        #expect(narrow.visits == 50 && narrow.failures > 30)
    }
}

/// Moves the directory that the walk is in out of the tree, and puts another in its place.
private final class Mover: LayerVisitor {
    let path: String
    var moved = false
    var visited: [String] = []
    var failures: [(String, ArtifactStatus)] = []
    var depth = 0
    var stopReason: String? { nil }
    init(_ path: String) { self.path = path }

    func visit(
        _ path: [UInt8], _ status: ObjectStatus, _ object: borrowing OwnedDescriptor
    ) throws(EvidenceError) -> Bool {
        let name = String(decoding: path, as: UTF8.self)
        visited.append(name)
        if name.hasPrefix("a/b/s"), name.hasSuffix("/f"), !moved {
            moved = true
            let own = String(name.dropLast(2))
            unsafe rename("\(self.path)/root/\(own)", "\(self.path)/outside/stolen")
            unsafe rename("\(self.path)/root/a/b", "\(self.path)/outside/b")
            unsafe rename("\(self.path)/outside/secret", "\(self.path)/root/a/b")
        }
        return true
    }
    func enter(_ path: [UInt8], _ directory: borrowing OwnedDescriptor) { depth += 1 }
    func leave() { depth -= 1 }
    func fail(_ path: [UInt8], _ status: ArtifactStatus, _ reason: String) throws(EvidenceError) {
        failures.append((String(decoding: path, as: UTF8.self), status))
    }
}

private final class Counter: LayerVisitor {
    var visits = 0
    var failures = 0
    var most = 0
    var stopReason: String? { nil }
    func visit(
        _ path: [UInt8], _ status: ObjectStatus, _ object: borrowing OwnedDescriptor
    ) throws(EvidenceError) -> Bool {
        visits += 1
        if visits.isMultiple(of: 100) {
            most = max(most, (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0)
        }
        return true
    }
    func enter(_ path: [UInt8], _ directory: borrowing OwnedDescriptor) {}
    func leave() {}
    func fail(_ path: [UInt8], _ status: ArtifactStatus, _ reason: String) throws(EvidenceError) { failures += 1 }
}
