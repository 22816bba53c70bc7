import CAudit
import EventModel
import KernelEvents
import Testing

/// What the kernel tells of marks and rules that stand.
@Suite struct StandingMarksTests {
    /// Recorded on 6.18: a mark on the file system of /proc, one on /etc/passwd; one on a mount, after proc_pid_fdinfo(5).
    @Test func findsTheSuperblocks() {
        let fdinfo = """
            pos:	0
            flags:	02
            mnt_id:	17
            ino:	1038
            fanotify flags:0 event-flags:8000
            fanotify ino:2e1 sdev:fe00000 mflags:0 mask:20 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:e102
            fanotify sdev:15 mflags:0 mask:20 ignored_mask:0
            fanotify mnt_id:12 mflags:40 mask:38 ignored_mask:40000003
            fanotify sdev:800013 mflags:0 mask:22 ignored_mask:0

            """
        var marks = StandingMarks()
        marks.add(Array(fdinfo.utf8))
        #expect(marks.count == 4)
        #expect(marks.superblocks == [DeviceNumber(major: 0, minor: 0x15), DeviceNumber(major: 8, minor: 0x13)])
    }

    @Test func knowsWhoseARuleIsAndWhatItHides() {
        let task = UInt32(NA_AUDIT_LIST_TASK)
        let exit = UInt32(NA_AUDIT_LIST_EXIT)
        let never = UInt32(NA_AUDIT_NEVER)
        let always = UInt32(NA_AUDIT_ALWAYS)
        #expect(StandingRule(key: "nodeagent-call", list: exit, action: always).isOwn)
        #expect(!StandingRule(key: "", list: exit, action: always).isOwn)
        #expect(StandingRule(key: "", list: task, action: never).hidesTasks)
        #expect(!StandingRule(key: "", list: exit, action: never).hidesTasks)
        #expect(!StandingRule(key: "", list: task, action: always).hidesTasks)
        #expect(StandingRule(key: "", list: exit, action: never).isNever)
    }
}
