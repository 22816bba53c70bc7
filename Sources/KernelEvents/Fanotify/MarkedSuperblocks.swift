package import EventModel
private import Synchronization

/// Which superblocks are marked, by device number, and for a procfs which pid namespace its pids count in. Written by the
/// thread that marks, read by the one that reads events.
///
/// A device number is recycled as soon as its superblock is gone, and the next mark overwrites the row; what matters for
/// an event is the row that stood when the mark that made it was set.
package final class MarkedSuperblocks: Sendable {
    package struct Superblock: Equatable, Sendable {
        package var kind: FilesystemKind
        /// For procfs; 0 where it could not be read.
        package var pidNamespace: UInt64
        /// The host's own instance, where only single files are marked.
        package var isHost: Bool
        /// A process whose mountinfo shows it, the last that was looked at; 0 for the host's.
        package var pid: Int32
        /// Where that process has its root mounted; nil where only parts are, or none of it.
        package var mountPoint: String?
    }

    private let rows = Mutex<[DeviceNumber: Superblock]>([:])

    package init() {}

    package subscript(_ device: DeviceNumber) -> Superblock? {
        get { rows.withLock { $0[device] } }
        set { rows.withLock { $0[device] = newValue } }
    }

    package var count: Int { rows.withLock { $0.count } }
}
