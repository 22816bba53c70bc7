/// The catalogue of the metrics: every family that the page can have. The raw value is its name in Prometheus' text; the
/// order of the cases is that of the page.
///
/// A label's values are few and known: an alert's rule comes from a rule file, a runtime from a list of ours. What a
/// container chose (its id, its name, a path) is never one: each new value would be a new time series, for ever.
package enum MetricFamily: String, Sendable, CaseIterable {
    case ready = "nodeagent_ready"
    case buildInfo = "nodeagent_build_info"
    case snapshotTime = "nodeagent_snapshot_timestamp_seconds"
    case samplesLeftOut = "nodeagent_snapshot_samples_left_out"

    case sourceEventsReceived = "nodeagent_source_events_received_total"
    case sourceEventsLost = "nodeagent_source_events_lost_total"
    case sourceLastEvent = "nodeagent_source_last_event_timestamp_seconds"
    case canaryLastSeen = "nodeagent_canary_last_seen_timestamp_seconds"
    case canaryMissed = "nodeagent_canary_missed_total"
    case auditBacklog = "nodeagent_audit_backlog"
    case auditBacklogLimit = "nodeagent_audit_backlog_limit"
    case auditEnabled = "nodeagent_audit_enabled"
    case auditDaemon = "nodeagent_audit_daemon"
    case auditRules = "nodeagent_audit_rules"
    case fanotifyMarks = "nodeagent_fanotify_marks"
    case coverageFeature = "nodeagent_coverage_feature"
    case coverageTasksWithoutAudit = "nodeagent_coverage_tasks_without_audit"

    case containers = "nodeagent_containers"
    case containersPrivileged = "nodeagent_containers_privileged"
    case containersUnresolved = "nodeagent_containers_unresolved"
    case containersMarked = "nodeagent_containers_marked_total"
    case attributions = "nodeagent_attribution_total"

    case rulesLoaded = "nodeagent_rules_loaded"
    case rulesDisabled = "nodeagent_rules_disabled"
    case rulesReloadSucceeded = "nodeagent_rules_last_reload_successful"
    case rulesReloadTime = "nodeagent_rules_last_reload_success_timestamp_seconds"
    case alerts = "nodeagent_alerts_total"
    case alertsDropped = "nodeagent_alerts_dropped_total"
    case alertRepeatsSuppressed = "nodeagent_alert_repeats_suppressed_total"
    case eventToAlert = "nodeagent_event_to_alert_seconds"

    case actions = "nodeagent_actions_total"
    case actionDuration = "nodeagent_action_seconds"
    case containersFrozen = "nodeagent_containers_frozen"
    case collections = "nodeagent_collections_total"
    case collectionBytes = "nodeagent_collection_bytes_total"
    case collectionDuration = "nodeagent_collection_seconds"

    case deliverRestarts = "nodeagent_deliver_restarts_total"
    case deliverFramesDropped = "nodeagent_deliver_frames_dropped_total"
    case callsRefused = "nodeagent_system_calls_refused_total"

    // The names that every Prometheus client library gives to a process' own figures.
    case processCPU = "process_cpu_seconds_total"
    case processMemory = "process_resident_memory_bytes"
    case processStart = "process_start_time_seconds"

    package enum Kind: String, Sendable { case counter, gauge, histogram }
}

extension MetricFamily {
    package var kind: Kind {
        if !bounds.isEmpty { return .histogram }
        return rawValue.hasSuffix("_total") ? .counter : .gauge
    }

    /// In the order in which a sample gives their values.
    package var labels: [String] {
        switch self {
        case .buildInfo: ["version", "kernel"]
        case .sourceEventsReceived, .sourceLastEvent, .canaryLastSeen, .canaryMissed: ["source"]
        case .sourceEventsLost: ["source", "reason"]
        case .coverageFeature: ["feature"]
        case .containers: ["runtime"]
        case .containersMarked: ["before_start"]
        case .attributions, .collections: ["result"]
        case .alerts: ["rule", "priority"]
        case .actions: ["action", "result"]
        case .callsRefused: ["command"]
        default: []
        }
    }

    /// Upper bounds of a histogram's buckets in seconds, ascending, without the last one, which has none; empty for what
    /// is no histogram.
    package var bounds: [Double] {
        switch self {
        case .eventToAlert, .actionDuration:
            [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
        case .collectionDuration:
            [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
        default: []
        }
    }

    package var help: String {
        switch self {
        case .ready: "1 while every source is armed and the containers that ran already are marked."
        case .buildInfo: "1; the agent's version and the kernel's release."
        case .snapshotTime: "When the sensor gathered these figures; it does so each second."
        case .samplesLeftOut: "Samples that had no room in the snapshot: rules without an alert go first."
        case .sourceEventsReceived: "Events that a kernel source gave to the agent."
        case .sourceEventsLost: "Events, records or gaps that were lost between the kernel and the rules, by reason."
        case .sourceLastEvent: "When a source last gave an event, to a second; 0 before the first."
        case .canaryLastSeen: "When a source last told of the agent's own canary; 0 before the first."
        case .canaryMissed: "Rounds of the agent's own canary that a source did not tell of."
        case .auditBacklog: "Audit records that wait in the kernel."
        case .auditBacklogLimit: "Audit records that may wait in the kernel before it loses one."
        case .auditEnabled: "The kernel's audit switch: 0 off, 1 on, 2 locked until reboot."
        case .auditDaemon: "1 while the agent is the audit daemon, 0 while it listens beside one."
        case .auditRules: "Audit rules of the agent that stand in the kernel."
        case .fanotifyMarks: "Superblocks of containers that were marked, those that are gone again included."
        case .coverageFeature: "1 for a kernel feature that the agent uses, 0 for one that it has to do without."
        case .coverageTasksWithoutAudit:
            "Tasks from before audit was first on: no audit rule sees them (booting with audit=1 cures it)."
        case .containers: "Containers that live, by runtime."
        case .containersPrivileged: "Containers that live and are privileged."
        case .containersUnresolved: "Containers that live and have neither a name nor an image so far."
        case .containersMarked:
            "Containers that started, by whether their file marks stood before their own program's first instruction."
        case .attributions: "Events judged by the rules, by how sure it is whose they are."
        case .rulesLoaded: "Rules that are loaded and enabled."
        case .rulesDisabled: "Rules that are loaded and not enabled."
        case .rulesReloadSucceeded: "1 while the last attempt to load the rules anew was taken, or none was made."
        case .rulesReloadTime: "When the rules in use were loaded."
        case .alerts: "Alerts, by rule and priority."
        case .alertsDropped: "Alerts dropped because standard output was not read."
        case .alertRepeatsSuppressed: "Alerts held back as repeats of one a moment before."
        case .eventToAlert: "From the kernel's stamp of an event to its alert in the writer's hands."
        case .actions: "Actions asked for, by how they ended."
        case .actionDuration: "From the moment its event was read to the container standing still."
        case .containersFrozen: "Containers that stand still by the agent's doing."
        case .collections: "Collections of evidence, by how they ended."
        case .collectionBytes: "Bytes of the archives that were collected."
        case .collectionDuration: "Duration of a collection."
        case .deliverRestarts: "Times that the deliverer was started again."
        case .deliverFramesDropped: "Frames dropped because the deliverer did not take them."
        case .callsRefused: "System calls that a filter refused to a process of the agent, or would have."
        case .processCPU: "User and system time that the sensor spent."
        case .processMemory: "Resident memory of the sensor."
        case .processStart: "When the sensor started, since the epoch."
        }
    }
}
