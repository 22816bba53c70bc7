import EventModel
import Evidence
import LinuxSystem
import Testing

/// What is believed about the place of a container's changes: a decision on texts, no file is touched.
@Suite struct CollectWritableLayerTests {
    private func mounts(_ rows: String...) -> [MountInfo] { MountInfo.parse(Array(rows.joined(separator: "\n").utf8)) }
    private func overlay(at point: String, upper: String, device: String = "0:40", lower: String = "/l") -> String {
        "75 49 \(device) / \(point) rw,relatime - overlay overlay rw,lowerdir=\(lower),upperdir=\(upper),workdir=/w"
    }
    private let merged = "/var/lib/docker/overlay2/387/merged"
    private let host = "27 1 254:0 / / rw - ext4 /dev/vda rw"

    private func reason(_ layer: WritableLayer) -> String? {
        if case .untrusted(let reason) = layer { return reason }
        return nil
    }
    private func upper(_ layer: WritableLayer) -> String? {
        if case .overlay(let upper, _, _) = layer { return upper }
        return nil
    }

    @Test func hostMountWins() {
        let table = mounts(host, overlay(at: merged, upper: "/var/lib/docker/overlay2/387/diff", lower: "l/AB:l/CD"))
        let forged = mounts(overlay(at: "/", upper: "/etc"))
        let layer = WritableLayer.find(rootfs: merged, hostMounts: table, containerMounts: forged)
        guard case .overlay(let upper, let lowers, _) = layer else {
            Issue.record("\(layer)")
            return
        }
        #expect(upper == "/var/lib/docker/overlay2/387/diff")
        #expect(lowers == ["/var/lib/docker/overlay2/l/AB", "/var/lib/docker/overlay2/l/CD"])
    }

    /// A container with CAP_SYS_ADMIN has mounted an overlay on its own root, over the host's /etc.
    @Test(arguments: [
        "/etc", "/", "/root", "/var/lib/docker/overlay2/other/diff/..", "/var/lib/containerd",
        "/var/lib/docker/../../etc",
        "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/../../../../../etc/fs",
        "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs/../../../..",
        "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/work",
    ])
    func forgedUpper(path: String) {
        let forged = mounts(overlay(at: "/", upper: path))
        // docker's: the storage's layout, not the forged text.
        let docker = WritableLayer.find(rootfs: merged, hostMounts: mounts(host), containerMounts: forged)
        #expect(upper(docker) == "/var/lib/docker/overlay2/387/diff")
        // containerd's and runc's: nothing else bounds it.
        for rootfs in ["/run/containerd/io.containerd.runtime.v2.task/default/x/rootfs", "/srv/bundle/rootfs"] {
            let layer = WritableLayer.find(rootfs: rootfs, hostMounts: mounts(host), containerMounts: forged)
            #expect(reason(layer) != nil, "\(layer)")
        }
    }

    @Test func containerdSnapshot() {
        let path = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs"
        let layer = WritableLayer.find(
            rootfs: "/run/containerd/io.containerd.runtime.v2.task/default/x/rootfs", hostMounts: mounts(host),
            containerMounts: mounts(overlay(at: "/", upper: path)))
        #expect(upper(layer) == path)
    }

    /// A second mount over the engine's, propagated to the host.
    @Test func coveredMount() {
        let table = mounts(
            overlay(at: merged, upper: "/var/lib/docker/overlay2/387/diff"),
            overlay(at: merged, upper: "/etc", device: "0:99"))
        #expect(reason(WritableLayer.find(rootfs: merged, hostMounts: table, containerMounts: [])) != nil)
        let own = "/var/lib/docker/overlay2/387/diff"
        let repeated = mounts(overlay(at: merged, upper: own), overlay(at: merged, upper: own))
        #expect(upper(WritableLayer.find(rootfs: merged, hostMounts: repeated, containerMounts: [])) == own)
    }

    /// Mounts of a container's that propagated to the host, on a root file system that the engine has not mounted there.
    @Test(arguments: [
        "/etc", "/", "/root", "/var/lib/docker", "/var/lib/docker/overlay2", "/var/log",
        "/run/containerd/io.containerd.runtime.v2.task/default/x/rootfs",
        "/var/lib/docker/overlay2/387/diff/x/overlay2/y/diff", "/var/lib/docker/overlay2/l/diff",
        "/var/lib/containerd/snapshots/x/fs", "/var/lib/containerd/snapshots/7/work", "/etc/../var/snapshots/7/fs",
    ])
    func propagatedOverlay(path: String) {
        for rootfs in ["/run/containerd/io.containerd.runtime.v2.task/default/x/rootfs", merged, "/srv/bundle/rootfs"] {
            let layer = WritableLayer.find(
                rootfs: rootfs, bundle: "/srv/bundle", hostMounts: mounts(host, overlay(at: rootfs, upper: path)),
                containerMounts: [])
            #expect(reason(layer) != nil, "\(layer)")
        }
    }

    @Test func propagatedBind() {
        for row in ["/etc", "/"].map({ "80 27 254:0 \($0) /srv/b/rootfs rw - ext4 /dev/vda rw" }) {
            let layer = WritableLayer.find(
                rootfs: "/srv/b/rootfs", hostMounts: mounts(host, row), containerMounts: [])
            #expect(reason(layer) != nil, "\(layer)")
        }
    }

    /// Where engines put it: docker, with its data elsewhere, BuildKit, containerd, k3s, podman of a user, raw runc.
    @Test(arguments: [
        ("/var/lib/docker/overlay2/387/merged", "/var/lib/docker/overlay2/387/diff"),
        ("/data/docker/overlay2/387/merged", "/data/docker/overlay2/387/diff"),
        ("/var/lib/docker/buildkit/executor/x/rootfs", "/var/lib/docker/overlay2/x1/diff"),
        (
            "/run/containerd/io.containerd.runtime.v2.task/default/x/rootfs",
            "/srv/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs"
        ),
        (
            "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/x/rootfs",
            "/var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/42/fs"
        ),
        (
            "/home/u/.local/share/containers/storage/overlay/ab/merged",
            "/home/u/.local/share/containers/storage/overlay/ab/diff"
        ),
        ("/srv/x/merged", "/srv/x/diff"),
        ("/srv/bundle/rootfs", "/srv/bundle/upper"),
    ])
    func storages(rootfs: String, path: String) {
        let layer = WritableLayer.find(
            rootfs: rootfs, bundle: "/srv/bundle", hostMounts: mounts(host, overlay(at: rootfs, upper: path)),
            containerMounts: [])
        #expect(upper(layer) == path, "\(layer)")
    }

    /// A storage may lie behind a link; a layer in it is none, and no link or mount leads out of it.
    @Test func layerBehindALink() throws {
        let directory = try CollectDirectory()
        try directory.write("data/overlay2/a/diff/x", "x")
        try directory.write("secret/x", "secret")
        run("/bin/ln", "-s", "\(directory.path)/data", "\(directory.path)/docker")
        run("/bin/ln", "-s", "\(directory.path)/secret", "\(directory.path)/data/overlay2/b")
        run("/bin/mkdir", "-p", "\(directory.path)/data/overlay2/c")
        run("/bin/ln", "-s", "\(directory.path)/secret", "\(directory.path)/data/overlay2/c/diff")
        #expect(try EngineStorage.open("\(directory.path)/docker/overlay2/a/diff").status().isDirectory)
        for path in ["docker/overlay2/b/diff", "docker/overlay2/c/diff"] {
            let isOpen = (try? EngineStorage.open("\(directory.path)/\(path)").status())?.isDirectory ?? false
            #expect(!isOpen, "\(path)")
        }
    }

    @Test func otherRoots() {
        #expect(reason(WritableLayer.find(rootfs: nil, hostMounts: mounts(host), containerMounts: [])) != nil)
        #expect(reason(WritableLayer.find(rootfs: "/", hostMounts: mounts(host), containerMounts: [])) != nil)
        #expect(reason(WritableLayer.find(rootfs: "/a/../etc", hostMounts: mounts(host), containerMounts: [])) != nil)
        let plain = WritableLayer.find(rootfs: "/srv/b/rootfs", hostMounts: mounts(host), containerMounts: [])
        #expect(plain == .directory("/srv/b/rootfs", why: "/srv/b/rootfs is a plain directory"))
        let native = "/var/lib/containerd/io.containerd.snapshotter.v1.native/snapshots/7"
        for row in [
            "80 27 253:7 / /srv/b/rootfs rw - ext4 /dev/dm-7 rw",
            "80 27 254:0 \(native) /srv/b/rootfs rw - ext4 /dev/vda rw",
        ] {
            guard
                case .directory = WritableLayer.find(
                    rootfs: "/srv/b/rootfs", hostMounts: mounts(host, row), containerMounts: [])
            else {
                Issue.record("a file system of its own, or a snapshot, is a directory: \(row)")
                return
            }
        }
        let readOnly = mounts("75 49 0:40 / /r ro - overlay overlay ro,lowerdir=/a:/b")
        #expect(reason(WritableLayer.find(rootfs: "/r", hostMounts: readOnly, containerMounts: [])) != nil)
    }

    @Test func options() {
        let plain = OverlayOptions(#"rw,lowerdir=/a\:b:/c\040d::/data,upperdir=/u\054v,workdir=/w,index=off"#)
        #expect(plain.upper == "/u,v")
        #expect(plain.lowers == ["/a:b", "/c d", "/data"])
        #expect(OverlayOptions("rw,lowerdir+=/a,lowerdir+=/b,upperdir=/u").lowers == ["/a", "/b"])
        #expect(OverlayOptions("rw,lowerdir=l/A").lowers == nil)
        #expect(OverlayOptions("rw,lowerdir=l/A,upperdir=/u").lowers == nil)
        #expect(OverlayOptions("").upper == nil)
    }

    @Test func temporaryFileSystems() throws {
        let id = try testID()
        func decide(_ row: String, _ hostRows: String...) -> MountArtifacts.Decision {
            MountArtifacts.decide(mounts(row)[0], hostMounts: mounts(hostRows.joined(separator: "\n")), id: id)
        }
        #expect(decide("9 8 0:50 / /tmp rw - tmpfs tmpfs rw", host) == .tmpfs)
        // A bind of the host's /run, and of a part of it.
        let run = "30 27 0:23 / /run rw - tmpfs tmpfs rw"
        for row in ["9 8 0:23 / /host/run rw - tmpfs tmpfs rw", "9 8 0:23 /x /etc/y rw - tmpfs tmpfs rw"] {
            guard case .leftOut(let reason) = decide(row, run) else {
                Issue.record("the host's tmpfs was taken")
                return
            }
            #expect(reason.contains("/run"))
        }
        let shm =
            "31 27 0:51 / /var/lib/containers/storage/overlay-containers/\(id.rawValue)/userdata/shm rw - tmpfs shm rw"
        #expect(decide("9 8 0:51 / /dev/shm rw - tmpfs shm rw", shm) == .tmpfs)
        #expect(
            decide("9 8 0:51 / /dev/shm rw - tmpfs shm rw", shm, "32 27 0:51 / /dev/shm rw - tmpfs shm rw") != .tmpfs)
        #expect(decide("9 8 0:5 / /proc rw - proc proc rw") == .none)
        guard case .leftOut(let volume) = decide("9 8 254:0 /srv/data /data rw - ext4 /dev/vda rw", host) else {
            Issue.record("a volume was taken")
            return
        }
        #expect(volume.contains("host path /srv/data"))
    }
}
