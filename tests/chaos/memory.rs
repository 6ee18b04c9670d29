//! What a process holds, from /proc.

use std::fs;

use crate::gateway::Gateway;

/// More than this a process must not take for any attack: the largest thing it holds is an answer of 64 MiB,
/// twice while its buffer grows, and what the allocator has not given back yet.
const MOST_GROWTH: u64 = 192 << 20;

/// A gateway's memory at one moment, to be compared with its highest later.
pub struct Before {
    resident: u64,
}

impl Before {
    /// Notes what the process holds, and forgets its highest.
    pub fn of(gateway: &Gateway) -> Self {
        fs::write(format!("/proc/{}/clear_refs", gateway.id()), "5").unwrap();
        Self { resident: field(gateway, "VmRSS:") }
    }

    /// The highest since then was not much more.
    #[track_caller]
    pub fn stayed_flat(&self, gateway: &Gateway, under: &str) {
        let grown = field(gateway, "VmHWM:").saturating_sub(self.resident);
        println!("{under}: {} MiB more at the highest", grown >> 20);
        assert!(grown < MOST_GROWTH, "{under}: the process took {} MiB more", grown >> 20);
    }
}

fn field(gateway: &Gateway, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10
}
