internal import LinuxSystem

/// A process in its container's cgroup, and whether it is in there still. Nothing of the kernel tells of a move between
/// cgroups (docs/kernel-facts.md, P1): each fresh look is compared with what was seen before.
struct CgroupStay: Sendable {
    /// The own cgroup of the outermost container, below a hierarchy's root: `/docker/ID`. What lies below it is that
    /// container's, whatever it is called. Nil as long as it was seen in none.
    private(set) var home: String?
    /// The hierarchies in which it was seen there: bits, by the numbers in `/proc/PID/cgroup`. v1 keeps the freezer,
    /// devices and memory apart, and who leaves one of them is free of that one.
    private(set) var hierarchies: UInt64 = 0
    /// A process of the host that was moved in and has executed nothing there: it may go back.
    var isGuest = false
    /// It has left and was told of, or comes from such a one.
    var hasLeft = false

    mutating func begin(home: String, _ memberships: [CgroupMembership]) {
        self.home = home
        hierarchies = Self.bits(of: memberships, below: home)
    }

    /// Takes a fresh look in; the cgroups outside in which it is now, of the hierarchies in which it was inside.
    mutating func look(_ memberships: [CgroupMembership]) -> [CgroupMembership] {
        guard let home else { return [] }
        let inside = Self.bits(of: memberships, below: home)
        let before = hierarchies
        // One that it joins later counts from then on; what a hierarchy's number stands for stays while one is in it.
        hierarchies |= inside
        if before & ~inside == 0 { return [] }
        return memberships.filter { Self.bit($0) & before & ~inside != 0 }
    }

    /// As alerts show it: `freezer=/ devices=/x`, of v2 `unified=/`.
    static func text(_ memberships: [CgroupMembership]) -> String {
        // Who leaves chooses the names: 4,096 bytes each.
        memberships.prefix(16).map { membership -> String in
            let controllers = membership.controllers.map { $0.hasPrefix("name=") ? $0.dropFirst(5) : $0 }
            let hierarchy = controllers.isEmpty ? "unified" : controllers.joined(separator: ",")
            return "\(hierarchy)=\(String(decoding: membership.path.utf8.prefix(256), as: UTF8.self))"
        }.joined(separator: " ")
    }

    private static func bits(of memberships: [CgroupMembership], below home: String) -> UInt64 {
        var bits: UInt64 = 0
        for membership in memberships where isBelow(membership.path, home) { bits |= bit(membership) }
        return bits
    }

    /// Numbers are given in turn at each mount of a v1 hierarchy; from 64 on a hierarchy is not followed.
    private static func bit(_ membership: CgroupMembership) -> UInt64 {
        membership.hierarchy < 64 ? 1 << UInt64(membership.hierarchy) : 0
    }

    /// By bytes: two names that Unicode calls equal are two cgroups.
    private static func isBelow(_ path: String, _ home: String) -> Bool {
        guard path.utf8.starts(with: home.utf8) else { return false }
        let rest = path.utf8.dropFirst(home.utf8.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "/")
    }
}
