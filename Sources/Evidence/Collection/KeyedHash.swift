private import Crypto

/// Stands in for a secret: HMAC-SHA-256 under a random key that is never stored. Inside one collection equal secrets
/// have equal hashes, so that they can be followed from an environment to a file; from the hash alone nobody can guess
/// on.
package struct KeyedHash: Sendable {
    private let key: SymmetricKey

    package init() { key = SymmetricKey(size: .bits256) }

    /// `hmac-sha256:` and 32 hexadecimal digits, the first half of the code.
    package func text(_ secret: some Sequence<UInt8>) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Array(secret), using: key)
        return "hmac-sha256:" + hexadecimal(code.prefix(16))
    }

    /// What is stored in place of a file: one line with hash and size.
    package func notice(_ content: [UInt8]) -> [UInt8] {
        Array("\(text(content)) size=\(content.count)\n".utf8)
    }
}
