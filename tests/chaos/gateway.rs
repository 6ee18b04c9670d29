//! One process of the gateway.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::waiting::eventually;

pub const BINARY: &str = env!("CARGO_BIN_EXE_api-proxy");
const SIGKILL: i32 = 9;

/// A command with nothing of our own environment but the path.
#[expect(clippy::disallowed_methods, reason = "the tests' own environment")]
pub fn command(args: &[&str], environment: &[(String, String)]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(args).env_clear().env("PATH", std::env::var("PATH").unwrap_or_default()).env("METRICS_LISTEN", "off");
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a process wrote, as far as it got.
#[derive(Clone, Default)]
pub struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn follow(&self, source: impl Read + Send + 'static) {
        let kept = Arc::clone(&self.0);
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|taken| taken > 0) {
                kept.lock().unwrap().append(&mut line);
            }
        });
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// A running process; killed when dropped.
pub struct Gateway {
    child: Child,
    pub output: Output,
    address: String,
}

impl Gateway {
    /// Starts `serve` and returns when it relays.
    pub async fn serve(environment: &[(String, String)]) -> Self {
        let mut gateway = Self::launch(&["serve"], environment);
        gateway.listens().await;
        gateway
    }

    /// Starts the process without waiting for anything.
    pub fn launch(args: &[&str], environment: &[(String, String)]) -> Self {
        let mut child = command(args, environment).spawn().unwrap();
        let output = Output::default();
        output.follow(child.stdout.take().unwrap());
        output.follow(child.stderr.take().unwrap());
        Self { child, output, address: String::new() }
    }

    /// A process that was started elsewhere, and whose output nobody follows.
    pub fn of(child: Child, address: &str) -> Self {
        Self { child, output: Output::default(), address: address.to_owned() }
    }

    /// Waits for the line that names the address, then for `/readyz`.
    pub async fn listens(&mut self) {
        self.address = eventually("the process listens", async || {
            if let Some(status) = self.ended() {
                panic!("the process ended with {status}:\n{}", self.output.text());
            }
            address_in(&self.output.text())
        })
        .await;
        let url = self.url("/readyz");
        eventually("the process is ready", async || reqwest::get(&url).await.ok().filter(|reply| reply.status() == 200)).await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub async fn ends(&mut self) -> ExitStatus {
        eventually("the process ends", async || self.ended()).await
    }

    /// SIGKILL, if it was not sent yet.
    pub async fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.ends().await.signal(), Some(SIGKILL), "it had ended before:\n{}", self.output.text());
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signals("-TERM");
    }

    /// Any signal, by its name for `kill`.
    pub fn signals(&self, which: &str) {
        signal(self.id(), which);
    }

    /// SIGTERM, and the end it should have.
    pub async fn stop(mut self) {
        self.terminate();
        let status = self.ends().await;
        assert!(status.success(), "{status}:\n{}", self.output.text());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _it_may_have_ended = self.child.kill();
        let _its_end_is_noted = self.child.wait();
    }
}

/// SIGKILL for a process that somebody else has in hand.
pub fn kill_9(id: u32) {
    signal(id, "-KILL");
}

fn signal(id: u32, which: &str) {
    let sent = Command::new("kill").args([which, &id.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// From the JSON line `listening`.
fn address_in(log: &str) -> Option<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let listening = lines.into_iter().find(|line| line["fields"]["message"] == "listening")?;
    listening["fields"]["address"].as_str().map(str::to_owned)
}
