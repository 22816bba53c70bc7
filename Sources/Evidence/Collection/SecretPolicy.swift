/// What becomes of values that may be secrets: those of an environment, of files that hold keys and passwords.
package enum SecretPolicy: String, Sendable {
    /// Their keyed hash is stored.
    case redact
    /// They are stored as they are.
    case include
}
