private import LinuxSystem

/// How much a collection may take. What meets a limit ends as a row that says so.
package struct CollectionLimits: Sendable {
    /// CLOCK_MONOTONIC, nanoseconds.
    package var deadline: UInt64
    /// Bytes of content that are taken in, before compression; holes of sparse files cost nothing.
    package var archiveBytes: UInt64
    /// Bytes of one file.
    package var fileBytes: UInt64
    /// No more content is taken when the output's file system has less than this left. Nil: `defaultFloor`.
    package var freeBytes: UInt64?

    package init(
        deadline: UInt64? = nil, archiveBytes: UInt64 = 4 << 30, fileBytes: UInt64 = 1 << 30, freeBytes: UInt64? = nil
    ) {
        self.deadline = deadline ?? monotonicNanoseconds() + 120_000_000_000
        self.archiveBytes = archiveBytes
        self.fileBytes = fileBytes
        self.freeBytes = freeBytes
    }

    /// 5 % of a file system of `total` bytes, not below 256 MiB and not above 2 GiB.
    package static func defaultFloor(total: UInt64) -> UInt64 { max(256 << 20, min(2 << 30, total / 20)) }
}
