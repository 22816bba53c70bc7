/// The number in `proc.aname[2]`.
enum FieldIndex {
    struct Failure: Error {
        let message: String
    }

    /// -1 for a field without brackets.
    static func read(_ argument: String?, of field: FieldDescription) -> Result<Int, Failure> {
        guard let argument else { return .success(-1) }
        guard field.takesIndex else { return .failure(Failure(message: "`\(field.name)` takes no argument")) }
        guard let index = Int(argument), (0...1000).contains(index) else {
            return .failure(Failure(message: "expected a number from 0 to 1000 in the brackets, found `\(argument)`"))
        }
        return .success(index)
    }
}
