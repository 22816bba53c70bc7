import EventModel

/// Which member has the content of a file with several names.
struct HardLinks {
    private struct First {
        var member: [UInt8]
        var size: UInt64
        var modified: (Int64, UInt32)
    }

    private var members: [FileID: First] = [:]
    private var nameBytes = 0
    private static let mostMembers = 32_768
    private static let mostNameBytes = 2 << 20

    /// The member to link to; nil: none, or the file has been written since.
    func first(_ facts: ObjectFacts) -> [UInt8]? {
        guard facts.links > 1, let first = members[facts.file], first.size == facts.size,
            first.modified == facts.modified
        else { return nil }
        return first.member
    }

    /// Beyond the bounds a further name is stored with its content once more.
    mutating func note(_ facts: ObjectFacts, member: [UInt8]) {
        guard facts.links > 1, members.count < Self.mostMembers, nameBytes + member.count <= Self.mostNameBytes else {
            return
        }
        members[facts.file] = First(member: member, size: facts.size, modified: facts.modified)
        nameBytes += member.count
    }
}
