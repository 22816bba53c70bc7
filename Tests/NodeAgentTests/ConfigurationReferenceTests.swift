import Foundation
import Testing

/// The keys of the configuration: as the program reads them, as it prints them, as the page and the shipped file have them.
@Suite struct ConfigurationReferenceTests {
    private static let begin = "<!-- nodeagent configuration -->\n"

    private struct Key {
        var name: String
        var standard: String
        var last: String { name.split(separator: ".").last.map(String.init) ?? name }
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: AgentProgram.packageRoot.appendingPathComponent(path), encoding: .utf8)
    }

    private static func keys() throws -> [Key] {
        let run = try AgentProgram().run(["configuration"])
        #expect(run.status == 0)
        return run.output.split(separator: "\n").dropFirst(2).map { row in
            let cells = row.split(separator: "|").map {
                $0.trimmingCharacters(in: .whitespaces).replacingOccurrences(of: "`", with: "")
            }
            #expect(cells.count == 5, "\(row)")
            #expect(["reload", "restart"].contains(cells.last), "\(row)")
            return Key(name: cells.first ?? "", standard: cells.count > 2 ? cells[2] : "")
        }
    }

    /// The keys of a file that stand at their place, in its order, with the scalar behind each.
    private static func given(_ text: String) -> [(name: String, value: String)] {
        var path: [(indentation: Int, name: String)] = []
        var keys: [(name: String, value: String)] = []
        for line in text.split(separator: "\n") {
            guard let match = line.wholeMatch(of: /( *)([a-z_]+):(?: (.*))?/) else { continue }
            path.removeAll { $0.indentation >= match.1.count }
            path.append((match.1.count, String(match.2)))
            keys.append((path.map(\.name).joined(separator: "."), match.3.map(String.init) ?? ""))
        }
        return keys
    }

    @Test func pageIsWhatTheProgramPrints() throws {
        let run = try AgentProgram().run(["configuration"])
        let table = try #require(try Self.text("docs/configuration.md").components(separatedBy: Self.begin).last)
        #expect(table == run.output, "`nodeagent configuration` prints the end of docs/configuration.md")
    }

    /// Each key but three stands in it with its default, and those three as a comment, since they have none.
    @Test func shippedFileHasEveryKeyWithItsDefault() throws {
        let keys = try Self.keys()
        #expect(keys.count >= 23)
        let text = try Self.text("config/nodeagent.yaml")
        let given = Self.given(text)
        let names = Set(keys.map(\.name))
        for key in given where !keys.contains(where: { $0.name.hasPrefix(key.name + ".") }) {
            #expect(names.contains(key.name), "\(key.name) is no key")
        }
        for key in keys {
            guard let entry = given.first(where: { $0.name == key.name }) else {
                #expect(
                    text.split(separator: "\n").contains {
                        $0.trimmingCharacters(in: .whitespaces).hasPrefix("# \(key.last): /")
                    },
                    "\(key.name)")
                continue
            }
            switch key.standard {
            case "required": break
            case "none": #expect(entry.value == "[]", "\(key.name)")
            default: #expect(entry.value == key.standard, "\(key.name)")
            }
        }
        let order = given.map(\.name).filter(names.contains)
        #expect(order == keys.map(\.name).filter(order.contains))
    }

    /// A value that no key takes is refused as a value, where it stands, and not as an unknown key.
    @Test func readerTakesEveryKeyOfTheTable() throws {
        let program = try AgentProgram()
        for key in try Self.keys() {
            let parts = key.name.split(separator: ".")
            let opening = parts.map { "{\($0): " }.joined()
            // What takes any names and texts takes no list.
            let value = key.name == "static_fields" ? "[x]" : "{x: 1}"
            let wrong = opening + value + String(repeating: "}", count: parts.count)
            let run = try program.run(configuration: wrong)
            #expect(run.status == 78, "\(key.name)")
            #expect(run.errors.contains("nodeagent.yaml:1:\(opening.count + 1): error: expected "), "\(run.errors)")
        }
    }

    @Test func isNoCommandForPeople() throws {
        #expect(!(try AgentProgram().run(["--help"])).output.contains("  configuration "))
    }
}
