//! A PostgreSQL server of a test's own, whose disk it may fill.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

/// Stopped when dropped.
pub struct Server {
    port: u16,
    process: u32,
}

impl Server {
    /// Makes a cluster in `data` and starts it there.
    pub fn start(data: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Whoever runs the server walks through every directory above.
        for above in data.ancestors().skip(1).take_while(|above| above.starts_with("/tmp/") && *above != Path::new("/tmp")) {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(above, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let lock = data.join("postmaster.pid");
        let data = data.display();
        runs(&format!("initdb -D {data} -U postgres --auth=trust --no-sync"));
        let options = format!(
            "-p {port} -k {data} -c listen_addresses=127.0.0.1 -c shared_buffers=16MB -c fsync=off -c max_wal_size=64MB \
             -c min_wal_size=32MB -c wal_keep_size=0 -c log_min_messages=fatal"
        );
        runs(&format!("pg_ctl -D {data} -o '{options}' -l {data}/log -w start"));
        let process = fs::read_to_string(lock).unwrap().lines().next().unwrap().parse().unwrap();
        Self { port, process }
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// PostgreSQL refuses to run as root.
fn runs(command: &str) {
    let installed = fs::read_dir("/usr/lib/postgresql").unwrap().map(|entry| entry.unwrap().path().join("bin"));
    let programs = installed.max().unwrap();
    let script = format!("PATH={}:$PATH {command}", programs.display());
    let mut run = Command::new("su");
    run.args(["postgres", "-s", "/bin/sh", "-c", &script]).current_dir("/");
    run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = run.status().unwrap();
    assert!(status.success(), "{command}: {status}");
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once, and also where its directory is gone already.
        let _it_may_have_ended = Command::new("kill").args(["-QUIT", &self.process.to_string()]).status();
    }
}
