//! The console's files as a build without npm embeds them: our own, as they stand in `static/src`.
//!
//! The build script makes them; the tests compile this file, too, and look at what it makes.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// The stylesheet that pages load. What stands in it are the names of the others, in their order.
const STYLES: &str = "app.css";
/// The stylesheet that a build without npm adds behind them.
const ADDED: &str = "plain.css";

/// Files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Our scripts and pictures as they are, our stylesheets joined. A file in `plain/` stands in for the one of its name in
/// `src/`, which needs a package; a package's own stylesheet is left out.
///
/// # Errors
/// When one cannot be read, or is named and not there.
pub fn files(home: &Path) -> io::Result<Files> {
    let mut files = folder(&home.join("src"))?;
    files.extend(folder(&home.join("plain"))?);
    let named = String::from_utf8_lossy(files.get(STYLES).ok_or_else(|| missing(STYLES))?).into_owned();
    let mut joined = Vec::new();
    for name in named.lines().filter_map(own_import).chain([ADDED]) {
        joined.extend_from_slice(files.get(name).ok_or_else(|| missing(name))?);
    }
    files.retain(|name, _| !name.ends_with(".css"));
    files.insert(STYLES.to_owned(), joined);
    Ok(files)
}

/// Every file of a folder.
///
/// # Errors
/// When one cannot be read.
pub fn folder(path: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| io::Error::other(format!("{name:?} is no text")))?;
        files.insert(name, fs::read(entry.path())?);
    }
    Ok(files)
}

/// The name in `@import "./name";`.
fn own_import(line: &str) -> Option<&str> {
    line.trim().strip_prefix("@import \"./")?.strip_suffix("\";")
}

fn missing(name: &str) -> io::Error {
    io::Error::other(format!("static/ has no {name}"))
}
