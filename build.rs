//! Embeds what the binary carries along.

fn main() {}
