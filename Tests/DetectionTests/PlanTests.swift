import Detection
import EventModel
import Testing

/// What rules make audit listen to, and what they leave out.
@Suite struct PlanTests {
    private func plan(_ condition: String) throws -> AuditPlan { try Samples.ruleSet(condition).auditPlan }
    private func gaps(_ condition: String) throws -> Int { try Samples.ruleSet(condition).gaps(of: 0).count }

    @Test func callsThatAreNamed() throws {
        #expect(try plan("evt.type in (execve, execveat) and proc.name = nc").calls == [.execve, .execveat])
        #expect(try plan("evt.type = connect or evt.type = bind").calls == [.connect, .bind])
        // Not asked for by name, not listened to.
        #expect(try plan("evt.type != open and proc.name = nc").calls.isDisjoint(with: [.execve, .connect]))
        #expect(try plan("proc.name = nc").calls.isDisjoint(with: [.execve, .connect]))
        #expect(try plan("evt.type = sendto").isEmpty && gaps("evt.type = sendto") == 1)
    }

    @Test func someArgumentsOnly() throws {
        let trace =
            "evt.type = ptrace and (evt.arg.request contains PTRACE_ATTACH or evt.arg.request contains PTRACE_SETREGS)"
        #expect(try plan(trace).firstArguments == [.ptrace: [16, 13, 0x4205]])
        #expect(try plan("evt.type = ptrace and proc.name = gdb").calls == [.ptrace])
        #expect(try plan("evt.type = socket and evt.arg.domain = AF_PACKET").firstArguments == [.socket: [17]])
        #expect(try plan("evt.type in (dup, dup3) and evt.rawres in (0, 2)").resultsBelow == [.dup: 3, .dup3: 3])
        #expect(try plan("evt.type = dup and evt.rawres >= 0").calls == [.dup])
    }

    @Test func opensByPath() throws {
        let read = "evt.type = openat and evt.is_open_read = true and "
        let shadow = AuditPlan.WatchedFile(path: "/etc/shadow", isDirectory: false)
        let directory = AuditPlan.WatchedFile(path: "/etc/pam.d", isDirectory: true)
        #expect(
            try plan(read + "(fd.name = /etc/shadow or fd.directory in (/etc/pam.d))").files
                == [shadow: .read, directory: .read])
        #expect(try plan("evt.type = openat and fd.name startswith /etc/pam.d/").files == [directory: [.read, .write]])
        #expect(try plan("evt.type = openat and fd.name pmatch (/etc/pam.d)").files == [directory: [.read, .write]])
        // By other names as well: what can be heard is, and the rest is told.
        let partly = read + "(fd.name = /etc/shadow or fd.name contains id_rsa)"
        #expect(try plan(partly).files == [shadow: .read] && gaps(partly) == 2)
        #expect(try plan(read + "fd.name contains id_rsa").isEmpty && gaps(read + "fd.name contains id_rsa") == 1)
        #expect(try plan(read + "not fd.name = /etc/shadow").isEmpty)
        #expect(try plan(read + "fd.name startswith /").isEmpty)
        #expect(try plan("evt.type = execve and fd.name = /etc/shadow").files.isEmpty)
    }

    @Test func opensByFlags() throws {
        let write = "evt.type = openat and evt.is_open_write = true and "
        let truncation = try plan(write + "fd.filename in (syslog) and evt.arg.flags contains O_TRUNC")
        #expect(truncation.truncations && truncation.files.isEmpty && !truncation.deviceLessWrites)
        #expect(try plan(write + "container.id != host and fd.name endswith release_agent").deviceLessWrites)
        #expect(try plan(write + "fd.name endswith release_agent").isEmpty)
    }

    /// Each of the 25 stable rules is listened for, and what is left out of each is known.
    @Test(.enabled("the shared test data is not here") { TestFiles.shared("falco-rules/falco_rules.yaml") != nil })
    func upstream() throws {
        let text = try #require(TestFiles.shared("falco-rules/falco_rules.yaml"))
        let rules = try RuleSet(files: [("falco_rules.yaml", text)])
        #expect(rules.warnings.allSatisfy { $0.kind != .neverMatches })
        let plan = rules.auditPlan
        #expect(
            plan.calls == [
                .execve, .execveat, .connect, .symlink, .symlinkat, .link, .linkat, .initModule, .finitModule,
            ])
        #expect(plan.firstArguments == [.ptrace: [0, 4, 5, 13, 16, 0x4205, 0x4206], .socket: [17]])
        #expect(plan.resultsBelow == [.dup: 3, .dup2: 3, .dup3: 3])
        #expect(plan.truncations && plan.deviceLessWrites)
        #expect(
            Set(plan.files.keys.map(\.path)) == [
                "/etc/shadow", "/etc/sudoers", "/etc/pam.conf", "/etc/security/pwquality.conf", "/etc/sudoers.d",
                "/etc/pam.d", "/etc", "/root/.ssh",
            ])
        // Failed opens below them count for a rule of reads as well, with whatever flags.
        #expect(Set(plan.files.filter { $0.value != .read }.map(\.key.path)) == ["/etc", "/root/.ssh"])
        let partly = rules.rules.indices.filter { !rules.gaps(of: $0).isEmpty }.map { rules.rules[$0].name }
        #expect(
            partly == [
                "Directory traversal monitored file read", "Read sensitive file trusted after startup",
                "Read sensitive file untrusted", "Detect release_agent File Container Escapes",
                "Disallowed SSH Connection Non Standard Port",
            ])
    }
}
