private import CLinux
private import EventModel
package import LinuxSystem

/// `container/changes.jsonl`: what the container did to its image, one JSON object an object of the writable layer.
///
/// `added` or `modified` is told by the lower directories, through which the overlay's own rules apply: a whiteout or
/// an opaque directory in a layer hides what is below it. Where the lower directories are not known it is `written`.
package final class LayerChanges {
    private let writer: ArtifactWriter
    private let source: String
    private let lowers: LowerDirectories?
    private var text = JSONText()
    private var parts = 0
    private var started = realtimeNanoseconds()

    /// A part that is larger is closed, and the list goes on in another member.
    private static let partLimit = 8 << 20

    package init(_ writer: ArtifactWriter, source: String, lowers: LowerDirectories?) {
        self.writer = writer
        self.source = source
        self.lowers = lowers
    }

    package func enter(_ path: [UInt8], _ directory: borrowing OwnedDescriptor) {
        lowers?.enter(path, isOpaque: Self.isOpaque(directory))
    }
    package func leave() { lowers?.leave() }

    /// The change that an object of the upper directory stands for.
    package func note(
        _ path: [UInt8], _ status: ObjectStatus, _ object: borrowing OwnedDescriptor
    ) throws(EvidenceError) {
        let isDeleted = status.isWhiteout || status.isRegular && status.size == 0 && Self.isWhiteout(object)
        let change: StaticString
        if isDeleted {
            change = "deleted"
        } else if status.isDirectory, Self.isOpaque(object) {
            change = "opaque"
        } else {
            switch lowers?.contains(path) {
            case true?: change = "modified"
            case false?: change = "added"
            case nil: change = "written"
            }
        }
        text.raw("{\"path\":")
        text.string(EscapedName.escape(path))
        text.raw(",\"change\":\"")
        text.raw(change)
        text.raw("\",\"type\":\"")
        text.raw(isDeleted ? "none" : status.typeName)
        text.raw("\",\"mode\":")
        text.string(String(status.mode & 0o7777, radix: 8))
        text.raw(",\"size\":")
        text.number(Int64(clamping: status.size))
        text.raw(",\"uid\":")
        text.number(Int64(status.owner))
        text.raw(",\"setuid\":")
        text.boolean(status.isSetUserID)
        text.raw(",\"capabilities\":")
        text.boolean(status.isRegular && object.attribute("security.capability") != nil)
        text.raw("}\n")
        if text.bytes.count > Self.partLimit { try flush() }
    }

    /// Whiteout and opaque marks: `trusted.overlay.` of the host's mounts, `user.overlay.` of those in a user
    /// namespace.
    private static func isWhiteout(_ object: borrowing OwnedDescriptor) -> Bool {
        object.attribute("trusted.overlay.whiteout") != nil || object.attribute("user.overlay.whiteout") != nil
    }
    private static func isOpaque(_ object: borrowing OwnedDescriptor) -> Bool {
        // `x`: only that whiteouts by attribute lie in it.
        object.attribute("trusted.overlay.opaque")?.elementsEqual("y".utf8) ?? false
            || object.attribute("user.overlay.opaque")?.elementsEqual("y".utf8) ?? false
    }

    /// Stores what is left; an empty list as well, when it is the only part.
    package func finish() throws(EvidenceError) {
        if parts == 0 || !text.bytes.isEmpty { try flush() }
    }

    private func flush() throws(EvidenceError) {
        parts += 1
        let member = parts == 1 ? "container/changes.jsonl" : "container/changes.\(parts).jsonl"
        try writer.add(Artifact(member, source: source, kind: .layer), text.bytes, started: started)
        text = JSONText()
        started = realtimeNanoseconds()
    }
}

/// The layers below a writable one, and which of them take part in the directory that is being walked.
package final class LowerDirectories {
    private final class Layer {
        let directory: OwnedDescriptor
        init(_ directory: consuming OwnedDescriptor) { self.directory = directory }
    }
    private let layers: [Layer]
    /// For each directory on the way down: indices of the layers whose directory of that name is merged.
    private var merged: [[Int]] = []
    private static let layerLimit = 500

    /// - Parameter paths: host paths, topmost first. Nil when one of them cannot be opened: then nothing can be told.
    package init?(_ paths: [String]) {
        guard paths.count <= Self.layerLimit else { return nil }
        var layers: [Layer] = []
        for path in paths {
            guard let directory = try? OwnedDescriptor(hostPath: path),
                (try? ObjectStatus(of: directory))?.isDirectory == true
            else { return nil }
            layers.append(Layer(directory))
        }
        self.layers = layers
    }

    package func enter(_ path: [UInt8], isOpaque: Bool) {
        guard let above = merged.last else {
            merged.append(Array(layers.indices))
            return
        }
        var found: [Int] = []
        if !isOpaque {
            for index in above {
                guard let object = open(path, index), let status = try? ObjectStatus(of: object) else { continue }
                guard status.isDirectory else { break }
                found.append(index)
                if object.attribute("trusted.overlay.opaque")?.elementsEqual("y".utf8) ?? false { break }
            }
        }
        merged.append(found)
    }

    package func leave() { _ = merged.popLast() }

    /// Whether an object of that name shows from below; nil when the path is too long to be asked for.
    package func contains(_ path: [UInt8]) -> Bool? {
        guard let above = merged.last, !above.isEmpty else { return false }
        guard path.count < 4096 else { return nil }
        for index in above {
            guard let object = open(path, index), let status = try? ObjectStatus(of: object) else { continue }
            return !status.isWhiteout
        }
        return false
    }

    private func open(_ path: [UInt8], _ index: Int) -> OwnedDescriptor? {
        try? OwnedDescriptor(object: path, below: layers[index].directory, .contained)
    }
}
