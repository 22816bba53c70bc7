private import CAudit
package import EventModel
private import LinuxSystem

/// The kernel rules that a plan needs: few and merged, since each further rule on one call costs every such call 30 to
/// 110 ns, and the rest is decided in user space (docs/kernel-facts.md, "audit").
package struct AuditRuleSet: Sendable {
    package private(set) var rules: [AuditRule] = []
    /// The files whose writing is wanted, as the kernel knows them on this boot.
    package private(set) var watched: [AuditNormalizer.WatchedObject] = []

    /// The machines whose calls this kernel takes: every rule is there for each, since a rule for 64-bit calls does not see
    /// `int $0x80`.
    struct Machine {
        var index: CInt
        var architecture: UInt32
        /// As auditctl(8) has it.
        var name: String
    }
    #if arch(x86_64)
        static let machines = [
            Machine(index: 0, architecture: 0xc000_003e, name: "b64"),
            Machine(index: 1, architecture: 0x4000_0003, name: "b32"),
        ]
    #else
        static let machines = [Machine(index: 2, architecture: 0xc000_00b7, name: "b64")]
    #endif

    private static let opens: [EventType] = [.open, .openat, .openat2, .creat]
    /// IORING_OP_OPENAT and IORING_OP_OPENAT2.
    private static let uringOpens = [18, 28]
    private static let notFound = UInt32(bitPattern: -2)
    /// AT_FDCWD.
    private static let workingDirectory = UInt32(bitPattern: -100)

    /// - Parameter inode: the inode number of a host path, nil where there is none; inodes of sysfs differ from boot to
    ///   boot and are read at each start.
    package init(plan: AuditPlan, inode: (String) -> UInt64? = Self.sysfsInode) {
        for machine in Self.machines {
            addCalls(plan, machine)
            if plan.blockDeviceOpens {
                var rule = exitRule(.block, machine, Self.opens)
                rule.add(NA_AUDIT_FIELD_FILETYPE, .equal, 0o060000)
                rules.append(rule)
            }
        }
        if plan.blockDeviceOpens {
            var rule = AuditRule(list: .uring, action: .always, key: AuditRuleGroup.block.key)
            rule.calls = Self.uringOpens
            rule.add(NA_AUDIT_FIELD_FILETYPE, .equal, 0o060000)
            rules.append(rule)
        }
        for path in plan.writtenPaths.sorted() { addWatch(path, inode) }
        for machine in Self.machines { addNarrowed(plan, machine) }
        addFiles(plan, inode)
    }

    /// The inode of a path on the host, not following a last link; nil where it does not exist.
    package static func sysfsInode(_ path: String) -> UInt64? {
        try? FileStatus.of(path, following: false).file.inode
    }

    private func exitRule(_ group: AuditRuleGroup, _ machine: Machine, _ types: [EventType]) -> AuditRule {
        var rule = AuditRule(list: .exit, action: .always, key: group.key)
        // The kernel wants the architecture before the calls it explains.
        rule.add(NA_AUDIT_FIELD_ARCH, .equal, machine.architecture)
        rule.calls = types.flatMap(Self.names).compactMap { name in
            let number = unsafe na_audit_call_number(name, machine.index)
            return number < 0 ? nil : Int(number)
        }
        return rule
    }

    /// The calls of a type: 32-bit programs have ids of 16 bits and of 32.
    private static func names(of type: EventType) -> [String] {
        switch type {
        case .setuid: ["setuid", "setuid32"]
        case .setgid: ["setgid", "setgid32"]
        default: [type.name]
        }
    }

    private mutating func addCalls(_ plan: AuditPlan, _ machine: Machine) {
        let calls = plan.calls
        var apart: Set<EventType> = [.mknod, .mknodat, .fsconfig]
        if !plan.everyMount { apart.insert(.mount) }
        let whole = calls.subtracting(apart).filter { AuditRuleGroup.of($0) == .call }.sorted {
            $0.rawValue < $1.rawValue
        }
        if !whole.isEmpty { rules.append(exitRule(.call, machine, whole)) }
        if calls.contains(.mount), !plan.everyMount { addMounts(machine) }
        if calls.contains(.fsconfig) {
            // Only FSCONFIG_CMD_CREATE (6), _RECONFIGURE (7) and _CREATE_EXCL (8) act; the others set a parameter.
            var rule = exitRule(.call, machine, [.fsconfig])
            rule.add(NA_AUDIT_FIELD_ARG0 + 1, .atLeast, 6)
            rules.append(rule)
        }
        // The mode of a block node has both bits of S_IFBLK (060000), that of no other type has.
        for (type, argument) in [(EventType.mknod, 1), (.mknodat, 2)] where calls.contains(type) {
            var rule = exitRule(.node, machine, [type])
            rule.add(NA_AUDIT_FIELD_ARG0 + argument, .allBits, 0o060000)
            rules.append(rule)
        }
    }

    /// mount(2) without most of what mounts no file system: of a runtime's two dozen calls for a container, ten are left.
    ///
    /// A rule cannot ask for bits that are not set. The numbers below MS_BIND have neither MS_BIND nor MS_MOVE; those from
    /// there up to MS_REC have one of the two; of those above, single values are taken out. What the kernel may still take
    /// for a new mount is never among them: with MS_MGC_VAL in the upper half it forgets the propagation bits.
    private mutating func addMounts(_ machine: Machine) {
        let flags = NA_AUDIT_FIELD_ARG0 + 3
        var plain = exitRule(.call, machine, [.mount])
        plain.add(flags, .below, Self.bind)
        rules.append(plain)
        var high = exitRule(.call, machine, [.mount])
        high.add(flags, .atLeast, Self.recursive)
        for value in Self.harmlessFlags { high.add(flags, .notEqual, value) }
        rules.append(high)
    }

    // MS_… of linux/mount.h.
    private static let bind: UInt32 = 0x1000
    private static let recursive: UInt32 = 0x4000
    /// Values of mount(2)'s flags, whole ones, that runtimes use and that mount no file system: recursive binds, binds made
    /// read-only, and what sets the propagation (private, slave, shared; also recursive).
    private static let harmlessFlags: [UInt32] = [
        0x5000, 0x500e, 0x5021, 0x4_0000, 0x4_4000, 0x8_0000, 0x8_4000, 0x10_0000, 0x10_4000, 0x20_102f,
    ]

    // MARK: What Falco's rules ask for

    private mutating func addNarrowed(_ plan: AuditPlan, _ machine: Machine) {
        for group in [AuditRuleGroup.exec, .network, .descriptor, .process, .name] {
            let types = plan.calls.filter { AuditRuleGroup.of($0) == group && $0 != .clone }
            guard !types.isEmpty else { continue }
            var rule = exitRule(group, machine, types.sorted { $0.rawValue < $1.rawValue })
            // A program that was not found starts nothing, and a search of the path tries many.
            if group == .exec { rule.add(NA_AUDIT_FIELD_SUCCESS, .equal, 1) }
            rules.append(rule)
        }
        if plan.calls.contains(.clone) {
            var rule = exitRule(.process, machine, [.clone])
            rule.add(NA_AUDIT_FIELD_ARG0, .anyBit, Self.namespaces)
            rules.append(rule)
        }
        for (type, values) in plan.firstArguments.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where !plan.calls.contains(type) {
            for value in values.sorted() {
                var rule = exitRule(.of(type), machine, [type])
                rule.add(NA_AUDIT_FIELD_ARG0, .equal, value)
                rules.append(rule)
            }
        }
        let duplications = plan.resultsBelow.filter { !plan.calls.contains($0.key) }
        if let bound = duplications.values.max() {
            // An error is a number far above.
            var rule = exitRule(.descriptor, machine, duplications.keys.sorted { $0.rawValue < $1.rawValue })
            rule.add(NA_AUDIT_FIELD_EXIT, .below, bound)
            rules.append(rule)
        }
        if plan.truncations { addWrites(.truncation, Self.truncate, machine) }
        if plan.deviceLessWrites { addWrites(.write, 3, machine) { $0.add(NA_AUDIT_FIELD_DEVMAJOR, .equal, 0) } }
    }

    /// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
    private static let namespaces: UInt32 = 0x7E02_0000
    /// O_TRUNC.
    private static let truncate: UInt32 = 0o1000

    /// Opens of regular files with one of these flags. openat2's lie in the caller's memory, where the kernel itself looks
    /// for whether it writes.
    private mutating func addWrites(
        _ group: AuditRuleGroup, _ flags: UInt32, _ machine: Machine, _ narrow: (inout AuditRule) -> Void = { _ in }
    ) {
        for (type, argument) in [(EventType.open, 1), (.openat, 2), (.openat2, -1)] {
            var rule = exitRule(group, machine, [type])
            if argument < 0 {
                rule.add(NA_AUDIT_FIELD_PERM, .equal, AuditPlan.AccessMode.write.rawValue)
            } else {
                rule.add(NA_AUDIT_FIELD_ARG0 + argument, .anyBit, flags)
            }
            rule.add(NA_AUDIT_FIELD_FILETYPE, .equal, 0o100000)
            narrow(&rule)
            rules.append(rule)
        }
    }

    /// Watches of single files follow the name, also to a file that is made anew; those of directories need what is there.
    private mutating func addFiles(_ plan: AuditPlan, _ inode: (String) -> UInt64?) {
        for (file, mode) in plan.files.sorted(by: { $0.key.path < $1.key.path }) {
            let parent = file.path[..<(file.path.lastIndex(of: "/") ?? file.path.startIndex)]
            guard inode(file.isDirectory ? file.path : parent.isEmpty ? "/" : String(parent)) != nil,
                file.path.utf8.count < 256
            else { continue }
            for machine in Self.machines {
                var rule = exitRule(file.isDirectory ? .directory : .file, machine, Self.opens)
                rule.path = file.path
                rule.add(file.isDirectory ? NA_AUDIT_FIELD_DIR : NA_AUDIT_FIELD_WATCH, .equal, 0)
                rule.add(NA_AUDIT_FIELD_PERM, .equal, mode.rawValue)
                rules.append(rule)
            }
        }
    }

    /// A path watch matches one superblock only, the host's; the inode number is the same in every instance of sysfs.
    private mutating func addWatch(_ path: String, _ inode: (String) -> UInt64?) {
        guard let slash = path.lastIndex(of: "/") else { return }
        let parent = inode(String(path[..<slash]))
        let object = AuditNormalizer.WatchedObject(path: path, inode: inode(path), parentInode: parent)
        watched.append(object)
        let group = AuditRuleGroup.watch
        if let number = object.inode {
            for machine in Self.machines { rules.append(inodeRule(exitRule(group, machine, Self.opens), number)) }
            rules.append(inodeRule(uringWatch(group), number))
            return
        }
        guard let parent else { return }
        for machine in Self.machines {
            // With O_CREAT the walk reaches the directory, which is in the record; the call fails (EACCES, EROFS).
            var creating = inodeRule(exitRule(group, machine, Self.opens), parent)
            creating.add(NA_AUDIT_FIELD_SUCCESS, .equal, 0)
            rules.append(creating)
            // Without it there is no inode in the record: by error and write flags here, by name in user space.
            for (type, argument) in [(EventType.open, 1), (.openat, 2)] {
                var missing = exitRule(.missing, machine, [type])
                missing.add(NA_AUDIT_FIELD_EXIT, .equal, Self.notFound)
                missing.add(NA_AUDIT_FIELD_ARG0 + argument, .anyBit, 3)
                rules.append(missing)
            }
            // openat2's flags lie in the caller's memory, where a kernel rule does not look. Runtimes look for cgroup files by
            // it, a dozen of them missing at each start, and always from a directory that they hold open.
            var missing = exitRule(.missing, machine, [.openat2])
            missing.add(NA_AUDIT_FIELD_EXIT, .equal, Self.notFound)
            missing.add(NA_AUDIT_FIELD_ARG0, .equal, Self.workingDirectory)
            rules.append(missing)
        }
        rules.append(inodeRule(uringWatch(group), parent))
        // A name that led to no file has no inode: all ones, of which a rule sees 32 bits.
        var missing = uringWatch(.missing)
        missing.add(NA_AUDIT_FIELD_INODE, .equal, .max)
        rules.append(missing)
    }

    /// A rule of the io_uring list that tests an inode. The kernel keeps such rules in a table by inode and compares their
    /// calls with the context's, not with the operation's: io_uring_enter (426 on every architecture) where an operation
    /// runs inline, 0 on a worker's thread. `success` and `exit` cannot be asked: an open completes with 0 even if it
    /// failed.
    private func uringWatch(_ group: AuditRuleGroup) -> AuditRule {
        var rule = AuditRule(list: .uring, action: .always, key: group.key)
        rule.calls = [0, 426]
        return rule
    }

    /// `inode=N devmajor=0` also fits another file system without a device: the name is confirmed in user space.
    private func inodeRule(_ rule: AuditRule, _ inode: UInt64) -> AuditRule {
        var rule = rule
        rule.add(NA_AUDIT_FIELD_INODE, .equal, UInt32(truncatingIfNeeded: inode))
        rule.add(NA_AUDIT_FIELD_DEVMAJOR, .equal, 0)
        return rule
    }
}

extension AuditRule {
    /// `never` for a process, before everything else: a multicast reader's own calls are not exempt.
    package static func neverFor(pid: Int32) -> AuditRule {
        var rule = AuditRule(list: .exit, action: .never, key: keyPrefix + "self")
        rule.first = true
        rule.add(NA_AUDIT_FIELD_PID, .equal, UInt32(bitPattern: pid))
        return rule
    }

    fileprivate mutating func add(_ field: Int, _ value: UInt32) { add(field, .equal, value) }
}
