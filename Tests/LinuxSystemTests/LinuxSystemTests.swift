import EventModel
import Glibc
import LinuxSystem
import Testing

@Suite struct MountInfoTests {
    @Test func parsesOptionalFieldsAndEscapes() throws {
        let text = """
            22 27 0:21 / /proc rw,relatime shared:5 master:1 - proc proc rw
            41 31 8:1 /a\\040b /mnt\\011x ro - ext4 /dev/sda1 rw,errors=remount-ro
            garbage
            1 2 x:y / / rw - a b c
            """
        let mounts = MountInfo.parse(Array(text.utf8))
        #expect(mounts.count == 2)
        let first = try #require(mounts.first)
        #expect(first.filesystemType == "proc")
        #expect(first.device == DeviceNumber(major: 0, minor: 21))
        #expect(!first.isReadOnly)
        #expect(mounts[1].root == "/a b")
        #expect(mounts[1].mountPoint == "/mnt\tx")
        #expect(mounts[1].isReadOnly)
        #expect(mounts[1].source == "/dev/sda1")
    }

    @Test func survivesAnyBytes() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0..<300, using: &random)).map { _ in
                Bool.random() ? UInt8.random(in: 0...255) : Array("0:/ -\\\n".utf8).randomElement() ?? 0
            }
            #expect(MountInfo.parse(bytes).count <= bytes.count)
            #expect(CgroupMembership.parse(bytes).count <= bytes.count)
        }
    }
}

@Suite struct ProcFilesystemTests {
    private let proc = ProcFilesystem()

    @Test func readsItsOwnProcess() throws {
        let stat = try proc.stat(getpid())
        #expect(stat.parentPID == getppid())
        #expect(stat.startTime > 0)
        #expect(!stat.isExiting)
        #expect(try proc.executable(getpid()).inode > 0)
        #expect(try proc.commandLine(getpid()).isEmpty == false)
        #expect(try proc.processes().contains(getpid()))
    }

    @Test func tellsCallAndErrnoForAProcessThatIsNotThere() {
        let error = #expect(throws: SystemError.self) { try proc.stat(Int32.max) }
        #expect(error?.operation == "open")
    }
}

@Suite struct ForeignRootTests {
    /// A directory that stands for a container's root: its links must not lead out of it.
    @Test func staysInside() throws {
        var template = Array("/tmp/nodeagent-root-XXXXXX".utf8CString)
        let made = unsafe mkdtemp(&template)
        #expect(unsafe made != nil)
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { unsafe rmdir(directory) }
        let link = directory + "/etc"
        #expect(unsafe symlink("/etc", link) == 0)
        defer { unsafe unlink(link) }
        // This process' own root is the host's, so the walk is tried below a path of it.
        let root = try ForeignRoot(pid: getpid())
        #expect(throws: SystemError.self) { try root.object(at: link + "/passwd").status() }
        #expect(throws: SystemError.self) { try root.object(at: "/proc/self/root/etc").status() }
        #expect(try root.reading("/etc/passwd").readAll(limit: 16).count == 16)
    }
}

@Suite struct NamedThreadTests {
    @Test func waitsNoLongerThanItIsTold() throws {
        let go = try WakeEvent()
        let slow = try NamedThread("slow") { _ = waitReadable([go.rawDescriptor], milliseconds: 10_000) }
        let begin = monotonicNanoseconds()
        let slowHasEnded = slow.join(until: begin + 50_000_000)
        #expect(!slowHasEnded)
        let waited = monotonicNanoseconds() - begin
        #expect(waited >= 50_000_000 && waited < 5_000_000_000)
        go.signal()
        let quick = try NamedThread("quick") {}
        let quickHasEnded = quick.join(until: monotonicNanoseconds() + 10_000_000_000)
        #expect(quickHasEnded)
    }
}

@Suite struct SlotRingTests {
    @Test func handsOverInOrderAcrossThreads() throws {
        let ring = try SlotRing(slots: 8, stride: 64)
        let total = 20_000
        let producer = try NamedThread("producer") {
            var next = 0
            while next < total {
                if ring.room().count == 0 {
                    sched_yield()
                    continue
                }
                unsafe ring.slotToFill().storeBytes(of: next, as: Int.self)
                ring.publish(1)
                next += 1
            }
        }
        var expected = 0
        while expected < total {
            guard ring.count > 0 else {
                sched_yield()
                continue
            }
            let value = unsafe ring.front.load(as: Int.self)
            if value != expected { break }
            ring.release()
            expected += 1
        }
        producer.join()
        #expect(expected == total)
    }
}
