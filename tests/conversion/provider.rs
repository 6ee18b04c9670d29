//! The strict provider's process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The provider while it runs; it ends with this value.
pub struct Provider {
    process: Child,
    pub url: String,
}

impl Provider {
    /// Starts it and waits until it listens.
    pub fn start() -> Self {
        let mut process = Command::new(python())
            .current_dir(folder())
            .args(["-B", "-W", "ignore", "provider"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("SDK_PYTHON cannot be run: run scripts/test, which installs it");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port: u16 = line.trim().strip_prefix("listening on ").expect("the provider did not start").parse().unwrap();
        Self { process, url: format!("http://127.0.0.1:{port}") }
    }

    /// Everything that was asked of it: `{path, headers, body, status, refused?}`, in order.
    pub async fn requests(&self) -> Vec<Value> {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        http.get(format!("{}/requests", self.url)).send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ended = self.process.wait();
    }
}

/// This test's folder.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conversion")
}

/// The Python that has the SDKs.
pub fn python() -> std::ffi::OsString {
    std::env::var_os("SDK_PYTHON").expect("SDK_PYTHON names no Python with the SDKs: run scripts/test, which installs them")
}

/// The folder `node_modules` that has the SDKs and the command lines.
pub fn node_modules() -> PathBuf {
    let folder = std::env::var_os("SDK_NODE_MODULES");
    PathBuf::from(folder.expect("SDK_NODE_MODULES names no folder: run scripts/test, which installs the SDKs"))
}
