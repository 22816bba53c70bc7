import ContainerInventory
import EventModel
import Foundation
import LinuxSystem
import Testing

/// Where each engine keeps what belongs to one container, on recordings of the real ones.
@Suite struct ContainerFilesTests {
    private func files(_ fixture: String, prepare: (Recording) throws -> Void = { _ in }) throws -> (
        ContainerFiles, Recording
    ) {
        let recording = try Recording(fixture)
        try prepare(recording)
        let reader = recording.reader()
        return (reader.files(of: reader.describe(try recording.discovery())), recording)
    }

    @Test func podman() throws {
        let (files, recording) = try files("podman-runc-plain") { recording in
            let userdata = "var/lib/containers/storage/overlay-containers/\(recording.facts.id)/userdata"
            try recording.tree.write("\(userdata)/ctr.log", "x")
            try recording.tree.write("\(userdata)/ctr.log.1", "y")
            try recording.tree.link("\(userdata)/ctr.log.2", to: "/etc/shadow")
        }
        #expect(files.configurations.count == 1)
        #expect(files.states.map { $0.hasSuffix("/state.json") } == [true])
        #expect(files.logs.map { $0.split(separator: "/").last } == ["ctr.log", "ctr.log.1"])
        #expect(files.rootfs?.hasPrefix("\(recording.root)/var/lib/containers/storage/overlay/d12a6829") == true)
        #expect(files.rootfs?.hasSuffix("/merged") == true)
        let entry = String(decoding: try #require(files.storageEntry), as: UTF8.self)
        #expect(entry.contains(recording.facts.id) && entry.contains("na-test-plain"))
        #expect(!entry.contains("na-test-priv"), "the others are not its business")
    }

    @Test func docker() throws {
        let (files, recording) = try files("docker-plain") { recording in
            let directory = "var/lib/docker/containers/\(recording.facts.id)"
            for name in ["-json.log", "-json.log.1", "-json.log.10"] {
                try recording.tree.write("\(directory)/\(recording.facts.id)\(name)", "x")
            }
        }
        #expect(files.engineFiles.map { $0.split(separator: "/").last } == ["config.v2.json", "hostconfig.json"])
        #expect(files.logs.map { $0.hasSuffix(".log") } == [true, false, false])
        #expect(files.logs.last?.hasSuffix(".10") == true)
        #expect(files.states.count == 1 && files.configurations.count == 1)
        #expect(files.rootfs?.hasSuffix("/merged") == true)
        #expect(files.storageEntry == nil)
        #expect((files.configurations + files.logs).allSatisfy { $0.hasPrefix(recording.root) })
    }

    @Test func crun() throws {
        let (files, _) = try files("vm-podman-crun-plain")
        #expect(files.configurations.count == 2, "the bundle's and crun's copy")
        #expect(files.states.map { $0.hasSuffix("/status") } == [true])
    }

    /// `root.path` of ctr is relative to its bundle.
    @Test func containerd() throws {
        let (files, recording) = try files("containerd-ctr-plain")
        let bundle = "\(recording.root)/run/containerd/io.containerd.runtime.v2.task/default/na-test-plain"
        #expect(files.configurations == ["\(bundle)/config.json"])
        #expect(files.rootfs == "\(bundle)/rootfs")
        #expect(files.logs.isEmpty)
    }

    @Test func nothing() throws {
        let tree = try TemporaryTree()
        let reader = ContainerReader(
            root: tree.path, proc: ProcFilesystem(root: "\(tree.path)/proc"), host: testHost)
        let container = Container(id: try containerID(idA), runtime: .unknown, cgroupPath: "/x", firstSeen: 0)
        #expect(reader.files(of: container) == ContainerFiles())
    }
}
