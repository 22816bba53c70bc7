import Foundation
import Testing

/// `nodeagent fields`.
@Suite struct FieldsCommandTests {
    private func fields(_ arguments: [String] = []) throws -> [[String: Any]] {
        let run = try AgentProgram().run(["fields", "--output", "json"] + arguments)
        #expect(run.status == 0)
        return try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
    }

    @Test func pageIsWhatTheProgramPrints() throws {
        let run = try AgentProgram().run(["fields", "--output", "markdown"])
        let page = try String(
            contentsOf: AgentProgram.packageRoot.appendingPathComponent("docs/fields.md"), encoding: .utf8)
        let table = try #require(page.components(separatedBy: "<!-- nodeagent fields -->\n").last)
        #expect(table == run.output, "`nodeagent fields --output markdown` prints the end of docs/fields.md")
    }

    @Test func saysWhatFeedsEachOrWhyNothingDoes() throws {
        let fields = try fields()
        #expect(fields.count > 200)
        for field in fields {
            let sources = field["sources"] as? [String] ?? []
            let isFed = try #require(field["fed"] as? Bool)
            #expect(isFed == !sources.isEmpty, "\(field)")
            #expect(isFed == (field["reason"] == nil), "\(field)")
            for key in ["name", "type", "description", "example"] {
                #expect((field[key] as? String)?.isEmpty == false, "\(field)")
            }
        }
        let name = try #require(fields.first { $0["name"] as? String == "fd.name" })
        #expect(name["sources"] as? [String] == ["audit", "fanotify"])
        let ancestor = try #require(fields.first { $0["name"] as? String == "proc.aname" })
        #expect(ancestor["argument"] as? String == "N")
    }

    @Test func takesAPartOrAPattern() throws {
        let some = try fields(["proc.exe"]).compactMap { $0["name"] as? String }
        #expect(some.contains("proc.exepath") && some.allSatisfy { $0.contains("proc.exe") })
        let starred = try fields(["evt.is_*"]).compactMap { $0["name"] as? String }
        #expect(starred.contains("evt.is_open_read") && starred.allSatisfy { $0.hasPrefix("evt.is_") })
        let table = try AgentProgram().run(["fields", "container.privileged"])
        #expect(table.output.contains(/container.privileged +boolean +containers +Whether/))
        let none = try AgentProgram().run(["fields", "proc.nmae"])
        #expect(none.status == 1)
        #expect(none.errors.contains("did you mean 'proc.name'?"))
    }
}
