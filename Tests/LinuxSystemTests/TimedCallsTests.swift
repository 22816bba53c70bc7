import Glibc
import LinuxSystem
import Testing

@Suite struct TimedCallsTests {
    /// Reads that hang until the other end is closed.
    private final class Pipe: Sendable {
        let readEnd: CInt
        private let writeEnd: CInt

        init() throws {
            var ends: [CInt] = [-1, -1]
            try #require(unsafe pipe(&ends) == 0)
            (readEnd, writeEnd) = (ends[0], ends[1])
        }
        deinit { Glibc.close(readEnd) }

        func hang() -> Int {
            var byte: UInt8 = 0
            return unsafe read(readEnd, &byte, 1)
        }
        func letGo() { Glibc.close(writeEnd) }
    }

    private func eventually(_ calls: TimedCalls, _ path: String) -> Int? {
        for _ in 0..<500 {
            if let answer = calls.run(path, { 7 }) { return answer }
            usleep(10_000)
        }
        return nil
    }

    /// What does not answer takes one thread, and is asked again when it has.
    @Test func whatDoesNotAnswerIsPassedOver() throws {
        let calls = TimedCalls(patience: 50_000_000)
        let pipe = try Pipe()
        for _ in 0..<40 { #expect(calls.run("/a", { pipe.hang() }) == nil) }
        #expect(calls.run("/b") { 7 } == 7)
        pipe.letGo()
        #expect(eventually(calls, "/a") == 7)
    }

    /// A call for which there was no thread says nothing about what it was to be about.
    @Test func whatWasNotTriedIsTriedLater() throws {
        let calls = TimedCalls(reader: TimedReader(mostHanging: 1), patience: 50_000_000)
        let pipe = try Pipe()
        #expect(calls.run("/a", { pipe.hang() }) == nil)
        #expect(calls.run("/b") { 7 } == nil)
        pipe.letGo()
        #expect(eventually(calls, "/b") == 7)
    }
}
