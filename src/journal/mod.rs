//! The append-only file behind the ledger, in segments.
//!
//! One entry per line: CRC-32 in hex, a space, JSON. A line whose checksum is wrong (a torn write after a
//! power failure) is set aside with a warning; everything before and after it counts. A process never appends
//! to a segment of its predecessor, so a torn end stays where it is.
//!
//! The newest segment has disk space beyond its end, so that what is under way can be written when the disk is full.
//!
//! While the reader keeps up, what was appended is also kept in memory (bounded), so that it need not be read
//! from disk and parsed. A reader that fell behind, or went back, reads from disk until it has caught up.

mod aside;
mod line;
mod recent;
mod space;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use actors::ports::{Clock, Entry, Journal, Room, SetAside, SystemClock, Unbooked, Written};
use actors::vocabulary::{Counted, Receipt};
use serde::{Deserialize, Serialize};

use self::aside::Aside;
use self::recent::{Line, Recent};
use crate::files;

/// A segment that grew to this size is followed by another.
const SEGMENT_BYTES: u64 = 8 << 20;

#[derive(Serialize)]
enum LineOut<'a> {
    #[serde(rename = "o")]
    Opened(&'a Receipt),
    #[serde(rename = "c")]
    Closed(&'a Receipt),
    #[serde(rename = "n")]
    Counted(&'a Counted),
}

#[derive(Deserialize)]
enum LineIn {
    #[serde(rename = "o")]
    Opened(Receipt),
    #[serde(rename = "c")]
    Closed(Receipt),
    #[serde(rename = "n")]
    Counted(Counted),
}

#[derive(Debug)]
struct Segment {
    number: u64,
    path: PathBuf,
    bytes: u64,
}

/// A place in the journal: a segment's number and an offset in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    segment: u64,
    offset: u64,
}

/// The journal in one directory. Only one process may have it open; the caller holds the lock.
#[derive(Debug)]
pub struct FileJournal {
    directory: PathBuf,
    segments: VecDeque<Segment>,
    writer: File,
    read: Place,
    mark: Place,
    /// What is still to be read, if all of it is in memory; `None` while the reader is behind.
    recent: Option<Recent>,
    /// Up to where the newest segment has disk space.
    secured: u64,
    /// A write broke off and could not be cut away: the next one begins a segment.
    torn: bool,
    aside: Aside,
    written: Written,
}

impl FileJournal {
    /// Opens the journal in `directory`, made if missing. What predecessors left is read first.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(directory: &Path) -> io::Result<Self> {
        files::directory(directory)?;
        let mut segments = existing(directory)?;
        let number = segments.back().map_or(1, |segment| segment.number + 1);
        let (segment, writer) = new_segment(directory, number)?;
        segments.push_back(segment);
        let first = Place { segment: segments.front().map_or(number, |segment| segment.number), offset: 0 };
        let aside = Aside::open(directory)?;
        let mut journal = Self {
            directory: directory.to_owned(),
            segments,
            writer,
            read: first,
            mark: first,
            recent: None,
            secured: 0,
            torn: false,
            aside,
            written: Written::default(),
        };
        journal.secure();
        Ok(journal)
    }

    /// Begins a segment, if the disk has space for it: the space that the newest one was given is not left behind.
    fn rotate(&mut self) -> io::Result<()> {
        let number = self.segments.back().map_or(1, |segment| segment.number + 1);
        let (segment, writer) = new_segment(&self.directory, number)?;
        let wanted = space::disk_of(&self.directory).map_or(0, |disk| 2 * disk.reserve);
        let secured = match space::take(&writer, 0, wanted) {
            Ok(()) => wanted,
            Err(error) if self.torn || error.kind() == io::ErrorKind::Unsupported => 0,
            Err(error) => {
                fs::remove_file(&segment.path)?;
                return Err(error);
            }
        };
        self.segments.push_back(segment);
        self.writer = writer;
        (self.secured, self.torn) = (secured, false);
        Ok(())
    }

    /// Writes `lines` behind the newest segment, whole or not at all.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let Some(segment) = self.segments.back_mut() else { return Err(io::Error::other("the journal has no segment")) };
        if let Err(error) = self.writer.write_all(lines) {
            // A part may have been written; cut it off, so that a later attempt starts on a fresh line.
            self.torn = self.writer.set_len(segment.bytes).is_err();
            return Err(error);
        }
        segment.bytes += lines.len() as u64;
        Ok(())
    }

    /// Reads on in one segment. Answers whether it is read to its end.
    fn read_segment(&mut self, path: &Path, bytes: u64, limit: usize, entries: &mut Vec<Entry>) -> io::Result<bool> {
        let mut reader = BufReader::with_capacity(256 << 10, File::open(path)?);
        reader.seek(SeekFrom::Start(self.read.offset))?;
        let mut line = Vec::new();
        while entries.len() < limit && self.read.offset < bytes {
            line.clear();
            let taken = reader.read_until(b'\n', &mut line)? as u64;
            if taken == 0 {
                break;
            }
            match entry(&line) {
                Some(entry) => entries.push(entry),
                None if line == b"\n" => {}
                // Nobody was told that it is written.
                None if !line.ends_with(b"\n") => {
                    tracing::warn!(
                        segment = self.read.segment,
                        at = self.read.offset,
                        "half a line at a journal's end was skipped"
                    );
                }
                None => {
                    tracing::warn!(segment = self.read.segment, at = self.read.offset, "a damaged journal line was set aside");
                    self.aside.add(&[aside::damaged(&line, SystemClock.now_ms())])?;
                }
            }
            self.read.offset += taken;
        }
        Ok(entries.len() < limit || self.read.offset >= bytes)
    }
}

impl Journal for FileJournal {
    fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut lines = Vec::with_capacity(entries.len() * 1024);
        let mut ranges = Vec::with_capacity(entries.len());
        for entry in entries {
            let start = lines.len();
            write_line(&mut lines, entry)?;
            ranges.push(start..lines.len());
        }
        let grown = |segment: &Segment| segment.bytes > 0 && segment.bytes + lines.len() as u64 > SEGMENT_BYTES;
        if self.segments.back().is_some_and(grown) || self.torn {
            // Where there is no room for another segment, the newest goes on as far as it has space.
            if let Err(error) = self.rotate()
                && self.torn
            {
                return Err(error);
            }
        }
        self.write(&lines)?;
        self.written.bytes += lines.len() as u64;
        self.written.requests += entries.iter().filter(|entry| matches!(entry, Entry::Closed(_))).count() as u64;
        let Some(segment) = self.segments.back() else { return Ok(()) };
        let start = segment.bytes - lines.len() as u64;
        let appended = entries.iter().zip(ranges).map(|(entry, line)| Line {
            entry: entry.clone(),
            bytes: line.len(),
            behind: Place { segment: segment.number, offset: start + line.end as u64 },
        });
        self.recent = self.recent.take().and_then(|recent| recent.with(appended));
        Ok(())
    }

    fn read(&mut self, limit: usize) -> io::Result<Vec<Entry>> {
        if let Some(recent) = &mut self.recent {
            let (entries, read) = recent.take(limit);
            self.read = read.unwrap_or(self.read);
            return Ok(entries);
        }
        let mut entries = Vec::new();
        while entries.len() < limit {
            let Some(segment) = self.segments.iter().find(|segment| segment.number == self.read.segment) else { break };
            let (path, bytes, number) = (segment.path.clone(), segment.bytes, segment.number);
            let at_end = self.read.offset >= bytes || self.read_segment(&path, bytes, limit, &mut entries)?;
            let next = self.segments.iter().map(|segment| segment.number).find(|next| *next > number);
            match next.filter(|_| at_end) {
                Some(next) => self.read = Place { segment: next, offset: 0 },
                None => {
                    self.recent = (self.read.offset >= bytes).then(Recent::default);
                    break;
                }
            }
        }
        Ok(entries)
    }

    fn rewind(&mut self) {
        if self.read != self.mark {
            self.recent = None;
        }
        self.read = self.mark;
    }

    fn mark(&mut self) -> bool {
        self.mark = self.read;
        self.segments.front().is_some_and(|segment| segment.number < self.mark.segment)
    }

    fn release(&mut self) -> io::Result<()> {
        while self.segments.front().is_some_and(|segment| segment.number < self.mark.segment) {
            if let Some(segment) = self.segments.pop_front() {
                fs::remove_file(&segment.path)?;
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.writer.sync_data()
    }

    fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn written(&self) -> Written {
        self.written
    }

    fn secure(&mut self) -> Room {
        let written = self.segments.back().map_or(0, |segment| segment.bytes);
        let Some(disk) = space::disk_of(&self.directory) else { return Room { is_enough: true, free: None } };
        let mut is_left_to_luck = false;
        if self.secured < written + disk.reserve {
            match space::take(&self.writer, written, 2 * disk.reserve) {
                Ok(()) => self.secured = written + 2 * disk.reserve,
                Err(error) => is_left_to_luck = error.kind() == io::ErrorKind::Unsupported,
            }
        }
        // What is taken ahead is for those under way: nobody new is let in once the disk itself has nothing left.
        let has_space = disk.free >= disk.reserve / 4;
        let is_secured = is_left_to_luck || self.secured.saturating_sub(written) >= disk.reserve / 2;
        Room { is_enough: has_space && is_secured, free: Some(disk.free) }
    }

    fn probe(&mut self) -> io::Result<()> {
        if self.torn {
            self.rotate()?;
        }
        self.write(b"\n")
    }

    fn set_aside(&mut self, refused: &[SetAside]) -> io::Result<()> {
        self.aside.add(refused)
    }

    fn aside(&self) -> u64 {
        self.aside.len()
    }

    fn list_aside(&self, limit: usize) -> io::Result<Vec<SetAside>> {
        self.aside.list(limit)
    }

    fn take_back(&mut self, id: i64, retry: bool) -> io::Result<Option<SetAside>> {
        let Some(found) = self.aside.list(usize::MAX)?.into_iter().find(|row| row.id == id) else { return Ok(None) };
        match &found.what {
            Unbooked::Receipt(receipt) if retry => self.append(&[Entry::Closed(receipt.clone())])?,
            Unbooked::Line(_) if retry => return Ok(None),
            _ => {}
        }
        self.aside.remove(id)?;
        Ok(Some(found))
    }
}

fn existing(directory: &Path) -> io::Result<VecDeque<Segment>> {
    let mut segments = Vec::new();
    for file in fs::read_dir(directory)? {
        let file = file?;
        let name = file.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("usage-")?.strip_suffix(".journal")?.parse().ok());
        if let Some(number) = number {
            files::tighten(&file.path())?;
            segments.push(Segment { number, path: file.path(), bytes: file.metadata()?.len() });
        }
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(segments.into())
}

fn new_segment(directory: &Path, number: u64) -> io::Result<(Segment, File)> {
    let path = directory.join(format!("usage-{number:012}.journal"));
    let writer = files::open(&path, OpenOptions::new().create_new(true).append(true))?;
    Ok((Segment { number, path, bytes: 0 }, writer))
}

fn write_line(lines: &mut Vec<u8>, entry: &Entry) -> io::Result<()> {
    let out = match entry {
        Entry::Opened(receipt) => LineOut::Opened(receipt),
        Entry::Closed(receipt) => LineOut::Closed(receipt),
        Entry::Counted(counted) => LineOut::Counted(counted),
    };
    line::write(lines, &out)
}

fn entry(text: &[u8]) -> Option<Entry> {
    match serde_json::from_slice(line::json_of(text)?).ok()? {
        LineIn::Opened(receipt) => Some(Entry::Opened(receipt.into())),
        LineIn::Closed(receipt) => Some(Entry::Closed(receipt.into())),
        LineIn::Counted(counted) => Some(Entry::Counted(counted.into())),
    }
}

#[cfg(test)]
mod tests;
