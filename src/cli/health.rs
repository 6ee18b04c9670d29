//! `health`: what a container's own health check runs. Asks `/readyz` of the process on this machine, so that an image needs
//! no other program for it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{CommandError, say};

/// Longest wait for the whole answer; shorter than what orchestrators give such a check.
const DEADLINE: Duration = Duration::from_secs(4);
/// Largest answer that is read.
const MOST_BYTES: u64 = 64 << 10;

/// The fields of `/readyz` that are printed.
#[derive(Deserialize)]
struct Readiness {
    ready: bool,
    degraded: bool,
    worries: Vec<String>,
}

pub(super) async fn run(listen: SocketAddr) -> Result<ExitCode, CommandError> {
    let address = reachable(listen);
    let asked = format!("http://{address}/readyz");
    let answer = tokio::time::timeout(DEADLINE, ask(address)).await;
    let answer = answer.map_err(|_| CommandError::Other(format!("{asked} did not answer within {} s", DEADLINE.as_secs())))?;
    let answer = answer.map_err(|error| CommandError::Other(format!("nothing answers at {asked}: {error}")))?;
    let readiness = read(&answer).ok_or_else(|| CommandError::Other(format!("what answers at {asked} is no api-proxy")))?;
    let worries = readiness.worries.join("; ");
    match (readiness.ready, readiness.degraded) {
        (true, false) => say("ready")?,
        (true, true) => say(&format!("ready, but degraded: {worries}"))?,
        (false, _) => return Err(CommandError::Other(format!("not ready: {worries}"))),
    }
    Ok(ExitCode::SUCCESS)
}

/// Where a process that listens there is found from here: one that listens everywhere is on loopback, too.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        ip if ip.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
        _ => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// One request by HTTP/1.0, whose answer ends with the connection.
async fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut line = TcpStream::connect(address).await?;
    line.write_all(format!("GET /readyz HTTP/1.0\r\nhost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    line.take(MOST_BYTES).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The body of an answer that is ready's or not ready's; `None` for anything else.
fn read(answer: &[u8]) -> Option<Readiness> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?;
    if !head.starts_with("HTTP/1.") || !["200", "503"].contains(&status) {
        return None;
    }
    serde_json::from_str(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_listens_everywhere_is_asked_on_loopback() {
        let asked = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:3000"), "127.0.0.1:3000");
        assert_eq!(asked("[::]:3000"), "[::1]:3000");
        assert_eq!(asked("127.0.0.1:8080"), "127.0.0.1:8080");
        assert_eq!(asked("192.0.2.7:8080"), "192.0.2.7:8080");
    }

    #[test]
    fn only_what_readyz_says_is_believed() {
        let body = r#"{"ready":false,"degraded":true,"worries":["a","b"],"unbooked":0}"#;
        let read_as = |head: &str, body: &str| read(format!("{head}\r\n\r\n{body}").as_bytes());
        assert_eq!(read_as("HTTP/1.1 503 Service Unavailable\r\na: b", body).unwrap().worries, ["a", "b"]);
        assert!(read_as("HTTP/1.0 200 OK", &body.replace("false", "true")).unwrap().ready);
        for (head, body) in
            [("HTTP/1.1 200 OK", "<html>"), ("HTTP/1.1 404 Not Found", body), ("SSH-2.0-OpenSSH", body), ("HTTP/1.1", body)]
        {
            assert!(read_as(head, body).is_none(), "{head}");
        }
        assert!(read(b"").is_none() && read(&[0xff; 9]).is_none());
    }
}
