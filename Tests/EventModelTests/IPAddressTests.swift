import EventModel
import Testing

@Suite struct IPAddressTests {
    @Test func readsAndPrints() throws {
        for text in [
            "0.0.0.0", "10.9.8.7", "255.255.255.255", "::", "::1", "fe80::1", "2001:db8::8:800:200c:417a", "1::",
        ] {
            #expect(try #require(IPAddress(text)).description == text)
        }
        #expect(IPAddress("::ffff:10.0.0.1") == IPAddress("10.0.0.1"))
        #expect(IPAddress("0:0:0:0:0:0:0:1") == IPAddress("::1"))
        for text in ["", "1", "1.2.3", "1.2.3.256", "1.2.3.4.5", ":", ":::", "1:2", "g::1", "1::2::3", "1.2.3.-4"] {
            #expect(IPAddress(text) == nil, "\(text)")
        }
    }

    @Test func knowsWhatANetworkHolds() throws {
        func holds(_ network: String, _ address: String) throws -> Bool {
            try #require(IPNetwork(network)).contains(try #require(IPAddress(address)))
        }
        #expect(try holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"))
        #expect(try holds("172.16.0.0/12", "172.31.255.255") && !holds("172.16.0.0/12", "172.32.0.0"))
        #expect(try holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1"))
        #expect(try holds("::/0", "1.2.3.4") && holds("fe80::/10", "febf::1") && !holds("fe80::/10", "fec0::1"))
        #expect(try holds("1.2.3.4", "1.2.3.4") && !holds("1.2.3.4", "1.2.3.5"))
        #expect(IPNetwork("10.0.0.0/33") == nil && IPNetwork("::/129") == nil && IPNetwork("10.0.0.0/") == nil)
        #expect(IPNetwork("10.0.0.0/8")?.description == "10.0.0.0/8")
    }
}
