import EventModel
import Responder
import Testing

@Suite struct ActionLimiterTests {
    private let second: UInt64 = 1_000_000_000
    private let start: UInt64 = 1_000_000_000_000

    private func id(_ number: Int) throws -> ContainerID { try #require(ContainerID(validating: "c\(number)")) }

    /// Asked, and done if it may be.
    private func act(
        _ limiter: inout ActionLimiter, _ action: ResponseAction = .freeze, on container: ContainerID, now: UInt64
    ) -> ActionLimiter.Limit? {
        let limit = limiter.request(action, on: container, now: now)
        if limit == nil { limiter.charge(action, on: container, now: now) }
        return limit
    }

    @Test func threeAMinute() throws {
        var limiter = ActionLimiter()
        for number in 0..<3 {
            #expect(act(&limiter, on: try id(number), now: start + UInt64(number)) == nil)
        }
        #expect(act(&limiter, on: try id(3), now: start + 60 * second - 1) == .rate)
        // The first is a minute old, the second not yet.
        #expect(act(&limiter, on: try id(3), now: start + 60 * second) == nil)
        #expect(act(&limiter, on: try id(4), now: start + 60 * second) == .rate)
    }

    @Test func onceAContainerAndAction() throws {
        var limiter = ActionLimiter()
        let container = try id(1)
        #expect(act(&limiter, on: container, now: start) == nil)
        #expect(limiter.standing(.freeze, on: container, now: start + 600 * second - 1) == .repeated)
        #expect(act(&limiter, on: container, now: start + 600 * second - 1) == .repeated)
        #expect(act(&limiter, .kill, on: container, now: start + 600 * second - 1) == nil)
        #expect(limiter.standing(.freeze, on: container, now: start + 600 * second) == nil)
        #expect(act(&limiter, on: container, now: start + 600 * second) == nil)
    }

    /// What was asked for, and then refused or not done, does not count as done.
    @Test func askingUsesNothingUp() throws {
        var limiter = ActionLimiter()
        for number in 0..<9 { #expect(limiter.request(.freeze, on: try id(number), now: start) == nil) }
        #expect(limiter.request(.freeze, on: try id(1), now: start) == nil)
        for number in 0..<3 { #expect(act(&limiter, on: try id(number), now: start) == nil) }
        #expect(act(&limiter, on: try id(9), now: start + 1) == .rate)
        #expect(act(&limiter, on: try id(9), now: start + 60 * second) == nil)
    }

    /// However often one container has alerts, the others are acted on as before.
    @Test func oneContainerUsesUpItsOwn() throws {
        var limiter = ActionLimiter()
        let decoy = try id(0)
        for number in 0..<UInt64(1000) {
            _ = act(&limiter, on: decoy, now: start + number)
            _ = act(&limiter, .kill, on: decoy, now: start + number)
        }
        #expect(!limiter.isOpen(now: start + 1000))
        #expect(act(&limiter, on: try id(1), now: start + 1000) == nil)
        // Refused for the rate, it counts once as well.
        for number in 0..<UInt64(1000) { #expect(act(&limiter, on: try id(2), now: start + 1000 + number) == .rate) }
        #expect(act(&limiter, on: try id(3), now: start + 61 * second) == nil)
    }

    @Test func moreThanTenRequestsOpenTheBreaker() throws {
        var limiter = ActionLimiter()
        for number in 0..<10 {
            _ = act(&limiter, on: try id(number), now: start + UInt64(number) * 25 * second)
        }
        #expect(!limiter.isOpen(now: start + 299 * second))
        let now = start + 300 * second - 1
        let until = now + 900 * second
        #expect(act(&limiter, on: try id(10), now: now) == .breaker(until: until))
        #expect(limiter.isOpen(now: now))
        #expect(limiter.standing(.freeze, on: try id(11), now: until - 1) == .breaker(until: until))
        #expect(act(&limiter, on: try id(11), now: until - 1) == .breaker(until: until))
        #expect(act(&limiter, on: try id(11), now: until) == nil)
        #expect(!limiter.isOpen(now: until))
    }

    @Test func tenRequestsInFiveMinutesDoNot() throws {
        var limiter = ActionLimiter()
        for number in 0..<10 {
            _ = act(&limiter, on: try id(number), now: start + UInt64(number) * 25 * second)
        }
        #expect(act(&limiter, on: try id(10), now: start + 300 * second) == nil)
    }

    @Test func failuresOfThreeContainersInARowOpenTheBreaker() throws {
        var limiter = ActionLimiter()
        limiter.finish(try id(1), isSuccess: false, now: start)
        limiter.finish(try id(2), isSuccess: false, now: start)
        limiter.finish(try id(3), isSuccess: true, now: start)
        limiter.finish(try id(4), isSuccess: false, now: start)
        // A container can make what is done to it fail: that is one failure, however often.
        for _ in 0..<10 { limiter.finish(try id(5), isSuccess: false, now: start) }
        #expect(act(&limiter, on: try id(1), now: start) == nil)
        limiter.finish(try id(6), isSuccess: false, now: start)
        #expect(act(&limiter, on: try id(2), now: start) == .breaker(until: start + 900 * second))
        #expect(act(&limiter, on: try id(2), now: start + 900 * second) == nil)
    }

    @Test func timesAtTheEndDoNotTrap() throws {
        var limiter = ActionLimiter()
        for number in 0..<11 { _ = act(&limiter, .kill, on: try id(number), now: .max) }
        #expect(limiter.isOpen(now: .max - 1))
    }
}
