import EventModel
import Responder
import Testing

@Suite struct ActionLimiterTests {
    private let second: UInt64 = 1_000_000_000
    private let start: UInt64 = 1_000_000_000_000

    private func id(_ number: Int) throws -> ContainerID { try #require(ContainerID(validating: "c\(number)")) }

    @Test func threeAMinute() throws {
        var limiter = ActionLimiter()
        for number in 0..<3 {
            #expect(limiter.request(.freeze, on: try id(number), now: start + UInt64(number)) == nil)
        }
        #expect(limiter.request(.freeze, on: try id(3), now: start + 60 * second - 1) == .rate)
        // The first is a minute old, the second not yet.
        #expect(limiter.request(.freeze, on: try id(3), now: start + 60 * second) == nil)
        #expect(limiter.request(.freeze, on: try id(4), now: start + 60 * second) == .rate)
    }

    @Test func onceAContainerAndAction() throws {
        var limiter = ActionLimiter()
        let container = try id(1)
        #expect(limiter.request(.freeze, on: container, now: start) == nil)
        #expect(limiter.request(.freeze, on: container, now: start + 600 * second - 1) == .repeated)
        #expect(limiter.request(.kill, on: container, now: start + 600 * second - 1) == nil)
        #expect(limiter.request(.freeze, on: container, now: start + 600 * second) == nil)
    }

    /// What was not allowed does not count as done.
    @Test func aLimitedRequestIsNoAction() throws {
        var limiter = ActionLimiter()
        for number in 0..<3 { _ = limiter.request(.freeze, on: try id(number), now: start) }
        #expect(limiter.request(.freeze, on: try id(9), now: start + 1) == .rate)
        #expect(limiter.request(.freeze, on: try id(9), now: start + 60 * second) == nil)
    }

    @Test func moreThanTenRequestsOpenTheBreaker() throws {
        var limiter = ActionLimiter()
        for number in 0..<10 {
            _ = limiter.request(.freeze, on: try id(number), now: start + UInt64(number) * 25 * second)
        }
        #expect(!limiter.isOpen(now: start + 299 * second))
        let now = start + 300 * second - 1
        let until = now + 900 * second
        #expect(limiter.request(.freeze, on: try id(10), now: now) == .breaker(until: until))
        #expect(limiter.isOpen(now: now))
        #expect(limiter.request(.freeze, on: try id(11), now: until - 1) == .breaker(until: until))
        #expect(limiter.request(.freeze, on: try id(11), now: until) == nil)
        #expect(!limiter.isOpen(now: until))
    }

    @Test func tenRequestsInFiveMinutesDoNot() throws {
        var limiter = ActionLimiter()
        for number in 0..<10 {
            _ = limiter.request(.freeze, on: try id(number), now: start + UInt64(number) * 25 * second)
        }
        #expect(limiter.request(.freeze, on: try id(10), now: start + 300 * second) == nil)
    }

    @Test func threeFailuresInARowOpenTheBreaker() throws {
        var limiter = ActionLimiter()
        limiter.finish(isSuccess: false, now: start)
        limiter.finish(isSuccess: false, now: start)
        limiter.finish(isSuccess: true, now: start)
        limiter.finish(isSuccess: false, now: start)
        limiter.finish(isSuccess: false, now: start)
        #expect(limiter.request(.freeze, on: try id(1), now: start) == nil)
        limiter.finish(isSuccess: false, now: start)
        #expect(limiter.request(.freeze, on: try id(2), now: start) == .breaker(until: start + 900 * second))
        #expect(limiter.request(.freeze, on: try id(2), now: start + 900 * second) == nil)
    }

    @Test func timesAtTheEndDoNotTrap() throws {
        var limiter = ActionLimiter()
        for number in 0..<11 { _ = limiter.request(.kill, on: try id(number), now: .max) }
        #expect(limiter.isOpen(now: .max - 1))
    }
}
