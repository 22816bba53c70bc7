import Foundation

/// Files that tests read: those of the repository by the place of this source file, the shared ones by
/// `NODEAGENT_TEST_DATA` (default `../shared/data` beside the repository).
enum TestFiles {
    /// Symbolic links are followed, so that the tests can be built from another package.
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static var data: URL {
        if let path = ProcessInfo.processInfo.environment["NODEAGENT_TEST_DATA"] { return URL(fileURLWithPath: path) }
        return root.deletingLastPathComponent().appendingPathComponent("shared/data")
    }

    static func ofRepository(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    static func shared(_ path: String) -> String? {
        try? String(contentsOf: data.appendingPathComponent(path), encoding: .utf8)
    }

    /// The first file in `folder` (relative to the data) whose name starts so.
    static func shared(startingWith prefix: String, in folder: String) -> String? {
        let folder = data.appendingPathComponent(folder)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        guard let name = names.sorted().first(where: { $0.hasPrefix(prefix) }) else { return nil }
        return try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }
}
