//! What cannot be booked: a file of its own beside the journal, so that it needs no database and holds up nothing.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use actors::ports::{SetAside, Unbooked};
use actors::vocabulary::Receipt;
use serde::{Deserialize, Serialize};

use super::line;

const NAME: &str = "set-aside.journal";
/// Most of a line that is no receipt which is kept.
const MOST_KEPT_BYTES: usize = 64 << 10;

#[derive(Serialize)]
struct RowOut<'a> {
    id: i64,
    at: i64,
    reason: &'a str,
    receipt: Option<&'a Receipt>,
    line: Option<&'a str>,
}

#[derive(Deserialize)]
struct RowIn {
    id: i64,
    at: i64,
    reason: String,
    receipt: Option<Receipt>,
    line: Option<String>,
}

/// The file.
#[derive(Debug)]
pub(super) struct Aside {
    path: PathBuf,
    /// What is in it.
    ids: HashSet<i64>,
}

impl Aside {
    /// Opens what predecessors left. The file is made when something is first set aside.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let mut aside = Self { path: directory.join(NAME), ids: HashSet::new() };
        aside.ids = aside.list(usize::MAX)?.iter().map(|row| row.id).collect();
        Ok(aside)
    }

    pub(super) fn len(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Appends what is not there yet, and makes it survive a power failure.
    pub(super) fn add(&mut self, rows: &[SetAside]) -> io::Result<()> {
        let new: Vec<&SetAside> = rows.iter().filter(|row| !self.ids.contains(&row.id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for row in &new {
            write_row(&mut lines, row)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        let bytes = file.metadata()?.len();
        if let Err(error) = file.write_all(&lines).and_then(|()| file.sync_data()) {
            file.set_len(bytes)?;
            return Err(error);
        }
        self.ids.extend(new.iter().map(|row| row.id));
        Ok(())
    }

    /// The oldest rows, each once.
    pub(super) fn list(&self, limit: usize) -> io::Result<Vec<SetAside>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let (mut rows, mut seen, mut text) = (Vec::new(), HashSet::new(), Vec::new());
        let mut reader = BufReader::new(file);
        while rows.len() < limit {
            text.clear();
            if reader.read_until(b'\n', &mut text)? == 0 {
                break;
            }
            match line::json_of(&text).and_then(|json| serde_json::from_slice::<RowIn>(json).ok()).and_then(row_of) {
                Some(row) if seen.insert(row.id) => rows.push(row),
                Some(_) => {}
                None => tracing::warn!("a damaged line of what is set aside was skipped"),
            }
        }
        Ok(rows)
    }

    /// Forgets one: writes the others anew and puts them in the file's place.
    pub(super) fn remove(&mut self, id: i64) -> io::Result<()> {
        let mut lines = Vec::new();
        for row in self.list(usize::MAX)?.iter().filter(|row| row.id != id) {
            write_row(&mut lines, row)?;
        }
        let fresh = self.path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&lines)?;
        file.sync_data()?;
        fs::rename(&fresh, &self.path)?;
        self.ids.remove(&id);
        Ok(())
    }
}

/// Sets aside a journal line that cannot be read. Its id is derived from its text, so the same line has the same id.
pub(super) fn damaged(line: &[u8], at: i64) -> SetAside {
    let kept = String::from_utf8_lossy(&line[..line.len().min(MOST_KEPT_BYTES)]).trim_end().to_owned();
    SetAside {
        id: -1 - i64::from(crc32fast::hash(line)),
        at,
        reason: "a line of the journal cannot be read".to_owned(),
        what: Unbooked::Line(kept),
    }
}

fn write_row(lines: &mut Vec<u8>, row: &SetAside) -> io::Result<()> {
    let (receipt, text) = match &row.what {
        Unbooked::Receipt(receipt) => (Some(&**receipt), None),
        Unbooked::Line(text) => (None, Some(text.as_str())),
    };
    line::write(lines, &RowOut { id: row.id, at: row.at, reason: &row.reason, receipt, line: text })
}

fn row_of(row: RowIn) -> Option<SetAside> {
    let what = match (row.receipt, row.line) {
        (Some(receipt), _) => Unbooked::Receipt(receipt.into()),
        (None, Some(text)) => Unbooked::Line(text),
        (None, None) => return None,
    };
    Some(SetAside { id: row.id, at: row.at, reason: row.reason, what })
}
