package import EventModel

extension PrivilegeFacts {
    /// The verdict and what it rests on; nil while neither files nor kernel could be asked. The gate judges by it as well,
    /// with the declaration alone.
    ///
    /// A declared yes always wins; a declared no does not contradict the kernel.
    package var judged: ContainerPrivileges {
        let (verdict, reasons) = verdict
        return ContainerPrivileges(
            facts: self, verdict: verdict, reasons: reasons, podSecurity: podSecurityLevel(verdict))
    }

    private var verdict: (PrivilegeVerdict?, [String]) {
        let isHostUser = sharesHost(.user)
        var reasons: [String] = []
        if declared == true { reasons.append(declaredBy ?? "declared privileged") }
        if isHostUser == false { reasons.append("own user namespace") }
        switch hasAllCapabilities {
        case true?: reasons.append("all capabilities of the host")
        case false?: reasons.append("not all capabilities")
        case nil: break
        }
        switch hasMaskedPaths {
        case true?: reasons.append("paths masked or read-only")
        case false?: reasons.append("no masked paths")
        case nil: break
        }
        switch hasReadOnlySysfs {
        case true?: reasons.append("/sys read-only")
        case false?: reasons.append("/sys not read-only")
        case nil: break
        }
        let rights = [hasAllCapabilities, hasMaskedPaths.map(!), hasReadOnlySysfs.map(!)]
        let hasAllRights = declared == true || rights.allSatisfy { $0 == true }
        if isHostUser == false { return (hasAllRights ? .inUserNamespace : .restricted, reasons) }
        if declared == true || (hasAllRights && isHostUser == true) { return (.privileged, reasons) }
        let ways = escapes
        if !ways.isEmpty { return (.equivalent, ways) }
        if rights.contains(false) { return (.restricted, reasons) }
        if declared == false { return (.restricted, [declaredBy ?? "declared not privileged"] + reasons) }
        return (nil, reasons)
    }

    /// What is enough, alone, to leave a container that has the host's user namespace.
    package var escapes: [String] {
        guard sharesHost(.user) != false else { return [] }
        var ways: [String] = []
        let capabilities = capabilities ?? []
        let isConfined = isConfined ?? false
        if capabilities.contains(.sysAdmin), !isConfined, permits("mount") {
            ways.append("SYS_ADMIN with mount(2) allowed and no security label")
        }
        if capabilities.contains(.sysModule), permits("init_module") || permits("finit_module") {
            ways.append("SYS_MODULE: loads kernel modules")
        }
        if capabilities.contains(.sysRawIO), hasMemoryDevice || (rulesAllowMemory && capabilities.contains(.mknod)) {
            ways.append("SYS_RAWIO and /dev/mem")
        }
        if capabilities.contains(.sysPtrace), sharesHost(.pid) == true, !isConfined, permits("ptrace") {
            ways.append("SYS_PTRACE in the host's pid namespace")
        }
        if capabilities.contains(.dacReadSearch), !isConfined, permits("open_by_handle_at") {
            ways.append("DAC_READ_SEARCH: opens the host's files by handle")
        }
        if capabilities.isSuperset(of: [.bpf, .perfmon]), permits("bpf") { ways.append("BPF and PERFMON") }
        // Without a node given to it, a container makes one.
        if allowsAllBlockDevices == true, !blockDevices.isEmpty || capabilities.contains(.mknod) {
            ways.append("every block device")
        }
        if let disk = hostDisks.first ?? (capabilities.contains(.mknod) ? ruledHostDisks.first : nil) {
            ways.append("block device \(disk) of a mounted file system of the host")
        }
        for mount in mounts.prefix(1024) {
            switch HostPath.kind(of: mount.source, own: own) {
            case .runtimeSocket?:
                // connect(2) asks the socket's rights, not the mount's; a group may be what opens it.
                ways.append("runtime socket \(mount.source)")
            case .serviceSocket?:
                // The service asks for the peer's uid: without the host's root it is polkit's affair.
                if (userID ?? 0) == 0 { ways.append("\(mount.source), by which root acts on the host") }
            case .root?, .system?, .engine?, .credentials?, .kernel?:
                // Files of the host are root's: another user of the container does not write them.
                if !mount.isReadOnly, (userID ?? 0) == 0 { ways.append("\(mount.source) of the host, writable") }
            case .configuration?, .devices?, .logs?, nil: break
            }
        }
        return ways
    }

    /// Whether the container's filter lets a system call through; a filter that is not known does not.
    private func permits(_ call: String) -> Bool {
        guard hasSeccomp != false else { return true }
        guard let seccomp else { return hasSeccomp == nil }
        return seccomp.allowed.contains(call)
    }

    /// Rights that one process has beyond the container's: a verdict for it, where it differs.
    package func verdict(ofProcess view: PrivilegeView) -> (verdict: PrivilegeVerdict, reasons: [String])? {
        let container = verdict.0
        guard container != .privileged, let own = view.capabilities, let ours = kernel.capabilities,
            !own.subtracting(ours).isEmpty
        else { return nil }
        var facts = self
        facts.kernel.capabilities = own
        // The process' own namespaces, and not its container's.
        facts.kernel.hostNamespaces = view.hostNamespaces ?? kernel.hostNamespaces
        facts.declaration.hostNamespaces = facts.kernel.hostNamespaces
        facts.kernel.hasSeccomp = view.hasSeccomp
        facts.kernel.label = view.label
        let isHostUser = facts.sharesHost(.user) != false
        // `exec --privileged`: what is masked in the container's mounts does not bind who has all capabilities.
        if facts.hasAllCapabilities == true {
            let verdict = isHostUser ? PrivilegeVerdict.privileged : .inUserNamespace
            return verdict == container ? nil : (verdict, ["all capabilities of the host, its container has not"])
        }
        let ways = facts.escapes
        guard !ways.isEmpty, container != .equivalent else { return nil }
        return (.equivalent, ways)
    }

    // MARK: Where the two views disagree

    /// What the kernel shows against what the runtime was told, for people. Only what takes rights that were not given: a
    /// process may drop what it has.
    package var disagreements: [String] {
        var found: [String] = []
        if let told = declaration.capabilities, let seen = kernel.capabilities {
            let more = seen.subtracting(told)
            if !more.isEmpty { found.append("capabilities beyond the declared: \(more.names.joined(separator: ", "))") }
        }
        if let told = declaration.hostNamespaces, let seen = kernel.hostNamespaces {
            for kind in NamespaceKind.allCases where seen.contains(kind) && !told.contains(kind) {
                found.append("the host's \(kind.rawValue) namespace, an own one was declared")
            }
        }
        if declaration.hasSeccomp == true, kernel.hasSeccomp == false {
            found.append("no seccomp filter, one was declared")
        }
        if declaration.noNewPrivileges == true, kernel.noNewPrivileges == false {
            found.append("no_new_privs is not set, it was declared")
        }
        if hostHasLabels, let told = declaration.label, Self.confines(told), let seen = kernel.label,
            !Self.confines(seen)
        {
            found.append("no security label, \(told) was declared")
        }
        if declaration.hasMaskedPaths == true, kernel.hasMaskedPaths == false {
            found.append("no masked paths, some were declared")
        }
        if declaration.hasReadOnlySysfs == true, kernel.hasReadOnlySysfs == false {
            found.append("/sys is writable, read-only was declared")
        }
        if declaration.isRootReadOnly == true, kernel.isRootReadOnly == false {
            found.append("the root file system is writable, read-only was declared")
        }
        return found
    }
}
