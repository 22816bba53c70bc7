package import LinuxSystem

/// A thread pool for each kind of source: what hangs of one kind leaves the others their threads.
package struct TimedReaders: Sendable {
    package let processes: TimedReader
    /// A container's files and control files.
    package let files: TimedReader
    /// What belongs to no container.
    package let host: TimedReader

    /// - Parameter mostHanging: of each kind.
    package init(mostHanging: Int = 256) {
        processes = TimedReader(mostHanging: mostHanging)
        files = TimedReader(mostHanging: mostHanging)
        host = TimedReader(mostHanging: mostHanging)
    }

    package subscript(_ stage: CollectionProgress.Stage) -> TimedReader {
        switch stage {
        case .processes: processes
        case .network, .cgroups, .layer, .temporary: files
        case .runtime, .logs, .host: host
        }
    }
}
