import ContainerInventory
import EventModel
import Testing

@Suite struct RuntimeArgumentsTests {
    @Test(arguments: [
        ("runc run web", RuntimeArguments.Verb.run, "web", nil as String?, nil as String?),
        ("runc --root /tmp/r create --bundle /b --pid-file /p web", .create, "web", "/tmp/r", "/b"),
        ("runc --root=/tmp/r create --bundle=/b web", .create, "web", "/tmp/r", "/b"),
        ("/usr/sbin/runc -root /tmp/r run -b /b -d web.1", .run, "web.1", "/tmp/r", "/b"),
        (
            "runc --debug --log /l --log-format json --systemd-cgroup restore --image-path /i web", .restore, "web",
            nil, nil
        ),
        ("crun --cgroup-manager cgroupfs --root /r run --bundle /b web", .run, "web", "/r", "/b"),
        ("runc exec -t -u 0 -e A=B web sh -c run", .exec, "web", nil, nil),
        ("runc exec --process /p.json --detach web", .exec, "web", nil, nil),
        ("runc run --preserve-fds 2 -- web", .run, "web", nil, nil),
        ("runc --root relative run -b . web", .run, "web", nil, nil),
    ])
    func forms(line: String, verb: RuntimeArguments.Verb, id: String, root: String?, bundle: String?) throws {
        let parsed = RuntimeArguments.parse(line.split(separator: " ").map(String.init))
        #expect(parsed == RuntimeArguments(verb: verb, id: try containerID(id), root: root, bundle: bundle))
    }

    /// What podman, docker's shim and ctr's shim run (recorded).
    @Test func engines() throws {
        let shim = [
            "runc", "--root", "/run/containerd/runc/default", "--log", "/l/log.json", "--log-format", "json", "create",
            "--bundle", "/run/containerd/io.containerd.runtime.v2.task/default/na", "--pid-file", "/x/init.pid", "na",
        ]
        let parsed = try #require(RuntimeArguments.parse(shim))
        #expect(parsed.root == "/run/containerd/runc/default")
        #expect(parsed.bundle == "/run/containerd/io.containerd.runtime.v2.task/default/na")
        #expect(parsed.id.rawValue == "na")
    }

    @Test(arguments: [
        "", "runc", "runc init", "runc state web", "runc delete --force web", "runc --root /r", "runc run",
        "runc run ../x",
        "runc run -b /b", "runc --bundle run web x/y", "bash -c run", "runc start web",
    ])
    func others(line: String) {
        #expect(RuntimeArguments.parse(line.split(separator: " ").map(String.init)) == nil)
    }

    @Test func hostileText() {
        let words = [
            "run", "exec", "--", "-", "--=", "=", "--root", "--root=", "-b", "", "\u{0}", "web", "../..", "é",
            "--bundle=//",
        ]
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let line = (0..<Int.random(in: 0..<12, using: &random)).map { _ in words.randomElement(using: &random) ?? ""
            }
            guard let parsed = RuntimeArguments.parse(line) else { continue }
            #expect(ContainerID(validating: parsed.id.rawValue) != nil)
            #expect(parsed.bundle?.hasPrefix("/") ?? true)
        }
    }
}
