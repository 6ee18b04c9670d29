//! HTTP written byte by byte, for clients that no library would be, and upstreams that no vendor would run.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Longest wait for an answer.
const DEADLINE: Duration = Duration::from_secs(60);

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A connection to the gateway.
pub struct Line {
    reading: Reading,
    writing: OwnedWriteHalf,
}

/// The half that answers come on.
pub struct Reading {
    half: OwnedReadHalf,
    read: Vec<u8>,
}

impl Line {
    pub async fn to(address: &str) -> Self {
        let (reading, writing) = TcpStream::connect(address).await.unwrap().into_split();
        Self { reading: Reading { half: reading, read: Vec::new() }, writing }
    }

    pub fn split(self) -> (Reading, OwnedWriteHalf) {
        (self.reading, self.writing)
    }

    /// Whether the gateway has hung up (what it said before is dropped).
    pub fn closed(&self) -> bool {
        let mut said = [0; 4096];
        loop {
            match self.reading.half.try_read(&mut said) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Sends bytes; a line that broke meanwhile is no failure, since the answer may be there.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _the_line_may_be_broken = self.writing.write_all(bytes.as_ref()).await;
    }

    /// See [`Reading::answer`].
    pub async fn answer(&mut self) -> Option<Answer> {
        self.reading.answer().await
    }
}

impl Reading {
    /// The next answer, which must have a `Content-Length`; `None` when the line was closed without one.
    pub async fn answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(DEADLINE, self.read_answer()).await.expect("an answer in time")
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let head_end = loop {
            if let Some(at) = find(&self.read, b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.read[..head_end]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let length: usize = length.unwrap_or(0);
        while self.read.len() < head_end + length {
            self.more().await?;
        }
        let body = String::from_utf8_lossy(&self.read[head_end..head_end + length]).into_owned();
        self.read.drain(..head_end + length);
        Some(Answer { status, body })
    }

    async fn more(&mut self) -> Option<()> {
        let taken = self.half.read_buf(&mut self.read).await.unwrap_or(0);
        (taken > 0).then_some(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The head of a POST to `/v1/messages`, without what tells its body's length.
pub fn head(key: &str, more: &str) -> String {
    format!(
        "POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nx-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n\
         content-type: application/json\r\n{more}\r\n"
    )
}

/// A whole POST to `/v1/messages`.
pub fn post(key: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = head(key, &format!("content-length: {}\r\n", body.as_ref().len())).into_bytes();
    bytes.extend_from_slice(body.as_ref());
    bytes
}

/// An upstream that reads a request's head and then does as it likes with the line.
pub struct WildUpstream {
    pub base_url: String,
    /// Bytes it could send so far, where it counts them.
    pub sent: Arc<AtomicU64>,
    /// Lines that have ended.
    pub ended: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl WildUpstream {
    pub async fn start<F>(answers: impl Fn(Wild) -> F + Send + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let (sent, ended) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (counted, gone) = (Arc::clone(&sent), Arc::clone(&ended));
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while find(&request, b"\r\n\r\n").is_none() && stream.read_buf(&mut request).await.is_ok_and(|n| n > 0) {}
                let answering = answers(Wild { stream, sent: Arc::clone(&counted) });
                let gone = Arc::clone(&gone);
                tokio::spawn(async move {
                    let _the_gateway_may_hang_up = answering.await;
                    gone.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        Self { base_url, sent, ended, accepting }
    }
}

impl Drop for WildUpstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One line of such an upstream.
pub struct Wild {
    stream: TcpStream,
    sent: Arc<AtomicU64>,
}

impl Wild {
    pub async fn says(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.sent.fetch_add(bytes.as_ref().len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// The same over and over.
    pub async fn repeats(&mut self, bytes: &[u8], times: usize) -> std::io::Result<()> {
        for _ in 0..times {
            self.says(bytes).await?;
        }
        Ok(())
    }
}
