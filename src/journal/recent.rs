//! What was appended and not read yet, as long as that is little.

use std::collections::VecDeque;

use actors::ports::Entry;

use super::Place;

/// Most bytes of lines remembered: some batches of the ledger. In memory a receipt takes about twice its line.
const MOST_BYTES: usize = 8 << 20;

/// A line of the journal.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) entry: Entry,
    pub(super) bytes: usize,
    /// The place behind it.
    pub(super) behind: Place,
}

/// Everything between the reader and the journal's end, in order.
#[derive(Debug, Default)]
pub(super) struct Recent {
    lines: VecDeque<Line>,
    bytes: usize,
}

impl Recent {
    /// With what was just appended; `None` when that is too much to remember.
    pub(super) fn with(mut self, appended: impl Iterator<Item = Line>) -> Option<Self> {
        for line in appended {
            self.bytes += line.bytes;
            self.lines.push_back(line);
        }
        Some(self).filter(|recent| recent.bytes <= MOST_BYTES)
    }

    /// The next entries, at most `limit`, and the place behind the last of them.
    pub(super) fn take(&mut self, limit: usize) -> (Vec<Entry>, Option<Place>) {
        let mut behind = None;
        let taken = self.lines.drain(..limit.min(self.lines.len()));
        let entries = taken.map(|line| {
            self.bytes -= line.bytes;
            behind = Some(line.behind);
            line.entry
        });
        (entries.collect(), behind)
    }
}
