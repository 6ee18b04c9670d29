//! A TCP line that can be broken on purpose: between the gateway and its database.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Passes everything on.
    Open,
    /// Resets what is open, and every new connection.
    Refusing,
    /// Takes connections and bytes, and answers nothing; what is open goes silent.
    Silent,
    /// Resets the near end of what is open, and every new connection; far ends stay open for good, as when a machine goes without
    /// a farewell.
    Forgetful,
}

/// The line; gone when dropped.
pub struct Line {
    pub address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    accepting: JoinHandle<()>,
}

impl Line {
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::Open));
        let watched = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, target.clone(), watched.subscribe()));
            }
        });
        Self { address, state, accepting }
    }

    pub fn becomes(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection's life. Silence holds its sockets without touching them; after it they are reset, as a
/// network does that lost its memory of them.
async fn carry(mut near: TcpStream, target: String, mut state: watch::Receiver<State>) {
    if *state.borrow_and_update() == State::Open {
        let Ok(mut far) = TcpStream::connect(target).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => return,
            _ = state.wait_for(|state| *state != State::Open) => {}
        }
        if *state.borrow() == State::Forgetful {
            let _reset = near.set_zero_linger();
            drop(near);
            let _until_the_line_is_gone = state.wait_for(|_| false).await;
            return;
        }
    }
    let now = *state.borrow();
    if now == State::Silent {
        let _the_line_is_gone = state.wait_for(|state| *state != State::Silent).await;
    }
    let _reset = near.set_zero_linger();
}
