//! Which addresses a client may make the gateway connect to. The address is checked, never the name, and the
//! connection goes to the address that was checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Is `address` an ordinary address of the public Internet?
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !NETS_V4.iter().any(|(net, bits)| within(v4.to_bits().into(), net_v4(*net), 32, *bits)),
        IpAddr::V6(v6) => {
            // Only 2000::/3 is given out; everything of note inside it that is not a plain host is listed.
            within(v6.to_bits(), Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).to_bits(), 128, 3)
                && !NETS_V6.iter().any(|(net, bits)| within(v6.to_bits(), Ipv6Addr::from(*net).to_bits(), 128, *bits))
        }
    }
}

fn net_v4(octets: [u8; 4]) -> u128 {
    Ipv4Addr::from(octets).to_bits().into()
}

fn within(address: u128, net: u128, width: u32, bits: u32) -> bool {
    address >> (width - bits) == net >> (width - bits)
}

/// IANA special-purpose registry, IPv4.
const NETS_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),        // this network, unspecified
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // carrier-grade NAT
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // Azure's wire server
    ([169, 254, 0, 0], 16),   // link-local, instance metadata
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocol assignments
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 31, 196, 0], 24),  // AS112
    ([192, 52, 193, 0], 24),  // AMT
    ([192, 88, 99, 0], 24),   // 6to4 relay
    ([192, 168, 0, 0], 16),   // private
    ([192, 175, 48, 0], 24),  // AS112
    ([198, 18, 0, 0], 15),    // benchmarking
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 4),      // multicast
    ([240, 0, 0, 0], 4),      // reserved, broadcast
];

/// Inside `2000::/3`. Loopback, unspecified, v4-mapped, v4-compatible, NAT64, unique-local, link-local, site-local and
/// multicast lie outside of it.
const NETS_V6: &[([u16; 8], u32)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments, Teredo, benchmarking, ORCHID
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4: an IPv4 address in disguise
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), // AS112
    ([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16), // the old 6bone
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "2001:200::1",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        let refused = [
            // unspecified, this network
            "0.0.0.0",
            "0.1.2.3",
            "::",
            // loopback
            "127.0.0.1",
            "127.255.255.254",
            "::1",
            // private
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            // link-local, metadata
            "169.254.0.1",
            "169.254.169.254",
            "fe80::1",
            "168.63.129.16",
            "fd00:ec2::254",
            "100.100.100.200",
            // unique local, site-local
            "fc00::1",
            "fdff::1",
            "fec0::1",
            // carrier-grade NAT
            "100.64.0.0",
            "100.127.255.255",
            // multicast, broadcast, reserved
            "224.0.0.1",
            "239.255.255.255",
            "ff02::1",
            "255.255.255.255",
            "240.0.0.1",
            // documentation, benchmarking, protocol assignments
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "2001:db8::1",
            "3fff::1",
            "198.18.0.1",
            "198.19.255.255",
            "2001:2::1",
            "192.0.0.8",
            "192.0.0.170",
            "192.88.99.1",
            "100::1",
            "2001:10::1",
            "2001:20::1",
            // IPv4 in disguise: mapped, compatible, NAT64, local NAT64, 6to4, Teredo, SIIT, ISATAP-like
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2001::1",
            "::ffff:0:127.0.0.1",
            "fe80::5efe:127.0.0.1",
            // not given out
            "4000::1",
            "8000::1",
            "1::1",
        ];
        for text in refused {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }
}
