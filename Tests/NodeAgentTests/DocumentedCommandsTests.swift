import Foundation
import Testing

/// What a person copies from the documents works: the program takes each command line, targets, paths and links are there.
@Suite struct DocumentedCommandsTests {
    /// A place in a document, as it is told when something is wrong with it.
    private struct Place: CustomStringConvertible {
        var file: String
        var line: Int
        var text: String
        var description: String { "\(file):\(line): \(text)" }
    }

    private struct Document {
        /// Below the package.
        var path: String
        var lines: [Substring]
        /// By line: whether it is code, fenced or by its indentation.
        var isCode: [Bool]

        init(_ path: String) throws {
            self.path = path
            let url = AgentProgram.packageRoot.appendingPathComponent(path)
            lines = try String(contentsOf: url, encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false)
            var isFenced = false
            isCode = lines.map { line in
                let isFence = line.trimmingCharacters(in: .whitespaces).hasPrefix("```")
                if isFence { isFenced.toggle() }
                return isFenced || isFence || line.hasPrefix("    ")
            }
        }

        func place(_ index: Int) -> Place { Place(file: path, line: index + 1, text: String(lines[index])) }

        /// Code lines, without indentation and prompt, and without the comment behind.
        var codeLines: [(place: Place, text: String)] {
            lines.indices.filter { isCode[$0] }.map { index in
                var text = lines[index].trimmingCharacters(in: .whitespaces)
                if text.hasPrefix("$ ") { text.removeFirst(2) }
                if let comment = text.range(of: " #") { text = String(text[..<comment.lowerBound]) }
                return (place(index), text.trimmingCharacters(in: .whitespaces))
            }
        }

        /// What stands between backticks in a text's line.
        var spans: [(place: Place, text: String)] {
            lines.indices.filter { !isCode[$0] }.flatMap { index in
                lines[index].matches(of: /`([^`]+)`/).map { (place(index), String($0.1)) }
            }
        }

        /// By name, as a link's anchor has it.
        var anchors: Set<String> {
            Set(
                lines.indices.filter { !isCode[$0] && lines[$0].hasPrefix("#") }.map { index in
                    String(
                        lines[index].drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
                            .filter { $0.isLetter || $0.isNumber || " -_".contains($0) }
                            .map { $0 == " " ? "-" : $0 })
                })
        }
    }

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: AgentProgram.packageRoot.appendingPathComponent(path).path)
    }

    private static func pages() throws -> [String] {
        let folder = AgentProgram.packageRoot.appendingPathComponent("docs").path
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".md") }.sorted()
            .map { "docs/\($0)" }
    }

    private static func documents() throws -> [Document] {
        let others = [
            "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Tests/Kernel/README.md", "Tests/testbed/README.md",
        ]
        return try (others + pages()).map { try Document($0) }
    }

    // MARK: The program

    /// A word in capitals stands for one of these. Nothing is done with them: the program runs without any right.
    private static let values = [
        "NAME": ["name"], "ID": ["0123456789ab"], "PID": ["1"], "FILE": ["file"], "DIR": ["."], "DIRECTORY": ["."],
        "LEVEL": ["high"], "SECONDS": ["1"], "MiB": ["1"], "MIB": ["1"], "CGROUP": ["1"], "NAMESPACE": ["1"],
    ]

    /// The command lines that a documented one stands for: optional parts are given, each alternative is one line.
    private static func commandLines(_ text: String, _ place: Place) -> [[String]] {
        let command = text.components(separatedBy: " | ")[0].components(separatedBy: " >")[0]
        var lines: [[String]] = [[]]
        for word in command.split(separator: " ").drop(while: { $0 == "sudo" }).dropFirst() {
            let bare = word.filter { !"[]".contains($0) }
            let choices = bare.split(separator: "|").flatMap { choice -> [String] in
                guard choice.allSatisfy({ $0.isUppercase || $0 == "i" }), choice.count > 1 else {
                    return [String(choice)]
                }
                #expect(values[String(choice)] != nil, "nothing to put for \(choice): \(place)")
                return values[String(choice)] ?? []
            }
            lines = lines.flatMap { line in choices.map { line + [$0] } }
        }
        return lines
    }

    /// Without root each ends before it does anything (77, or 78 and 1 where a file is not there). 64 is wrong usage.
    @Test func programTakesEachCommandLine() throws {
        let program = try AgentProgram()
        var count = 0
        for document in try Self.documents() {
            for (place, text) in document.codeLines
            where text.hasPrefix("nodeagent ") || text.hasPrefix("sudo nodeagent ") {
                count += 1
                for arguments in Self.commandLines(text, place) {
                    let run = try program.run(arguments)
                    #expect(run.status != nil, "it does not end: \(place)")
                    #expect(run.status != 64, "\(place)\n\(run.errors)")
                }
            }
        }
        #expect(count >= 14)
    }

    /// In a text a command may be named without its arguments; it and its options are there, hidden ones too.
    @Test func programHasWhatTextsName() throws {
        let program = try AgentProgram()
        var helps: [String: String] = [:]
        var count = 0
        for document in try Self.documents() {
            for (place, text) in document.spans {
                guard
                    let match = text.wholeMatch(
                        of: /(?:sudo )?nodeagent ([a-z-]+(?: (?:check|list|test|coverage))?)( .*)?/)
                else { continue }
                count += 1
                let command = String(match.1)
                if helps[command] == nil {
                    let words = command.split(separator: " ").map(String.init)
                    helps[command] = try program.run(words + ["--help-hidden"]).output
                }
                let help = helps[command] ?? ""
                #expect(help.contains("USAGE: nodeagent \(command)"), "no such command: \(place)")
                for option in (match.2 ?? "").matches(of: /--[a-z-]+/) {
                    #expect(help.contains(option.0), "\(command) has no \(option.0): \(place)")
                }
            }
        }
        #expect(count >= 41)
    }

    // MARK: The tree

    @Test func makefileHasEachTarget() throws {
        let makefile = try Document("Makefile")
        let targets = Set(makefile.lines.compactMap { $0.firstMatch(of: /^([a-z-]+):/).map { String($0.1) } })
        #expect(targets.contains("test"))
        var count = 0
        for document in try Self.documents() {
            for (place, text) in document.codeLines + document.spans {
                guard let match = text.wholeMatch(of: /make(?: ([a-z-]+))?(?: .*)?/), let target = match.1 else {
                    continue
                }
                count += 1
                #expect(targets.contains(String(target)), "\(place)")
            }
        }
        #expect(count >= 36)
    }

    /// A part in capitals, `…` or `*` stands for something.
    @Test func pathsExist() throws {
        var count = 0
        for document in try Self.documents() where document.path != "CHANGELOG.md" {
            for (index, line) in document.lines.enumerated() {
                for match in line.matches(
                    of: /(?:^|[^\w\/.…-])((?:scripts|Tests|Sources|Fuzz|Benchmarks|config|packaging)\/[\w.\/+…*-]+)/)
                {
                    var path = match.1
                    while let last = path.last, ".,:;".contains(last) { path.removeLast() }
                    let parts = path.split(separator: "/")
                    let isPattern =
                        path.contains { "…*".contains($0) }
                        || parts.contains { $0.contains(/(?:^|_)[A-Z]{4,}(?:$|\.|_)/) && $0 != "README.md" }
                    guard !isPattern else { continue }
                    count += 1
                    #expect(Self.exists(String(path)), "\(document.place(index))")
                }
            }
        }
        #expect(count >= 100)
    }

    @Test func linksLeadSomewhere() throws {
        var count = 0
        for document in try Self.documents() {
            let folder = document.path.split(separator: "/").dropLast().joined(separator: "/")
            for (index, line) in document.lines.enumerated() where !document.isCode[index] {
                for match in line.replacing(/`[^`]*`/, with: "").matches(of: /\]\(([^)\s]+)\)/) {
                    let parts = match.1.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                    guard !match.1.contains("://"), let name = parts.first else { continue }
                    count += 1
                    let joined = name.isEmpty ? document.path : (folder.isEmpty ? "\(name)" : "\(folder)/\(name)")
                    let path = URL(fileURLWithPath: "/" + joined).standardized.path.dropFirst()
                    #expect(Self.exists(String(path)), "\(document.place(index))")
                    guard parts.count == 2, path.hasSuffix(".md"), Self.exists(String(path)) else { continue }
                    #expect(try Document(String(path)).anchors.contains(String(parts[1])), "\(document.place(index))")
                }
            }
        }
        #expect(count >= 74)
    }

    @Test func readmeLeadsToEachPage() throws {
        let readme = try Document("README.md")
        for page in try Self.pages() {
            #expect(readme.lines.contains { $0.contains("](\(page))") }, "\(page)")
        }
    }
}
