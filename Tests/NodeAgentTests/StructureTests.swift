import Foundation
import Testing

/// Package.swift, the table of docs/architecture.md and the imports say the same about the modules.
@Suite struct StructureTests {
    private struct Module: Equatable, CustomStringConvertible {
        var name: String
        /// Targets first, then products of other packages.
        var dependencies: [String]
        var description: String { "\(name): \(dependencies.joined(separator: ", "))" }
    }

    private static let root = AgentProgram.packageRoot

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// The part of `text` in the brackets that open at `start`, without them.
    private static func bracketed(_ text: Substring, from start: Substring.Index) -> Substring {
        var depth = 0
        for index in text[start...].indices {
            switch text[index] {
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            default: break
            }
            if depth == 0 { return text[text.index(after: start)..<index] }
        }
        return text[start...]
    }

    /// The targets of Package.swift but the tests, in their order, with where their sources lie.
    private static func targets() throws -> [(module: Module, folder: String)] {
        let package = Substring(try text("Package.swift"))
        guard let list = package.range(of: "    targets: [\n") else { return [] }
        let targets = bracketed(package, from: package.index(list.upperBound, offsetBy: -2))
        return targets.matches(of: /\.(target|executableTarget|systemLibrary)\(/).map { match in
            let body = bracketed(targets, from: targets.index(before: match.range.upperBound))
            let name = body.firstMatch(of: /name: "(\w+)"/).map { String($0.1) } ?? ""
            var dependencies: [String] = []
            if let field = body.range(of: "dependencies: [") {
                let names = bracketed(body, from: body.index(before: field.upperBound))
                dependencies = names.matches(of: /\.product\(name: "(\w+)"|"(\w+)"(?=\s*[,\]]|\s*$)/).compactMap {
                    ($0.1 ?? $0.2).map(String.init)
                }
                let products = Set(names.matches(of: /package: "([\w-]+)"/).map { String($0.1) })
                // A product's package is no dependency of its own, unless both have one name.
                dependencies = dependencies.reduce(into: []) { list, name in
                    if !(products.contains(name) && list.contains(name)) { list.append(name) }
                }
            }
            let path = body.firstMatch(of: /path: "([^"]+)"/).map { String($0.1) }
            return (Module(name: name, dependencies: dependencies), path ?? "Sources/\(name)")
        }
    }

    /// The rows of the table; one without a name goes on with the one above.
    private static func table() throws -> [Module] {
        var modules: [Module] = []
        let section = try text("docs/architecture.md").components(separatedBy: "\n## Modules\n").last ?? ""
        for line in section.components(separatedBy: "\n## ")[0].split(separator: "\n") where line.hasPrefix("|") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().map(String.init)
            guard cells.count >= 3, !cells[0].contains("--"), cells[0] != " module " else { continue }
            func names(_ cell: String) -> [String] { cell.matches(of: /`(\w+)`/).map { String($0.1) } }
            if let name = names(cells[0]).first {
                modules.append(Module(name: name, dependencies: names(cells[2])))
            } else if !modules.isEmpty {
                modules[modules.count - 1].dependencies += names(cells[2])
            }
        }
        return modules
    }

    private static func swiftFiles(below folder: String) -> [String] {
        let below = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
        return (below?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".swift") }.sorted()
            .map { "\(folder)/\($0)" }
    }

    private static func imports(of file: String) throws -> [String] {
        try text(file).matches(
            of: /^(?:@\w+\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+(\w+)/
                .anchorsMatchLineEndings()
        ).map { String($0.1) }
    }

    @Test func describesThePackageInItsTable() throws {
        let targets = try Self.targets().map(\.module)
        #expect(targets.count > 10)
        #expect(targets == (try Self.table()))
    }

    @Test func dependsOnlyOnWhatStandsAbove() throws {
        let modules = try Self.targets().map(\.module)
        let names = modules.map(\.name)
        for (index, module) in modules.enumerated() {
            for dependency in module.dependencies {
                guard let place = names.firstIndex(of: dependency) else { continue }
                #expect(place < index, "\(module.name) depends on \(dependency), which stands below it")
            }
        }
        for module in modules where module.name != "NodeAgent" {
            #expect(!module.dependencies.contains("NodeAgent"))
        }
    }

    @Test func importsOnlyWhatItDeclares() throws {
        let system: Set<String> = ["Glibc", "Synchronization", "Foundation", "FoundationEssentials"]
        for (module, folder) in try Self.targets() {
            for file in Self.swiftFiles(below: folder) {
                for name in try Self.imports(of: file) where !system.contains(name) {
                    #expect(module.dependencies.contains(name), "\(file) imports \(name)")
                }
            }
        }
    }

    /// Foundation allocates, and is large: it reads and writes JSON at the edges and is nowhere else.
    @Test func keepsFoundationAtTheEdges() throws {
        let edges = [
            "Sources/NodeAgent/", "Sources/ContainerInventory/RuntimeFiles.swift",
            "Sources/ContainerInventory/ContainerReader+Files.swift", "Sources/Evidence/ManifestReader.swift",
        ]
        for file in Self.swiftFiles(below: "Sources") where !edges.contains(where: file.hasPrefix) {
            #expect(try !Self.imports(of: file).contains { $0.hasPrefix("Foundation") }, "\(file)")
        }
    }

    /// What is true only where somebody happened to work must not be in the tree.
    @Test func namesNoPathOfThisMachine() throws {
        let place = Self.root.path
        var own = [
            ["", "work", "main", ""].joined(separator: "/"), ["", "work", "shared", ""].joined(separator: "/"),
        ]
        // A checkout right below / has a name that may well stand in a text.
        if place.split(separator: "/").count > 1 { own.append(place + "/") }
        let files = FileManager.default.enumerator(
            at: Self.root, includingPropertiesForKeys: [.isRegularFileKey], options: [.skipsHiddenFiles])
        var count = 0
        for case let file as URL in try #require(files) {
            guard try file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true,
                file.pathExtension != "pyc", FileManager.default.isReadableFile(atPath: file.path)
            else { continue }
            count += 1
            let data = try Data(contentsOf: file)
            for path in own { #expect(data.range(of: Data(path.utf8)) == nil, "\(file.path): \(path)") }
        }
        #expect(count > 100)
    }
}
