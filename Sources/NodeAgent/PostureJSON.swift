import ContainerInventory
import EventModel
import FoundationEssentials

/// The posture as JSON: the facts first, then what is made of them, so that a reader can judge otherwise.
enum PostureJSON {
    static func bytes(_ report: PostureReport, host: String, time: Timestamp) -> Data {
        let document = Document(
            version: 1, host: host, time: time.rfc3339, score: report.score,
            summary: Dictionary(
                uniqueKeysWithValues: PostureStatus.allCases.map { ($0.rawValue, report.count($0)) }),
            containers: report.containers.map { container in
                Subject(container, report.findings.filter { $0.container?.id == container.id })
            },
            findings: report.findings.filter { $0.container == nil }.map(Finding.init))
        return (try? JSONEncoder.printed.encode(document)) ?? Data()
    }

    private struct Document: Encodable {
        var version: Int
        var host: String
        var time: String
        var score: Int
        var summary: [String: Int]
        var containers: [Subject]
        var findings: [Finding]
    }

    private struct Subject: Encodable {
        var container: ContainerListing
        var facts: Facts
        var findings: [Finding]

        init(_ container: Container, _ findings: [PostureFinding]) {
            self.container = ContainerListing(container)
            facts = Facts(container.privileges?.facts ?? PrivilegeFacts())
            self.findings = findings.map(Finding.init)
        }
    }

    private struct Finding: Encodable {
        var check: String
        var title: String
        var status: String
        /// The check's own, whether it is broken or not.
        var severity: String
        var detail: String
        var technique: String
        var cis: String?
        var remedy: String
        var allowed: Allowed?

        init(_ finding: PostureFinding) {
            check = finding.check.id
            title = finding.check.title
            status = finding.status.rawValue
            severity = finding.check.severity.rawValue
            detail = finding.detail
            technique = finding.check.technique
            cis = finding.check.cis
            remedy = finding.check.remedy
            allowed = finding.allowance.map { Allowed(reason: $0.reason, owner: $0.owner, expires: $0.expires) }
        }
    }

    private struct Allowed: Encodable {
        var reason: String
        var owner: String?
        var expires: String?
    }

    /// Where a key is missing, it is not known.
    private struct Facts: Encodable {
        var declared: Bool?
        var declaredBy: String?
        var declaration: View
        var kernel: View
        var hostCapabilities: [String]
        var disagreements: [String]
        var blockDevices: [String]
        var blockMajors: [UInt32]
        var allBlockDevices: Bool?
        var memoryLimit: Int64?
        var cpuShares: UInt64?
        var pidsLimit: Int64?
        var sysctls: [String]

        init(_ facts: PrivilegeFacts) {
            declared = facts.declared
            declaredBy = facts.declaredBy
            declaration = View(facts.declaration)
            kernel = View(facts.kernel)
            hostCapabilities = facts.hostCapabilities.names
            disagreements = facts.disagreements
            blockDevices = facts.blockDevices.map(\.description)
            blockMajors = facts.blockMajors
            allBlockDevices = facts.allowsAllBlockDevices
            memoryLimit = facts.memoryLimit
            cpuShares = facts.cpuShares
            pidsLimit = facts.processLimit
            sysctls = facts.sysctls
        }

        enum CodingKeys: String, CodingKey {
            case declared, declaration, kernel, disagreements, sysctls
            case declaredBy = "declared_by"
            case hostCapabilities = "host_capabilities"
            case blockDevices = "block_devices"
            case blockMajors = "block_majors"
            case allBlockDevices = "all_block_devices"
            case memoryLimit = "memory_limit"
            case cpuShares = "cpu_shares"
            case pidsLimit = "pids_limit"
        }
    }

    private struct View: Encodable {
        var capabilities: [String]?
        var hostNamespaces: [String]?
        var userMappings: [Mapping]?
        var maskedPaths: Bool?
        var readOnlySysfs: Bool?
        var readOnlyRoot: Bool?
        var seccomp: Bool?
        var noNewPrivileges: Bool?
        var label: String?
        var uid: UInt32?
        var hostMounts: [Mount]?

        init(_ view: PrivilegeView) {
            capabilities = view.capabilities?.names
            hostNamespaces = view.hostNamespaces?.map(\.rawValue).sorted()
            userMappings = view.userMappings?.map {
                Mapping(inside: $0.inside, outside: $0.outside, count: $0.count)
            }
            maskedPaths = view.hasMaskedPaths
            readOnlySysfs = view.hasReadOnlySysfs
            readOnlyRoot = view.isRootReadOnly
            seccomp = view.hasSeccomp
            noNewPrivileges = view.noNewPrivileges
            label = view.label
            uid = view.userID
            hostMounts = view.mounts?.map {
                Mount(source: $0.source, destination: $0.destination, readOnly: $0.isReadOnly)
            }
        }

        enum CodingKeys: String, CodingKey {
            case capabilities, seccomp, label, uid
            case hostNamespaces = "host_namespaces"
            case userMappings = "user_mappings"
            case maskedPaths = "masked_paths"
            case readOnlySysfs = "read_only_sysfs"
            case readOnlyRoot = "read_only_root"
            case noNewPrivileges = "no_new_privileges"
            case hostMounts = "host_mounts"
        }
    }

    private struct Mapping: Encodable {
        var inside: UInt32
        var outside: UInt32
        var count: UInt32
    }

    private struct Mount: Encodable {
        var source: String
        var destination: String
        var readOnly: Bool
        enum CodingKeys: String, CodingKey {
            case source, destination
            case readOnly = "read_only"
        }
    }
}
