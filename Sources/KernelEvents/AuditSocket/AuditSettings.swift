private import Glibc
import LinuxSystem

/// The settings that the agent changes, as they were found.
struct AuditSettings {
    var enabled: UInt32
    var failure: UInt32
    var backlogLimit: UInt32
    var backlogWaitTime: UInt32

    /// Settings are the kernel's and end with it: those of another boot are nobody's.
    private static var boot: String {
        let bytes = (try? readFile("/proc/sys/kernel/random/boot_id", limit: 64)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? "-"
    }

    init(_ status: AuditStatus) {
        enabled = status.enabled
        failure = status.failure
        backlogLimit = status.backlogLimit
        backlogWaitTime = status.backlogWaitTime
    }

    /// Nil when there is no such file, or it is not whole.
    init?(file: String) {
        guard let bytes = try? readFile(file, limit: 4096) else { return nil }
        var values: [Substring: UInt32] = [:]
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains("boot \(Self.boot)\n") else { return nil }
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 2, let value = UInt32(parts[1]) { values[parts[0]] = value }
        }
        guard values["version"] == 1, let enabled = values["enabled"], let failure = values["failure"],
            let limit = values["backlog_limit"], let wait = values["backlog_wait_time"]
        else { return nil }
        self.enabled = enabled
        self.failure = failure
        backlogLimit = limit
        backlogWaitTime = wait
    }

    func save(_ path: String) throws(SystemError) {
        let text = """
            version 1
            boot \(Self.boot)
            enabled \(enabled)
            failure \(failure)
            backlog_limit \(backlogLimit)
            backlog_wait_time \(backlogWaitTime)

            """
        try replaceFile(path, with: Array(text.utf8))
    }

    mutating func takeBacklog(from status: AuditStatus) {
        backlogLimit = status.backlogLimit
        backlogWaitTime = status.backlogWaitTime
    }

    func restoreBacklog(_ control: borrowing AuditControl) {
        guard let now = try? control.status(), now.enabled != 2 else { return }
        if now.backlogWaitTime != backlogWaitTime { try? control.setBacklogWaitTime(backlogWaitTime) }
        if now.backlogLimit != backlogLimit { try? control.setBacklogLimit(backlogLimit) }
    }

    func restore(_ control: borrowing AuditControl) {
        restoreBacklog(control)
        guard let now = try? control.status(), now.enabled != 2 else { return }
        if now.failure != failure { try? control.setFailure(failure) }
        if now.enabled != enabled { try? control.setEnabled(enabled) }
    }
}
