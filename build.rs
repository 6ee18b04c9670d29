//! Embeds the page templates and the console's front end into the binary.
//!
//! npm bundles the front end from `static/`, with icons, font and chart library that others made. Without npm our own
//! stylesheets and scripts are embedded as they stand there, and pages do with words and the server's own charts.

#[path = "build/plain.rs"]
mod plain;

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use plain::Files;

/// What the front end is made from, inside `static/`.
const SOURCES: [&str; 5] = ["package.json", "package-lock.json", "build.mjs", "src", "plain"];

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script where to write by the environment alone")]
fn main() -> Result<(), Box<dyn Error>> {
    minijinja_embed::embed_templates!("templates");
    let home = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("static");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", home.join(source).display());
    }
    let without_npm = plain::files(&home)?;
    match bundle(&home) {
        Ok(with_npm) => embed(&with_npm, true, &out, "front_end")?,
        Err(error) => {
            println!(
                "cargo::warning=the console was built without npm ({error}): it has no icons, no font of its own and no chart \
                 library; to add them, install Node.js with npm and touch static/package.json."
            );
            embed(&without_npm, false, &out, "front_end")?;
        }
    }
    // For the tests of development builds, which look at both.
    embed(&without_npm, false, &out, "front_end_without_npm")
}

/// Installs what the lock file names, if that was not done yet, and bundles.
fn bundle(home: &Path) -> Result<Files, Box<dyn Error>> {
    let installed = fs::metadata(home.join("node_modules/.package-lock.json")).and_then(|file| file.modified());
    let wanted = fs::metadata(home.join("package-lock.json"))?.modified()?;
    if !installed.is_ok_and(|installed| installed >= wanted) {
        npm(home, &["ci"])?;
    }
    npm(home, &["run", "build"])?;
    Ok(plain::folder(&home.join("dist"))?)
}

fn npm(home: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let output = Command::new("npm").args(arguments).arg("--loglevel=error").current_dir(home).output();
    let output = output.map_err(|error| format!("npm cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    let reason = first.strip_prefix("npm error ").unwrap_or(first);
    Err(format!("npm {}: {reason}", arguments.join(" ")).into())
}

/// Copies the files beside the generated code, which lists them with a digest of all their bytes.
fn embed(files: &Files, with_npm: bool, out: &Path, called: &str) -> Result<(), Box<dyn Error>> {
    let copies = out.join(called);
    fs::create_dir_all(&copies)?;
    let (mut digest, mut list) = (DefaultHasher::new(), String::new());
    for (name, bytes) in files {
        (name, bytes).hash(&mut digest);
        let copy = copies.join(name);
        fs::write(&copy, bytes)?;
        writeln!(list, "    ({name:?}, include_bytes!({:?})),", copy.display().to_string())?;
    }
    let version = format!("{:016x}", digest.finish());
    let code = format!("FrontEnd {{ with_npm: {with_npm}, version: {version:?}, files: &[\n{list}] }}\n");
    fs::write(out.join(called).with_extension("rs"), code)?;
    Ok(())
}
