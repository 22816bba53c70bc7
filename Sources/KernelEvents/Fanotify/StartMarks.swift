private import EventModel

/// Whether the file marks of a container stood before the first instruction of its own program: when the marks in a
/// runtime's process were in place, against the kernel's time of the exec that made it the container's program.
///
/// All times are CLOCK_MONOTONIC nanoseconds. Bounded: of too many set-ups that never end in a start, the oldest goes.
package struct StartMarks: Sendable {
    private struct Setup {
        /// The superblocks of procfs and sysfs that were marked in its mounts.
        var devices: Set<DeviceNumber> = []
        /// When the last of them was seen to be marked.
        var placed: UInt64
        /// Both were there and nothing was refused: there is no more to mark.
        var isWhole = false
    }

    private var setups: [Int32: Setup] = [:]
    private let limit: Int

    /// - Parameter limit: set-ups that are remembered at once.
    package init(limit: Int = 1024) { self.limit = max(1, limit) }

    /// Set-ups that are remembered.
    package var count: Int { setups.count }

    /// A process sets a container up; what was known of this pid is another's.
    package mutating func begin(_ pid: Int32) { setups[pid] = nil }

    /// The mounts of a process in set-up were looked at and marked.
    ///
    /// - Parameter time: after the last mark.
    package mutating func looked(at pid: Int32, _ outcome: ContainerMarks.Outcome, time: UInt64) {
        guard !outcome.devices.isEmpty else { return }
        if setups[pid] == nil, setups.count >= limit {
            let oldest = setups.min { $0.value.placed < $1.value.placed }
            if let oldest { setups[oldest.key] = nil }
        }
        var setup = setups[pid] ?? Setup(placed: time)
        if !outcome.devices.isSubset(of: setup.devices) {
            setup.devices.formUnion(outcome.devices)
            setup.placed = time
        }
        setup.isWhole = outcome.isWhole
        setups[pid] = setup
    }

    /// The process executed the container's program. True when every mark that the container needs stood by then.
    ///
    /// - Parameters:
    ///   - time: the kernel's, of the exec.
    ///   - look: marks what its mounts show now; nil when it is gone. Asked only where the looks before did not see all:
    ///     of a container with the host's sysfs, for instance.
    package mutating func started(
        _ pid: Int32, at time: UInt64, look: () -> ContainerMarks.Outcome?
    ) -> Bool {
        let setup = setups.removeValue(forKey: pid)
        if let setup, setup.isWhole { return setup.placed <= time }
        guard let now = look(), now.refused.isEmpty else { return false }
        guard let setup else { return now.devices.isEmpty }
        return setup.placed <= time && now.devices.isSubset(of: setup.devices)
    }
}
