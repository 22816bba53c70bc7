import ContainerInventory
import LinuxSystem
private import SystemPackage

/// Which processes lie in a cgroup or below it, by what `/proc` says of each process and not by the cgroup's own files: those
/// a container can hold up, and of cgroups it can make more than can be looked at.
struct ScopeMembers {
    enum Place {
        case inside, outside
        /// Nested so deep that the kernel cannot write down where (PATH_MAX). The host does not do that.
        case hidden
        case gone

        var mayBeInside: Bool { self == .inside || self == .hidden }
    }

    let hierarchy: CgroupTree.Hierarchy
    let path: String
    let proc: ProcFilesystem

    /// For a look at every process of the machine.
    static let patience: UInt64 = 5_000_000_000

    static func line(_ memberships: [CgroupMembership], _ hierarchy: CgroupTree.Hierarchy) -> CgroupMembership? {
        memberships.first { hierarchy.isUnified ? $0.hierarchy == 0 : $0.controllers.contains("freezer") }
    }

    func holds(_ memberships: [CgroupMembership]) -> Bool {
        guard let line = Self.line(memberships, hierarchy) else { return false }
        return line.path == path || line.path.hasPrefix(path + "/")
    }

    func place(of pid: Int32) -> Place {
        do throws(SystemError) {
            return holds(try proc.cgroups(pid)) ? .inside : .outside
        } catch {
            return error.errno == .fileNameTooLong ? .hidden : .gone
        }
    }

    /// Living ones, at most `limit`. `isComplete` is false when the time was over before all had been asked, or one was hidden.
    func find(until deadline: UInt64, limit: Int = .max) -> (pids: [Int32], isComplete: Bool) {
        var found: [Int32] = []
        guard let all = try? proc.processes() else { return ([], false) }
        var isComplete = true
        for pid in all {
            if monotonicNanoseconds() > deadline { return (found, false) }
            switch place(of: pid) {
            case .inside:
                guard let state = try? proc.stat(pid).state, state != "Z", state != "X" else { continue }
                found.append(pid)
                if found.count >= limit { return (found, true) }
            case .hidden: isComplete = false
            case .outside, .gone: continue
            }
        }
        return (found, isComplete)
    }
}
