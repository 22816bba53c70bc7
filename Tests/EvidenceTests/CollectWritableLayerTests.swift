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
        let repeated = mounts(overlay(at: merged, upper: "/u"), overlay(at: merged, upper: "/u"))
        #expect(upper(WritableLayer.find(rootfs: merged, hostMounts: repeated, containerMounts: [])) == "/u")
    }

    @Test func otherRoots() {
        #expect(reason(WritableLayer.find(rootfs: nil, hostMounts: mounts(host), containerMounts: [])) != nil)
        #expect(reason(WritableLayer.find(rootfs: "/", hostMounts: mounts(host), containerMounts: [])) != nil)
        #expect(reason(WritableLayer.find(rootfs: "/a/../etc", hostMounts: mounts(host), containerMounts: [])) != nil)
        let plain = WritableLayer.find(rootfs: "/srv/b/rootfs", hostMounts: mounts(host), containerMounts: [])
        #expect(plain == .directory("/srv/b/rootfs", why: "/srv/b/rootfs is a plain directory"))
        let bind = mounts(host, "80 27 254:0 /snap/7 /srv/b/rootfs rw - ext4 /dev/vda rw")
        guard case .directory = WritableLayer.find(rootfs: "/srv/b/rootfs", hostMounts: bind, containerMounts: [])
        else {
            Issue.record("a bind mount is a directory")
            return
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
