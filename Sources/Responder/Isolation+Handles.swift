private import CLinux
package import EventModel
import LinuxSystem

extension Isolation {
    /// What is kept of a container between actions.
    final class Handle {
        let access: ControlAccess
        var files: ControlFiles?
        /// The description that the files were opened for.
        fileprivate var cgroup: CgroupID?
        fileprivate var initProcess: ProcessKey?
        fileprivate var isPrepared = false
        /// CLOCK_MONOTONIC nanoseconds.
        fileprivate var lastKnown: UInt64 = monotonicNanoseconds()

        fileprivate init(_ reader: TimedReader) { access = ControlAccess(reader: reader) }
    }

    /// Four descriptors each.
    private static let handleLimit = 1024
    /// A description can come a moment before its container is listed.
    private static let grace: UInt64 = 10_000_000_000
    /// One call's time; what is left over comes with the next.
    private static let slice: UInt64 = 100_000_000

    func handle(_ id: ContainerID) -> Handle {
        if let known = handles[id] { return known }
        let new = Handle(reader)
        handles[id] = new
        return new
    }

    /// Opens the control files of each container that was described anew, if it can be before its first instruction: later a
    /// privileged one may hold up their opening, and what is open can be written to all the same.
    ///
    /// - Parameter containers: all that are known; what is kept of others is given up.
    package func prepare(_ containers: [Container]) {
        let now = monotonicNanoseconds()
        for container in containers { handles[container.id]?.lastKnown = now }
        for (id, handle) in handles where handle.lastKnown &+ Self.grace < now {
            if frozen[id] == nil, !handle.access.isHeldUp { handles[id] = nil }
        }
        for container in containers where monotonicNanoseconds() < now &+ Self.slice {
            guard handles[container.id] != nil || handles.count < mostHandles else { continue }
            let handle = handle(container.id)
            guard
                !handle.isPrepared || handle.cgroup != container.cgroup || handle.initProcess != container.initProcess
            else { continue }
            handle.isPrepared = true
            handle.cgroup = container.cgroup
            handle.initProcess = container.initProcess
            guard
                let scope = try? ContainerScope(
                    container, tree: tree, proc: proc, access: handle.access, held: handle.files)
            else { continue }
            handle.files = scope.directory.files
            try? scope.directory.files.openAll()
        }
    }

    /// Half of the descriptors that this process may have.
    private var mostHandles: Int {
        if let descriptorLimit { return descriptorLimit }
        let limit = min(Self.handleLimit, Int(na_raise_descriptor_limit(16 * 1024)) / 8)
        descriptorLimit = limit
        return limit
    }
}
