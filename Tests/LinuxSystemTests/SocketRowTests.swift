import EventModel
import LinuxSystem
import Testing

/// Rows of `/proc/PID/net/tcp` and `tcp6`, as a little-endian kernel prints them.
@Suite struct SocketRowTests {
    private static let four = """
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
           0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21001 1 0000000000000000 100 0 0 10 0
           1: 0202000A:A2C4 0708090A:01BB 01 00000000:00000000 02:000A7D2E 00000000  1000        0 21002 2 0000000000000000 20 4 30 10 -1
        """
    private static let six = """
          sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
           0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31 1 0 100 0 0 10 0
        """

    @Test func findsASocket() throws {
        let row = try #require(SocketRow(of: 21002, in: Array(Self.four.utf8)))
        #expect(row.local.address.description == "10.0.2.2" && row.local.port == 41668)
        #expect(row.remote?.address.description == "10.9.8.7" && row.remote?.port == 443)
        let listening = try #require(SocketRow(of: 21001, in: Array(Self.four.utf8)))
        #expect(listening.local.port == 8080 && listening.remote == nil)
        #expect(SocketRow(of: 2100, in: Array(Self.four.utf8)) == nil)
        let six = try #require(SocketRow(of: 31, in: Array(Self.six.utf8)))
        #expect(six.local.address.description == "::1" && six.local.isVersion6 && six.remote == nil)
    }

    @Test func passesOverWhatIsNoRow() {
        #expect(SocketRow(of: 1, in: []) == nil)
        #expect(SocketRow(of: 1, in: Array("x\n0: 0:0 0:0 0 0 0 0 0 0 1\n0: zz:0 zz:0 a b c d e f 1\n".utf8)) == nil)
    }
}
