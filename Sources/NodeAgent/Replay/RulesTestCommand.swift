import ArgumentParser
import Detection
import EventModel
import Glibc

/// `nodeagent rules test`: recordings through rules, and what was expected of them.
struct RulesTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Replay recordings and compare the alerts with those that are expected.",
        discussion: """
            A test file names rule files, recordings and the alerts that come of them; docs/replay.md has its keys. Needs no \
            root where the files can be read.
            Exit status: 0 all cases passed, 1 a recording could not be read, 5 a case failed, 78 a file is invalid.
            """)

    @Argument(help: "The test files.") var files: [String]

    func run() throws {
        var (passed, failed) = (0, 0)
        for file in files {
            do {
                for (name, result) in try Self.results(file) {
                    print("\(result.isPassed ? "pass" : "FAIL") \(EscapedText.escaped("\(file): \(name)"))")
                    for line in result.lines { print("     \(line)") }
                    if result.isPassed { passed += 1 } else { failed += 1 }
                }
            } catch {
                error.exit()
            }
        }
        print("\(passed) passed, \(failed) failed")
        if failed > 0 { Glibc.exit(ExitStatus.findings.rawValue) }
    }

    private static func results(_ file: String) throws(CommandFailure) -> [(String, RuleTestResult)] {
        let tests: RuleTestFile
        do {
            tests = try RuleTestFile(file)
        } catch {
            throw CommandFailure(.invalidConfiguration, "the test file is invalid\n\(error)")
        }
        let rules = try LoadedRules(ruleFiles: tests.rules).rules
        let names = Set(rules.rules.map(\.name))
        var results: [(String, RuleTestResult)] = []
        for testCase in tests.cases {
            if let alert = testCase.alerts.first(where: { !names.contains($0.rule) }) {
                throw CommandFailure(
                    .invalidConfiguration,
                    "\(EscapedText.escaped(file)): there is no rule '\(EscapedText.escaped(alert.rule))' in the rule files"
                )
            }
            do {
                results.append((testCase.name, try RuleTestResult(testCase, rules)))
            } catch {
                throw CommandFailure(.failed, "\(error)")
            }
        }
        return results
    }
}
