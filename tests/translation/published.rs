//! The golden files as the vendors' own published types see them, in another process.

use std::path::Path;
use std::process::Command;

#[test]
fn the_vendors_types_accept_what_the_golden_cases_expect() {
    let python = std::env::var("SDK_PYTHON").expect("SDK_PYTHON names a Python with the official SDKs: run scripts/test");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let judged = Command::new(python)
        .arg(root.join("tests/translation/published.py"))
        .arg(root.join("tests/golden/cases"))
        .output()
        .expect("Python starts");
    assert!(judged.status.success(), "{}{}", String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
}
