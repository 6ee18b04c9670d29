//! Which addresses belong to the public internet. The one judgement on it: for what an admin types and for what a name
//! resolves to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is reachable from the whole internet: not private, loopback, link-local (cloud metadata
/// included), shared, multicast or otherwise reserved (IANA special-purpose registries).
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let reserved = a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || v4.is_documentation();
    !(reserved || v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast())
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [first, second, ..] = v6.segments();
    // NAT64 (64:ff9b::/96) and 6to4 (2002::/16) wrap IPv4 addresses.
    let wrapped = match (first, second) {
        (0x64, 0xff9b) if v6.segments()[2..6] == [0; 4] => Some(v6.to_bits() as u32),
        (0x2002, _) => Some((v6.to_bits() >> 80) as u32),
        _ => None,
    };
    if let Some(v4) = wrapped {
        return is_public_v4(Ipv4Addr::from_bits(v4));
    }
    let documentation = (first == 0x2001 && second == 0xdb8) || (first == 0x3fff && second < 0x1000);
    // 2001::/23: Teredo, which wraps IPv4 addresses too, benchmarks, ORCHIDs.
    let special = first == 0x2001 && second < 0x200;
    (first & 0xe000) == 0x2000 && !documentation && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_addresses_are_told_from_outside_ones() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for outside in ["1.1.1.1", "104.18.7.192", "2606:4700::6812:7c0", "64:ff9b::101:101"] {
            assert!(public(outside), "{outside}");
        }
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "64:ff9b:1::101:101",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "3fff::1",
            "192.88.99.1",
        ] {
            assert!(!public(inside), "{inside}");
        }
    }
}
