package import EventModel

extension RuleSet {
    private static let plannedCalls: Set<EventType> = [
        .mount, .umount2, .fsopen, .fsconfig, .fsmount, .moveMount, .openTree, .mountSetattr, .mknod, .mknodat,
    ]
    private static let opens = EventTypeMask { $0.isOpen }
    private static let touches = EventTypeMask { $0.isOpen || $0 == .write }

    /// What the enabled rules need to hear of from audit.
    package var auditPlan: AuditPlan {
        var plan = AuditPlan()
        for rule in rules where rule.isEnabled {
            plan.calls.formUnion(rule.eventTypes.intersection(Self.plannedCalls))
            if rule.eventTypes.contains(.mount),
                !program.requires(.fileType, "block", at: rule.root, whenever: EventTypeMask(.mount))
            {
                plan.everyMount = true
            }
            program.positiveTexts(at: rule.root) { field, texts, types in
                if field == .fileType, texts.contains("block"), !types.isDisjoint(with: Self.opens) {
                    plan.blockDeviceOpens = true
                }
                if field == .fdName, !types.isDisjoint(with: Self.touches) {
                    plan.writtenPaths.formUnion(texts.filter { $0.hasPrefix("/sys/") })
                }
            }
        }
        return plan
    }

    /// The files below /proc and /sys that the enabled rules name and that are to be marked in each container.
    package var markPlan: MarkPlan {
        var plan = MarkPlan()
        for rule in rules where rule.isEnabled {
            program.positiveTexts(at: rule.root) { field, texts, types in
                guard field == .fdName, !types.isDisjoint(with: Self.touches) else { return }
                for text in texts {
                    if text.hasPrefix("/proc/") { plan.procfs.insert(String(text.dropFirst("/proc/".count))) }
                    if text.hasPrefix("/sys/") { plan.sysfs.insert(String(text.dropFirst("/sys/".count))) }
                }
            }
        }
        return plan
    }
}
