/// A point in time for people and for JSON, without a calendar library: UTC, nine decimals.
package struct Timestamp: Sendable {
    private let seconds: UInt64
    private let nanoseconds: UInt64

    /// - Parameter nanoseconds: since the epoch.
    package init(_ nanoseconds: UInt64) {
        seconds = nanoseconds / 1_000_000_000
        self.nanoseconds = nanoseconds % 1_000_000_000
    }

    /// `2026-11-21T22:05:01.123456789Z` (RFC 3339).
    package var rfc3339: String { "\(day)T\(clock)Z" }

    /// `2026-11-21`.
    package var day: String {
        let (year, month, day) = civil
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))"
    }

    /// `22:05:01.123456789`, as Falco begins a line.
    package var clock: String {
        let day = seconds % 86_400
        return "\(pad(day / 3600, 2)):\(pad(day / 60 % 60, 2)):\(pad(day % 60, 2)).\(pad(nanoseconds, 9))"
    }

    /// Days since the epoch to year, month, day of the Gregorian calendar, counted from 1 March of year 0 so that the leap
    /// day is the last of its year.
    private var civil: (UInt64, UInt64, UInt64) {
        let days = seconds / 86_400 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private func pad(_ value: UInt64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
