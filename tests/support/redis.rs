//! A Redis of a test's own, on a free port of this machine, which keeps nothing on disk.

#![allow(dead_code, reason = "each of the test binaries uses what it needs")]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deadpool_redis::redis;

/// Reads out all keys and values.
const EVERYTHING: &str = r"
local out = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  out[#out + 1] = key
  local kind = redis.call('TYPE', key).ok
  local read = {string = {'GET', key}, hash = {'HGETALL', key}, list = {'LRANGE', key, 0, -1}, set = {'SMEMBERS', key},
    zset = {'ZRANGE', key, 0, -1, 'WITHSCORES'}}
  local held = redis.call(unpack(read[kind]))
  if type(held) == 'string' then held = {held} end
  for _, one in ipairs(held) do out[#out + 1] = one end
end
return out";

/// A running Redis; it ends with this.
pub struct RedisServer {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl RedisServer {
    /// Starts one.
    pub async fn start() -> Self {
        loop {
            let mut server = Self::spawn();
            if server.answers().await {
                return server;
            }
            // Somebody else took the port meanwhile.
        }
    }

    fn spawn() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(dir.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("redis-server is not installed: run scripts/test");
        Self { child, port, _dir: dir }
    }

    /// Waits until it answers; `false` = it ended.
    async fn answers(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait().unwrap().is_none() {
            if let Ok(client) = redis::Client::open(self.url())
                && client.get_multiplexed_async_connection().await.is_ok()
            {
                return true;
            }
            assert!(Instant::now() < until, "redis-server does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it in its tracks: connections stay open, nothing answers. It is killed all the same when this is dropped.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, which: &str) {
        let sent = Command::new("kill").args([which, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// What `redis-cli` prints.
    pub fn say(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(command).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a script.
    pub async fn eval<T: redis::FromRedisValue>(&self, script: &str, keys: &[&str], arguments: &[String]) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("EVAL").arg(script).arg(keys.len()).arg(keys).arg(arguments).query_async(&mut connection).await.unwrap()
    }

    /// All that stands in it, one below the other.
    pub async fn everything(&self) -> String {
        let parts: Vec<Vec<u8>> = self.eval(EVERYTHING, &[], &[]).await;
        parts.iter().map(|part| String::from_utf8_lossy(part).into_owned() + "\n").collect()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _nobody_is_left = self.child.wait();
    }
}
