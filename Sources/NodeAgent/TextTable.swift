/// A table for a person: columns as wide as their widest value.
enum TextTable {
    static func text(_ header: [String], _ rows: [[String]]) -> String {
        let lines = ([header] + rows).map { $0.map(printable) }
        let widths = header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 3) }
            }
            return line + "\n"
        }.joined()
    }
}

/// A name may hold what a terminal takes for a command.
func printable(_ text: String) -> String {
    String(
        String.UnicodeScalarView(
            text.unicodeScalars.map { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) ? "?" : $0 }))
}

/// A text as a cell of a Markdown table.
func markdownCell(_ text: String) -> String { text.replacing("|", with: "\\|") }
