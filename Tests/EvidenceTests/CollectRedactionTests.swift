import Evidence
import Foundation
import Testing

/// Values of environments never get into an archive, whatever shape they come in.
@Suite struct CollectRedactionTests {
    let hash = KeyedHash()

    private func environ(_ text: String) -> String {
        String(decoding: RedactedEnvironment.redact(Array(text.utf8), with: hash), as: UTF8.self)
    }
    private func json(_ text: String) -> String? {
        RedactedJSON.redact(Array(text.utf8), with: hash).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func equalSecretsHaveEqualHashes() {
        let text = environ("A=hunter2\0B=hunter2\0C=other\0")
        let values = text.split(separator: "\0").map { $0.split(separator: "=")[1] }
        #expect(values.count == 3)
        #expect(values[0] == values[1])
        #expect(values[0] != values[2])
        #expect(values[0].hasPrefix("hmac-sha256:") && values[0].utf8.count == 12 + 32)
        #expect(KeyedHash().text("hunter2".utf8) != hash.text("hunter2".utf8), "the key is a collection's own")
    }

    @Test func environmentThatIsNone() {
        // setproctitle writes there; a name may be the secret.
        #expect(!environ("hunter2\0=hunter2\0").contains("hunter2"))
        #expect(!environ("hun ter=1\0").contains("hun ter"))
        #expect(!environ(String(repeating: "k", count: 200) + "=x").contains("kkk"))
        #expect(environ("") == "")
        #expect(environ("A=1\0\0\0").hasSuffix("\0\0\0"))
        #expect(environ("A=unended").hasPrefix("A=hmac-sha256:"))
    }

    @Test func arraysOfEnvironments() throws {
        let text = try #require(
            json(
                #"{"process": {"args": ["run","X=1"], "env": ["PATH=/bin", "PASS=hunter2"], "cwd": "/"}, "Env": null}"#)
        )
        #expect(!text.contains("hunter2"))
        #expect(text.contains(#""args": ["run","X=1"]"#))
        #expect(text.contains("\"PASS=\(hash.text("hunter2".utf8))\""))
        #expect(text.hasSuffix(#""cwd": "/"}, "Env": null}"#))
    }

    @Test(arguments: [
        #"{"Config":{"Env":["P=hunter2"]}}"#,
        #"{"ENV":{"P":"hunter2"}}"#,
        #"{"env":[{"name":"P","value":"hunter2"}]}"#,
        #"{"env":[["P=hunter2"],{"a":{"b":["hunter2"]}}]}"#,
        #"{"\u0065nv":["P=hunter2"]}"#,
        #"{"env":"P=hunter2"}"#,
        #"{"environment":["P=hunter2"]}"#,
        #"{"env":["P=h\u0075nter2"]}"#,
        #"{"last-applied":"{\"spec\":{\"env\":[{\"name\":\"P\",\"value\":\"hunter2\"}]}}"}"#,
        #"{"broken":"{\"env\":[{\"name\":\"P\",\"value\":\"hunter2\"}"}"#,
    ])
    func everyShape(input: String) throws {
        let text = try #require(json(input))
        #expect(!text.contains("hunter2") && !text.contains("nter2"), "\(text)")
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(text.utf8)) }
    }

    @Test func theRestStaysByteForByte() {
        for text in [
            #"  {"a" : 1.50e+3, "b":[true,false,null,-0], "c":"\u00e9\n\ud83d\ude00", "d":{}}  "#, "[]", "\"x\"", "7",
            #"{"log":"[not json","brace":"{x}"}"#,
        ] { #expect(json(text) == text) }
    }

    @Test(arguments: [
        "", "{", "}", "{]", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "nul", "\"\u{1}\"", "\"\\x\"", "\"\\u12\"",
        "[1] 2",
        "--", "{1:2}", "[1 2]", String(repeating: "[", count: 600), "\"open",
    ])
    func whatIsNoJSON(text: String) { #expect(json(text) == nil) }

    @Test func passwords() {
        let text = String(
            decoding: RedactedPasswords.redact(
                Array("root:$6$salt$hash:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nodd\n".utf8), with: hash),
            as: UTF8.self)
        #expect(!text.contains("$6$") && !text.contains("odd"))
        #expect(text.contains("root:hmac-sha256:") && text.contains(":19000:0:99999:7:::"))
        #expect(text.contains("daemon:*:19000"))
    }
}

/// Both the name and the content make a secret.
@Suite struct CollectSecretFileTests {
    private func isSecret(_ path: String, _ content: String) -> Bool {
        SecretFile.isNominated(Array(path.utf8)) && SecretFile.looksSecret(Array(content.utf8))
    }

    @Test(arguments: [
        ("root/.ssh/id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA"),
        ("x/server.key", "-----BEGIN PRIVATE KEY-----\n"),
        ("etc/shadow", "root:$6$abcdefgh$xyz:19000:0:99999:7:::"), ("etc/shadow", "root:*:19000:0:99999:7:::"),
        ("run/secrets/kubernetes.io/serviceaccount/token", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJl.c2ln"),
        ("root/.docker/config.json", #"{"auths":{"r":{"auth":"eDp5"}}}"#),
        ("root/.aws/credentials", "[default]\naws_secret_access_key = abc"), (".netrc", "machine h login l password p"),
    ])
    func secrets(path: String, content: String) { #expect(isSecret(path, content)) }

    @Test(arguments: [
        ("tmp/id_rsa", "\u{7f}ELF\u{2}\u{1}-----BEGIN PRIVATE KEY-----"), ("tmp/id_rsa", "#!/bin/sh\necho password"),
        ("tmp/notes", "-----BEGIN OPENSSH PRIVATE KEY-----"), ("app/config.json", #"{"auths":{}}"#),
        ("tmp/token", "just a word"), ("root/.ssh/id_rsa.pub", "ssh-ed25519 AAAAC3Nza me@host"), ("x.pem", ""),
        ("etc/ssl/ca.pem", "-----BEGIN CERTIFICATE-----\nMIIB"),
    ])
    func others(path: String, content: String) { #expect(!isSecret(path, content)) }

    @Test func largeFilesAreKept() {
        let large = "-----BEGIN PRIVATE KEY-----" + String(repeating: "x", count: SecretFile.sizeLimit)
        #expect(!isSecret("id_rsa", large))
    }
}
