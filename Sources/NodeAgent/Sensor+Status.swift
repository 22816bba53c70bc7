import KernelEvents
import Synchronization
import SystemPackage

extension Sensor {
    /// Counters by name, as `status` on the control socket gives them. Names follow the metrics to come: loss by source.
    static func status(
        _ statistics: PipelineStatistics, _ audit: AuditReader?, _ connector: any ProcessEventSource,
        _ fanotify: FanotifyReader?, _ marks: MarkSupervisor?, _ inputs: Pipeline.Inputs, _ writer: AlertWriter,
        _ deliverer: Deliverer
    ) -> [String: UInt64] {
        let counters = statistics.auditCounters
        var status: [String: UInt64] = [
            "alerts": statistics.alerts.load(ordering: .relaxed),
            "alerts_dropped": writer.droppedCount,
            "audit_events": counters.events,
            "audit_late": counters.late,
            "audit_duplicate": counters.duplicate,
            "audit_malformed": counters.malformed,
            "audit_records": counters.records,
            "audit_user_range": counters.userRange,
            "audit_wanted": statistics.normalized.load(ordering: .relaxed),
            "connector_events": connector.eventCount,
            "connector_gaps": connector.gapCount,
            "deliverer_restarts": UInt64(deliverer.restartCount),
            "file_accesses_dropped": inputs.files.droppedCount,
            "process_changes_dropped": inputs.processes.droppedCount,
            "reports_dropped": inputs.reports.droppedCount,
        ]
        if let audit {
            status["audit_socket_drops"] = audit.drops
            status["audit_forged"] = audit.forgedCount
            // Records of our own rules are counted where others store each one.
            status["audit_budget_applies"] = statistics.countsGroups.load(ordering: .relaxed) ? 1 : 0
            for (group, count) in statistics.recordsByGroup { status["audit_group_records_\(group.rawValue)"] = count }
        }
        if let fanotify {
            status["fanotify_events"] = fanotify.eventCount
            status["fanotify_overflows"] = fanotify.overflowCount
            for (error, count) in fanotify.lostObjects { status["fanotify_error_\(error.rawValue)"] = count }
        }
        if let marks {
            status["marks"] = marks.count
            let starts = marks.starts
            status["containers_marked_before_start"] = starts.marked
            status["containers_unmarked_before_start"] = starts.unmarked
        }
        return status
    }
}
