import EventModel
import KernelEvents
import Testing

/// Which containers count as marked before their own program began.
@Suite struct StartMarksTests {
    private func outcome(
        procfs: UInt32? = nil, sysfs: UInt32? = nil, refused: [String] = []
    ) -> ContainerMarks.Outcome {
        var outcome = ContainerMarks.Outcome()
        outcome.sawProcfs = procfs != nil
        outcome.sawSysfs = sysfs != nil
        outcome.devices = Set([procfs, sysfs].compactMap { $0.map { DeviceNumber(major: 0, minor: $0) } })
        outcome.marked = outcome.devices.count
        outcome.refused = refused
        return outcome
    }

    private func never() -> ContainerMarks.Outcome? {
        Issue.record("looked at once more")
        return nil
    }

    @Test func inPlaceByTheTimeOfTheExec() {
        for (placed, expected) in [(99, true), (100, true), (101, false)] as [(UInt64, Bool)] {
            var marks = StartMarks()
            marks.begin(7)
            marks.looked(at: 7, outcome(), time: 10)
            marks.looked(at: 7, outcome(procfs: 50), time: 20)
            marks.looked(at: 7, outcome(procfs: 50, sysfs: 51), time: placed)
            // Another look marks nothing new.
            marks.looked(at: 7, outcome(procfs: 50, sysfs: 51), time: 200)
            #expect(marks.started(7, at: 100, look: never) == expected)
            #expect(marks.count == 0)
        }
    }

    /// Nothing was seen in time, or it is not known of anybody.
    @Test func tooLate() {
        var marks = StartMarks()
        var found: [Bool] = []
        found.append(marks.started(7, at: 100) { outcome(procfs: 50, sysfs: 51) })
        found.append(marks.started(7, at: 100) { nil })
        // Gone, and its sysfs was never seen.
        marks.looked(at: 7, outcome(procfs: 50), time: 20)
        found.append(marks.started(7, at: 100) { nil })
        // The sysfs came between the last look and the exec.
        marks.looked(at: 7, outcome(procfs: 50), time: 20)
        found.append(marks.started(7, at: 100) { outcome(procfs: 50, sysfs: 51) })
        // One mount could not be marked so far.
        marks.looked(at: 7, outcome(procfs: 50, sysfs: 51, refused: ["/sys: moved"]), time: 20)
        found.append(marks.started(7, at: 100) { outcome(procfs: 50, sysfs: 51, refused: ["/sys: moved"]) })
        #expect(found == [false, false, false, false, false])
    }

    /// With the host's network a container has the host's sysfs, and there is one superblock to mark; with the host's
    /// procfs as well there is none.
    @Test func whatThereIsToMark() {
        var marks = StartMarks()
        var found: [Bool] = []
        marks.looked(at: 7, outcome(procfs: 50), time: 20)
        found.append(marks.started(7, at: 100) { outcome(procfs: 50) })
        marks.looked(at: 7, outcome(procfs: 50), time: 120)
        found.append(marks.started(7, at: 100) { outcome(procfs: 50) })
        found.append(marks.started(8, at: 100) { outcome() })
        #expect(found == [true, false, true])
    }

    /// A pid that sets up again is another process, and those that never start are forgotten, the oldest first.
    @Test func remembersLittle() {
        var marks = StartMarks(limit: 10)
        var found: [Bool] = []
        marks.looked(at: 7, outcome(procfs: 50, sysfs: 51), time: 20)
        marks.begin(7)
        found.append(marks.started(7, at: 100) { nil })
        for pid in 1...100 as ClosedRange<Int32> {
            marks.looked(at: pid, outcome(procfs: 50, sysfs: 51), time: UInt64(pid))
        }
        #expect(marks.count == 10)
        for pid in [90, 91, 100] as [Int32] { found.append(marks.started(pid, at: 200) { nil }) }
        #expect(found == [false, false, true, true])
    }
}
