package import EventModel

extension RuleSet {
    private static let opens = EventTypeMask { $0.isOpen }
    private static let touches = EventTypeMask { $0.isOpen || $0 == .write }

    /// What the enabled rules need to hear of from audit.
    package var auditPlan: AuditPlan {
        var plan = AuditPlan()
        for rule in rules where rule.isEnabled { _ = program.addNeeds(of: rule, to: &plan) }
        return plan
    }

    /// Which part of the events that a rule is about is not listened to, since nothing narrows it down, and why; empty for a
    /// rule that hears of all.
    package func gaps(of rule: Int) -> [String] {
        var plan = AuditPlan()
        return program.addNeeds(of: rules[rule], to: &plan)
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

extension Program {
    /// Calls that any rule of theirs asks for, also one that names no event type: a handful a container.
    private static let mounts: Set<EventType> = [
        .mount, .umount2, .fsopen, .fsconfig, .fsmount, .moveMount, .openTree, .mountSetattr, .mknod, .mknodat,
    ]
    /// Calls of which each one is asked for where a rule names their type.
    private static let named: Set<EventType> = [
        .execve, .execveat, .clone, .unshare, .setns, .setuid, .setgid, .capset, .kill, .initModule, .finitModule,
        .connect, .accept, .accept4, .bind, .listen, .symlink, .symlinkat, .link, .linkat, .unlink, .unlinkat, .rmdir,
        .mkdir, .mkdirat, .rename, .renameat, .renameat2, .chmod, .fchmod, .fchmodat, .memfdCreate, .userfaultfd, .bpf,
        .ioUringSetup,
    ]
    private static let opens = EventTypeMask { $0.isOpen }
    private static let touches = EventTypeMask { $0.isOpen || $0 == .write }

    /// Adds what a rule needs to hear of; what is left out comes back in words.
    fileprivate func addNeeds(of rule: Rule, to plan: inout AuditPlan) -> [String] {
        plan.calls.formUnion(rule.eventTypes.intersection(Self.mounts))
        if rule.eventTypes.contains(.mount),
            !requires(.fileType, "block", at: rule.root, whenever: EventTypeMask(.mount))
        {
            plan.everyMount = true
        }
        positiveTexts(at: rule.root) { field, texts, types in
            if field == .fileType, texts.contains("block"), !types.isDisjoint(with: Self.opens) {
                plan.blockDeviceOpens = true
            }
            if field == .fdName, !types.isDisjoint(with: Self.touches) {
                plan.writtenPaths.formUnion(texts.filter { $0.hasPrefix("/sys/") })
            }
        }
        let types = namedTypes(at: rule.root).types.intersection(rule.eventTypes)
        plan.calls.formUnion(types.intersection(Self.named))
        var gaps: [String] = []
        addArguments(of: rule, types, to: &plan)
        if types.contains(.clone) || types.contains(.clone3) {
            gaps.append("only clones that make namespaces are listened to, and none of clone3")
        }
        if types.contains(.sendto) || types.contains(.sendmsg) {
            gaps.append("sendto and sendmsg come with everything that is sent, and are not listened to")
        }
        if types.contains(where: \.isOpen) { addOpens(of: rule, to: &plan, &gaps) }
        return gaps
    }

    /// ptrace, socket and dup by the values that the rule asks for, as far as it does.
    private func addArguments(of rule: Rule, _ types: Set<EventType>, to plan: inout AuditPlan) {
        let fields: [(EventType, FieldID, (String) -> [UInt32])] = [
            (.ptrace, .evtArgRequest, PtraceRequest.numbers), (.socket, .evtArgDomain, AddressFamily.numbers),
        ]
        for (type, field, numbers) in fields where types.contains(type) {
            if let texts = requiredTexts(field, at: rule.root, whenever: EventTypeMask(type)) {
                plan.firstArguments[type, default: []].formUnion(texts.flatMap(numbers))
            } else {
                plan.calls.insert(type)
            }
        }
        for type in types where type.isDuplication {
            if let numbers = requiredNumbers(.evtRawres, at: rule.root, whenever: EventTypeMask(type)),
                let highest = numbers.max(), let bound = UInt32(exactly: highest + 1)
            {
                plan.resultsBelow[type] = max(plan.resultsBelow[type] ?? 0, bound)
            } else {
                plan.calls.insert(type)
            }
        }
    }

    private func addOpens(of rule: Rule, to plan: inout AuditPlan, _ gaps: inout [String]) {
        guard let narrowing = openNarrowing(at: rule.root) else {
            gaps.append("opens that no path and no flag narrows down are not listened to")
            return
        }
        for file in narrowing.files {
            let mode: AuditPlan.AccessMode =
                requires(.evtIsOpenWrite, at: rule.root)
                ? .write : requires(.evtIsOpenRead, at: rule.root) ? .read : [.read, .write]
            plan.files[file, default: []].formUnion(mode)
        }
        if narrowing.truncations { plan.truncations = true }
        if narrowing.writes {
            if requiresContainer(at: rule.root) {
                plan.deviceLessWrites = true
                gaps.append("writes of files on a disk are not listened to")
            } else {
                gaps.append("opens for writing that no path narrows down are not listened to")
            }
        }
        if !narrowing.files.isEmpty {
            gaps.append("in a container only files that it shares with the host")
            if !narrowing.isWhole { gaps.append("opens by other names than those below the paths are not listened to") }
        }
    }
}
