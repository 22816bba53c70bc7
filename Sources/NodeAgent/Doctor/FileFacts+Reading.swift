import KernelEvents
import LinuxSystem

extension FileFacts {
    static func read(_ configuration: Configuration, marks: StandingMarks?) -> FileFacts {
        var facts = FileFacts(isWanted: configuration.watchesFiles, marks: marks?.count)
        guard facts.isWanted else { return facts }
        do throws(SystemError) {
            let features = try FanotifyFeatures.probe()
            facts.reportsPidfd = features.reportsPidfd
            facts.reportsDescriptorErrors = features.reportsDescriptorErrors
        } catch {
            facts.groupFailure = "\(error)"
        }
        do throws(SystemError) { try ForeignRoot.probe() } catch { facts.openat2Failure = "\(error)" }
        facts.queueLimit = limit("max_queued_events")
        facts.groupLimit = limit("max_user_groups")
        facts.markLimit = limit("max_user_marks")
        return facts
    }

    private static func limit(_ name: String) -> Int? {
        let bytes = (try? readFile("/proc/sys/fs/fanotify/\(name)", limit: 64)) ?? []
        return Int(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}
