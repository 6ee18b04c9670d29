//! How a line stands in a file: CRC-32 in hex, a space, JSON.

use std::io;

use serde::Serialize;

/// Longest line read back; a longer one is damage.
const MOST_LINE_BYTES: usize = 4 << 20;

/// Appends a line.
pub(super) fn write(lines: &mut Vec<u8>, what: &impl Serialize) -> io::Result<()> {
    let start = lines.len();
    lines.extend_from_slice(b"00000000 ");
    serde_json::to_writer(&mut *lines, what)?;
    let checksum = format!("{:08x}", crc32fast::hash(&lines[start + 9..]));
    lines[start..start + 8].copy_from_slice(checksum.as_bytes());
    lines.push(b'\n');
    Ok(())
}

/// The JSON of a line that is whole.
pub(super) fn json_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n").filter(|line| line.len() <= MOST_LINE_BYTES)?;
    let (checksum, json) = (line.get(..8)?, line.get(9..)?);
    let checksum = u32::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
    (crc32fast::hash(json) == checksum).then_some(json)
}
