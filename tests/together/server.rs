//! A Redis of the test's own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest wait for the server to answer.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// A server on a port of its own, without anything on disk. Killed when dropped.
pub struct Redis {
    pub port: u16,
    process: Child,
    _dir: TempDir,
}

impl Redis {
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_on(port)
    }

    pub fn start_on(port: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed by scripts/test");
        let redis = Self { port, process, _dir: dir };
        let by = Instant::now() + STARTS_WITHIN;
        while redis.say(&["PING"]).trim() != "PONG" {
            assert!(Instant::now() < by, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/3", self.port)
    }

    /// What `redis-cli` prints.
    pub fn say(&self, command: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port, "-n", "3"]).args(command).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Stops it in its tracks: connections stay open, nothing answers.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.resume();
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}
