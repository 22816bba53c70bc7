import Glibc
import LinuxSystem
import Synchronization
import Testing

@Suite struct TimedReaderTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func returnsWhatTheJobReturned() {
        let reader = TimedReader()
        for number in 0..<2000 { #expect(reader.run(timeout: 10 * Self.second) { number * 2 } == number * 2) }
    }

    @Test func abandonsAReadThatHangs() throws {
        var pipe: [CInt] = [-1, -1]
        try #require(unsafe Glibc.pipe(&pipe) == 0)
        let (readEnd, writeEnd) = (pipe[0], pipe[1])
        let reader = TimedReader()
        let begin = monotonicNanoseconds()
        let hung: Int? = reader.run(timeout: 100_000_000) {
            var byte: UInt8 = 0
            return unsafe read(readEnd, &byte, 1)
        }
        #expect(hung == nil)
        let elapsed = monotonicNanoseconds() - begin
        #expect(elapsed >= 100_000_000 && elapsed < 2 * Self.second)
        // The next job has another thread.
        #expect(reader.run(timeout: 10 * Self.second) { 7 } == 7)
        close(writeEnd)
        usleep(50_000)
        close(readEnd)
    }

    @Test func refusesBeyondSixteenHungThreadsAndRecovers() throws {
        var pipe: [CInt] = [-1, -1]
        try #require(unsafe Glibc.pipe(&pipe) == 0)
        let (readEnd, writeEnd) = (pipe[0], pipe[1])
        let reader = TimedReader()
        let started = Counter()
        let hang: @Sendable () -> Int = {
            started.add()
            var byte: UInt8 = 0
            return unsafe read(readEnd, &byte, 1)
        }
        for _ in 0..<20 { #expect(reader.run(timeout: 20_000_000, hang) == nil) }
        #expect(started.count == 16)
        #expect(reader.run(timeout: Self.second) { 1 } == nil)
        // Its writers gone, the pipe ends: all hung threads come back, and there is room again.
        close(writeEnd)
        var answer: Int?
        for _ in 0..<500 where answer == nil {
            usleep(10_000)
            answer = reader.run(timeout: Self.second) { 1 }
        }
        #expect(answer == 1)
        usleep(50_000)
        close(readEnd)
    }

    /// What hangs must not use up the time of what answers, and who is refused hears why.
    @Test func hangingCostsLessTheMoreOfIt() throws {
        var pipe: [CInt] = [-1, -1]
        try #require(unsafe Glibc.pipe(&pipe) == 0)
        let (readEnd, writeEnd) = (pipe[0], pipe[1])
        let reader = TimedReader(mostHanging: 40)
        let hang: @Sendable () -> Int = {
            var byte: UInt8 = 0
            return unsafe read(readEnd, &byte, 1)
        }
        var patience: [UInt64] = []
        for _ in 0..<40 {
            if case .timedOut(let nanoseconds) = reader.attempt(timeout: 80_000_000, hang) {
                patience.append(nanoseconds)
            }
        }
        #expect(patience.count == 40)
        #expect(
            patience.prefix(9).allSatisfy { $0 == 80_000_000 } && patience[9] == 20_000_000 && patience[33] == 4_000_000
        )
        guard case .refused(hanging: 40) = reader.attempt(timeout: 80_000_000, { 1 }) else {
            Issue.record("40 hang, and another was begun")
            return
        }
        close(writeEnd)
        usleep(100_000)
        close(readEnd)
    }

    @Test func dropsNothingOfALateJob() {
        // Time-outs beside the job's end, over and over: an answer must always be the job's own.
        let reader = TimedReader()
        var answered = 0
        for number in 0..<300 {
            let answer: Int? = reader.run(timeout: 1_000_000) {
                usleep(useconds_t(number % 3) * 500)
                return number
            }
            if let answer {
                #expect(answer == number)
                answered += 1
            }
        }
        #expect(answered > 0)
    }
}

private final class Counter: Sendable {
    private let value = Atomic(0)
    var count: Int { value.load(ordering: .relaxed) }
    func add() { value.add(1, ordering: .relaxed) }
}
