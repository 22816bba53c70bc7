import ContainerInventory
import Testing

@Suite struct PrivilegeFactsTests {
    func facts(
        declared: Bool? = nil, userHost: Bool? = true, caps: UInt64? = 0x1ff_feff_ffff, masked: Bool? = false,
        sysReadOnly: Bool? = false
    ) -> PrivilegeFacts {
        var facts = PrivilegeFacts()
        facts.hostCapabilities = testHost.boundingCapabilities
        facts.declared = declared
        facts.hasHostUserNamespace = userHost
        facts.boundingCapabilities = caps
        facts.hasMaskedPaths = masked
        facts.hasReadOnlySysfs = sysReadOnly
        return facts
    }

    @Test func kernelAlone() {
        #expect(facts().verdict.isPrivileged == true)
        #expect(facts(userHost: false).verdict.isPrivileged == false)
        #expect(facts(caps: 0xa804_25fb).verdict.isPrivileged == false)
        #expect(facts(masked: true).verdict.isPrivileged == false)
        #expect(facts(sysReadOnly: true).verdict.isPrivileged == false)
        #expect(facts(caps: nil).verdict.isPrivileged == nil)
        #expect(facts(caps: nil, sysReadOnly: true).verdict.isPrivileged == false)
    }

    @Test func declaredYesWinsAndNoDoesNotContradictTheKernel() {
        #expect(facts(declared: true, userHost: false, caps: 0).verdict.isPrivileged == true)
        #expect(facts(declared: false).verdict.isPrivileged == true)
        #expect(facts(declared: false, caps: nil).verdict.isPrivileged == false)
        #expect(facts(declared: true).verdict.reasons.first == "declared privileged")
    }

    /// docker 20.10 does not know the three newest capabilities; SYS_ADMIN grants what they do.
    @Test func olderEngine() {
        #expect(facts(caps: 0x3f_feff_ffff).verdict.isPrivileged == true)
        #expect(facts(caps: 0x3f_feff_ffff & ~(1 << 21)).verdict.isPrivileged == false)
    }

    @Test func capabilityNames() {
        #expect(
            PrivilegeFacts.bits(["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE", "CAP_NEW", ""]) == 1 | 1 << 21
                | 1 << 40)
    }
}
