//! The file of a backup: a tar archive, compressed by zstd: `manifest.json`, perhaps `app-secret`, `journal/…`, `database`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{BackupError, DataDir, Manifest, create, of_file};
use crate::files;

const MANIFEST: &str = "manifest.json";
const SECRET: &str = "app-secret";
const JOURNAL: &str = "journal/";
const DATABASE: &str = "database";
/// zstd's own default.
const LEVEL: i32 = 3;
/// Largest manifest, and largest secret.
const MOST_SMALL_BYTES: u64 = 64 << 10;
/// What is looked through at once for the end of the last whole line.
const PIECE: u64 = 64 << 10;

/// What an archive holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Bytes of the database's copy.
    pub database_bytes: u64,
    /// Bytes of the usage journal.
    pub journal_bytes: u64,
    /// Whether the generated secret is in it.
    pub has_secret: bool,
}

/// An archive that is being written.
pub(super) struct Writer {
    path: PathBuf,
    tar: tar::Builder<zstd::Encoder<'static, File>>,
    contents: Contents,
}

impl Writer {
    pub(super) fn create(path: &Path, manifest: &Manifest) -> Result<Self, BackupError> {
        let file = create(path)?;
        let encoder = zstd::Encoder::new(file, LEVEL).map_err(of_file(path))?;
        let mut archive = Self { path: path.to_owned(), tar: tar::Builder::new(encoder), contents: Contents::default() };
        let manifest = serde_json::to_vec_pretty(manifest).map_err(|error| of_file(path)(error.into()))?;
        archive.append(MANIFEST, manifest.len() as u64, manifest.as_slice())?;
        Ok(archive)
    }

    fn append(&mut self, name: &str, bytes: u64, from: impl Read) -> Result<(), BackupError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_entry_type(tar::EntryType::Regular);
        self.tar.append_data(&mut header, name, from.take(bytes)).map_err(of_file(&self.path))
    }

    pub(super) fn secret(&mut self, data_dir: &DataDir) -> Result<(), BackupError> {
        let path = data_dir.path().join(SECRET);
        let secret = fs::read(&path).map_err(of_file(&path))?;
        self.append(SECRET, secret.len() as u64, secret.as_slice())?;
        self.contents.has_secret = true;
        Ok(())
    }

    /// Every file of the journal up to its last whole line. One that is let go meanwhile has been booked.
    pub(super) fn journal(&mut self, directory: &Path) -> Result<(), BackupError> {
        let mut names: Vec<_> = match fs::read_dir(directory) {
            Ok(found) => {
                found.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).filter(|name| is_of_journal(name)).collect()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(of_file(directory)(error)),
        };
        names.sort();
        for name in names {
            let path = directory.join(&name);
            let mut file = match files::open(&path, OpenOptions::new().read(true)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(of_file(&path))?,
            };
            let bytes = whole_lines(&mut file).map_err(of_file(&path))?;
            self.append(&format!("{JOURNAL}{name}"), bytes, file)?;
            self.contents.journal_bytes += bytes;
        }
        Ok(())
    }

    /// Adds the copy of the database, and brings all of it onto the disk.
    pub(super) fn finish(mut self, copy: &Path) -> Result<Contents, BackupError> {
        let file = File::open(copy).map_err(of_file(copy))?;
        let bytes = file.metadata().map_err(of_file(copy))?.len();
        self.append(DATABASE, bytes, file)?;
        self.contents.database_bytes = bytes;
        let ended = self.tar.into_inner().and_then(zstd::Encoder::finish).and_then(|file| file.sync_all());
        ended.map_err(of_file(&self.path))?;
        Ok(self.contents)
    }
}

/// Bytes up to the last line end; the file stands at its beginning again.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    while end > 0 {
        let begin = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(begin))?;
        let mut piece = Vec::new();
        Read::by_ref(file).take(end - begin).read_to_end(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            end = begin + at as u64 + 1;
            break;
        }
        end = begin;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(end)
}

fn is_of_journal(name: &str) -> bool {
    let plain = |name: &str| !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    name.strip_suffix(".journal").is_some_and(plain)
}

/// An archive that is being read, in the order in which it was written.
pub(super) struct Reader {
    path: PathBuf,
    tar: tar::Archive<zstd::Decoder<'static, BufReader<File>>>,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(of_file(path))?;
        let decoder = zstd::Decoder::new(file).map_err(of_file(path))?;
        Ok(Self { path: path.to_owned(), tar: tar::Archive::new(decoder) })
    }

    fn damaged(&self, why: &str) -> BackupError {
        BackupError::Refused(format!("{} is no backup of api-proxy, or it is damaged: {why}", self.path.display()))
    }

    /// What the archive says of itself. To be asked first.
    pub(super) fn manifest(&mut self) -> Result<Manifest, BackupError> {
        let first = self.tar.entries().and_then(|mut entries| entries.next().transpose());
        let read = first.and_then(|entry| {
            let mut text = Vec::new();
            let mut entry =
                entry.filter(|entry| entry.path_bytes().as_ref() == MANIFEST.as_bytes()).ok_or(io::ErrorKind::InvalidData)?;
            entry.by_ref().take(MOST_SMALL_BYTES).read_to_end(&mut text)?;
            Ok(serde_json::from_slice(&text)?)
        });
        let manifest = read.map_err(|error| self.damaged(&error.to_string()))?;
        // The entries of an archive are read once, from its beginning.
        *self = Self::open(&self.path)?;
        Ok(manifest)
    }

    /// Writes the journal into the data directory, the secret where none is and one `may` be made, the database into `database`.
    pub(super) fn unpack(&mut self, data_dir: &DataDir, may: bool, database: &Path) -> Result<Contents, BackupError> {
        let journal = data_dir.journal();
        is_unused(&journal)?;
        files::directory(&journal).map_err(of_file(&journal))?;
        let mut written = Written::default();
        let done = self.write_all(data_dir, may, database, &mut written);
        if done.is_err() {
            written.take_away();
        }
        done
    }

    fn write_all(
        &mut self,
        data_dir: &DataDir,
        may: bool,
        database: &Path,
        written: &mut Written,
    ) -> Result<Contents, BackupError> {
        let path = self.path.clone();
        let broken = |error: io::Error| BackupError::Refused(format!("{} is damaged: {error}", path.display()));
        let mut contents = Contents::default();
        let mut has_database = false;
        for entry in self.tar.entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            match name.strip_prefix(JOURNAL) {
                Some(file) if is_of_journal(file) => {
                    contents.journal_bytes += written.copy(&mut entry, &data_dir.journal().join(file))?;
                }
                None if name == DATABASE => {
                    contents.database_bytes = written.copy(&mut entry, database)?;
                    has_database = true;
                }
                None if name == SECRET => {
                    let secret = data_dir.path().join(SECRET);
                    if may && !secret.exists() {
                        written.copy(&mut entry.take(MOST_SMALL_BYTES), &secret)?;
                        contents.has_secret = true;
                    }
                }
                None if name == MANIFEST => {}
                _ => return Err(broken(io::Error::other(format!("it holds {name:?}")))),
            }
        }
        if has_database { Ok(contents) } else { Err(broken(io::ErrorKind::UnexpectedEof.into())) }
    }
}

/// Refuses a journal that holds something: it belongs to another database.
fn is_unused(journal: &Path) -> Result<(), BackupError> {
    let Ok(found) = fs::read_dir(journal) else { return Ok(()) };
    let holds = |entry: io::Result<fs::DirEntry>| entry.and_then(|entry| entry.metadata()).is_ok_and(|about| about.len() > 0);
    if found.into_iter().any(holds) {
        let named = journal.display();
        return Err(BackupError::Refused(format!("{named} holds a usage journal already: name another DATA_DIR")));
    }
    Ok(())
}

/// An entry of the archive, which remembers that it could not be read.
struct Source<'a, R> {
    archive: &'a mut R,
    is_damaged: bool,
}

impl<R: Read> Read for Source<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.archive.read(into);
        self.is_damaged |= read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        read
    }
}

/// Files that were written, to be taken away again when not all could be.
#[derive(Default)]
struct Written(Vec<PathBuf>);

impl Written {
    fn copy(&mut self, from: &mut impl Read, path: &Path) -> Result<u64, BackupError> {
        // An empty one of an earlier start stands in nobody's way.
        let mut file = files::open(path, OpenOptions::new().write(true).create(true).truncate(true)).map_err(of_file(path))?;
        self.0.push(path.to_owned());
        let mut from = Source { archive: from, is_damaged: false };
        let copied = io::copy(&mut from, &mut file).and_then(|bytes| file.sync_all().map(|()| bytes));
        match copied {
            Err(error) if from.is_damaged => Err(BackupError::Refused(format!("the backup is damaged: {error}"))),
            copied => copied.map_err(of_file(path)),
        }
    }

    fn take_away(&self) {
        for path in &self.0 {
            let _made_or_not = fs::remove_file(path);
        }
    }
}
