/// Which files hold a secret and nothing else. Decided by name **and** content: a name alone would let an intruder hide
/// a binary from the collection by calling it `id_rsa`.
package enum SecretFile {
    /// Larger files are no keys and no password lists.
    package static let sizeLimit = 64 * 1024

    /// Whether the name nominates a file; `path` may be relative, its last two components decide.
    package static func isNominated(_ path: [UInt8]) -> Bool {
        let components = path.split(separator: UInt8(ascii: "/"))
        guard let last = components.last else { return false }
        let name = String(decoding: last, as: UTF8.self).lowercased()
        let parent = components.dropLast().last.map { String(decoding: $0, as: UTF8.self).lowercased() } ?? ""
        if names.contains(name) || name.hasPrefix("id_") || name.hasPrefix("ssh_host_") { return true }
        if endings.contains(where: { name.hasSuffix($0) }) { return true }
        if name.contains("secret") || name.contains("token") || name.contains("credential") { return true }
        switch name {
        case "config.json": return parent == ".docker" || parent == "containers" || parent == "kubelet"
        case "config": return parent == ".kube"
        default: return false
        }
    }

    private static let names: Set<String> = [
        "shadow", "shadow-", "gshadow", "gshadow-", "opasswd", "token", ".netrc", "_netrc", "credentials", ".pgpass",
        ".my.cnf", ".git-credentials", ".npmrc", ".pypirc", ".dockercfg", ".dockerconfigjson", "kubeconfig",
        "auth.json",
        "admin.conf", "kubelet.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf",
        "bootstrap-kubelet.conf", ".env", ".htpasswd", "krb5.keytab", "passwd.client", "tls.key", "sa.key",
    ]
    private static let endings = [
        ".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".gpg", ".keytab", ".kubeconfig", ".jwt",
    ]

    /// Whether the whole content of a nominated file, at most `sizeLimit` bytes, looks like a secret's.
    package static func looksSecret(_ content: [UInt8]) -> Bool {
        guard !content.isEmpty, content.count <= sizeLimit, !isProgram(content) else { return false }
        // Binary key stores: Java's begins with FEEDFEED, a keytab with 05 02, KeePass 03 d9 a2 9a, PKCS#12 is DER.
        for start in [[0xfe, 0xed, 0xfe, 0xed], [0x05, 0x02], [0x03, 0xd9, 0xa2, 0x9a], [0x30, 0x82]] as [[UInt8]]
        where content.starts(with: start) {
            return true
        }
        let text = String(decoding: content, as: UTF8.self)
        let lowered = text.lowercased()
        if marks.contains(where: { lowered.contains($0) }) { return true }
        if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY") { return true }
        return text.split(whereSeparator: \.isWhitespace).contains { isToken($0) }
            || text.split(whereSeparator: \.isNewline).contains { isPasswordLine($0) }
    }

    private static let marks = [
        "\"auths\"", "\"auth\":", "aws_secret_access_key", "aws_session_token", "client-key-data", "client_secret",
        "_authtoken", "\"private_key\"", "putty-user-key-file", "password", "passwd=",
    ]

    /// `eyJ….eyJ….…`, a JSON web token, alone or behind `token=`.
    private static func isToken(_ word: Substring) -> Bool {
        guard let start = word.firstRange(of: "eyJ") else { return false }
        let parts = word[start.lowerBound...].split(separator: ".", omittingEmptySubsequences: false)
        return parts.count >= 3 && parts[0].utf8.count > 8 && parts[1].utf8.count > 8
    }

    /// `name:$6$…:19000:0:99999:7:::`, also `.pgpass` and `.htpasswd` (a field with a crypt hash).
    private static func isPasswordLine(_ line: Substring) -> Bool {
        let fields = line.split(separator: ":", omittingEmptySubsequences: false)
        if fields.count == 9 || fields.count == 4, let name = fields.first, !name.isEmpty,
            ["*", "!", "!!", "!*", "x", ""].contains(fields[1])
        {
            return true
        }
        return fields.count > 1
            && fields[1...].contains { $0.hasPrefix("$") && $0.utf8.count > 8 || $0.hasPrefix("!$") }
    }

    /// ELF, a script, an archive: never a secret, whatever strings are inside.
    private static func isProgram(_ content: [UInt8]) -> Bool {
        for start in [[0x7f, 0x45, 0x4c, 0x46], [0x23, 0x21], [0x50, 0x4b], [0x1f, 0x8b]] as [[UInt8]]
        where content.starts(with: start) {
            return true
        }
        return false
    }
}
