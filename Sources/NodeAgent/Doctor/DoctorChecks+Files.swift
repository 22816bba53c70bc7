/// fanotify and openat2, by which containers' files are watched.
struct FileFacts: Sendable {
    /// `fanotify.enabled` of the configuration.
    var isWanted = true
    /// What the kernel said to a fanotify group, to openat2; nil: it takes them.
    var groupFailure: String?
    var openat2Failure: String?
    var reportsPidfd = false
    var reportsDescriptorErrors = false
    /// Of /proc/sys/fs/fanotify; nil where it is not (before 5.13).
    var queueLimit: Int?
    var groupLimit: Int?
    var markLimit: Int?
    /// Marks of the running agent; nil without one, or when it has none.
    var marks: Int?
}

extension DoctorChecks {
    static func files(_ facts: FileFacts) -> [DoctorCheck] {
        guard facts.isWanted else {
            return [
                .info("fanotify", "not used (fanotify.enabled: false): reads of environ and writes to sysfs go unseen")
            ]
        }
        return [fanotify(facts), openat2(facts), limits(facts)]
    }

    private static func fanotify(_ facts: FileFacts) -> DoctorCheck {
        if let failure = facts.groupFailure {
            return .fail(
                "fanotify", "\(failure): reads of environ and writes to sysfs go unseen",
                remedy: "a kernel with CONFIG_FANOTIFY, CAP_SYS_ADMIN; fanotify.enabled: false does without")
        }
        let finding = "usable; pidfd \(facts.reportsPidfd ? "yes" : "no"), "
        return .pass(
            "fanotify",
            facts.reportsDescriptorErrors
                ? finding + "descriptor errors yes"
                : finding + "descriptor errors no: an opener that has ended by then is told as ambiguous")
    }

    private static func openat2(_ facts: FileFacts) -> DoctorCheck {
        guard let failure = facts.openat2Failure else { return .pass("openat2", "usable") }
        return .fail(
            "openat2", "\(failure): no container's files can be marked, and the agent does not start",
            remedy: "a kernel from 5.6 on; in a systemd unit RestrictSUIDSGID=no")
    }

    /// The kernel's own default of events that wait in a group.
    private static let usualQueue = 16_384

    private static func limits(_ facts: FileFacts) -> DoctorCheck {
        let id = "fanotify-limits"
        guard let queue = facts.queueLimit, let groups = facts.groupLimit, let limit = facts.markLimit else {
            return .info(id, "this kernel has no /proc/sys/fs/fanotify: its limits are fixed")
        }
        let own = facts.marks.map { ", \($0) used by the agent" } ?? ""
        let finding = "queue \(queue), groups \(groups), marks \(limit)\(own)"
        if queue < usualQueue {
            return .warn(
                id, "\(finding): a burst of opens overflows the queue",
                remedy: "sysctl fs.fanotify.max_queued_events=\(usualQueue)")
        }
        if groups < 4 {
            return .warn(id, "\(finding): the agent opens two groups", remedy: "sysctl fs.fanotify.max_user_groups=128")
        }
        if let marks = facts.marks, marks > limit / 10 * 8 {
            return .warn(
                id, "\(finding): new containers will not be marked",
                remedy: "sysctl fs.fanotify.max_user_marks=\(limit * 2)")
        }
        return .pass(id, finding)
    }
}
