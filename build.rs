//! Embeds the page templates and the console's front end into the binary.
//!
//! The front end is bundled by npm from `static/`. Without npm the build goes on: the gateway works, and its
//! pages say how to build what they lack.

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the bundle is made from, inside `static/`.
const SOURCES: [&str; 4] = ["package.json", "package-lock.json", "build.mjs", "src"];

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script where to write by the environment alone")]
fn main() -> Result<(), Box<dyn Error>> {
    minijinja_embed::embed_templates!("templates");
    let home = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("static");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", home.join(source).display());
    }
    if let Err(error) = bundle(&home) {
        println!(
            "cargo::warning=the console's styles and scripts were not built ({error}); its pages work without them. \
             Install Node.js with npm and touch static/package.json to build them."
        );
    }
    embed(&home.join("dist"), &PathBuf::from(std::env::var("OUT_DIR")?))
}

/// Installs what the lock file names, if that was not done yet, and bundles.
fn bundle(home: &Path) -> Result<(), Box<dyn Error>> {
    let installed = fs::metadata(home.join("node_modules/.package-lock.json")).and_then(|file| file.modified());
    let wanted = fs::metadata(home.join("package-lock.json"))?.modified()?;
    if !installed.is_ok_and(|installed| installed >= wanted) {
        npm(home, &["ci"])?;
    }
    npm(home, &["run", "build"])
}

fn npm(home: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let output = Command::new("npm").args(arguments).arg("--silent").current_dir(home).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    Err(format!("npm {}: {last}", arguments.join(" ")).into())
}

/// Copies the bundle beside the generated code, which lists it with a digest of all its bytes.
fn embed(bundle: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let copies = out.join("front_end");
    fs::create_dir_all(&copies)?;
    let mut names: Vec<String> = match fs::read_dir(bundle) {
        Ok(files) => files.filter_map(|file| file.ok()?.file_name().into_string().ok()).collect(),
        Err(_) => Vec::new(),
    };
    names.sort();
    let (mut digest, mut list) = (DefaultHasher::new(), String::new());
    for name in &names {
        let bytes = fs::read(bundle.join(name))?;
        (name, &bytes).hash(&mut digest);
        let copy = copies.join(name);
        fs::write(&copy, &bytes)?;
        writeln!(list, "    ({name:?}, include_bytes!({:?})),", copy.display().to_string())?;
    }
    let code = format!("&[\n{list}]\n");
    fs::write(out.join("front_end.rs"), code)?;
    println!("cargo::rustc-env=FRONT_END_VERSION={:016x}", digest.finish());
    Ok(())
}
