//! Forms that may be sent to any instance and act once.

use std::sync::LazyLock;
use std::time::Duration;

use actors::user_gate::shared::SharedUnavailable;
use actors::vocabulary::UserId;
use deadpool_redis::redis::{self, Script};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{RedisStore, named};
use crate::secrets::{Place, Sealer, digest, hex};

/// For how long a form that somebody acts on belongs to them. Whoever takes longer, or ended meanwhile, has perhaps acted.
const CLAIM: Duration = Duration::from_secs(60);
/// How long whoever sends a form again waits for the one who acts on it, and how often they look.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Largest page kept for whoever sends its form again; after a larger one they are told that it was sent before.
const MOST_TOLD_BYTES: usize = 1 << 20;

const OPEN: &str = include_str!("scripts/open_form.lua");
static CLAIMING: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/claim_form.lua")));
static SETTLING: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/settle_form.lua")));

/// What may be done with a form that was sent.
#[derive(Debug)]
pub enum FormState {
    /// It was not acted on: whoever asked acts now, and says what came of it.
    Yours(FormClaim),
    /// It was acted on, for the same; this tells of it.
    Told(SecretString),
    /// It was sent before, or nobody remembers it.
    SentBefore,
}

/// The right to act on a form.
#[derive(Debug)]
pub struct FormClaim {
    key: String,
    told_key: String,
    by: String,
    sent: String,
}

/// What came of acting on a form.
#[derive(Debug)]
pub enum Acted<'a> {
    /// It was done; this tells of it for so long.
    Done(&'a SecretString, Duration),
    /// Perhaps it was done.
    Perhaps,
    /// It was refused: the form may be sent again.
    Refused,
}

/// Forms, shared. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RedisForms {
    store: RedisStore,
    sealer: Sealer,
}

impl RedisForms {
    /// Shares them through `store`; what tells of an act is sealed, since it may hold a secret.
    pub fn new(store: RedisStore, sealer: Sealer) -> Self {
        Self { store, sealer }
    }

    /// Tells the others that `word` is on a form of `user`, of whose forms the newest `most` are known. `false` = Redis is away,
    /// nobody was told.
    pub fn open(&self, user: UserId, word: &str, lasts: Duration, most: usize) -> bool {
        if !self.store.standing().is_reachable() {
            return false;
        }
        let mut command = redis::cmd("EVAL");
        command.arg(OPEN).arg(2).arg(key(user, word)).arg(named("forms", user)).arg(lasts.as_secs()).arg(most);
        self.store.inner.send(command);
        true
    }

    /// Asks what may be done with a form that was sent; `sent` is the digest of what it says. While somebody acts on it, waits.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn claim(&self, user: UserId, word: &str, sent: &[u8; 32]) -> Result<FormState, SharedUnavailable> {
        let key = key(user, word);
        let told_key = format!("{key}:told");
        let by = format!("{}-{:016x}", self.store.id(), fastrand::u64(..));
        let claim = FormClaim { key, told_key, by, sent: hex(sent) };
        let until = Instant::now() + PATIENCE;
        loop {
            let mut call = CLAIMING.prepare_invoke();
            call.key(&claim.key).key(&claim.told_key).arg(&claim.by).arg(&claim.sent).arg(CLAIM.as_secs() * 1_000);
            let answer: Vec<String> = self.store.inner.run(&call).await?;
            match answer.first().map(String::as_str) {
                Some("yours") => return Ok(FormState::Yours(claim)),
                Some("told") => return Ok(self.told(&claim, answer.get(1))),
                Some("wait") if Instant::now() < until => tokio::time::sleep(LOOK_EVERY).await,
                _ => return Ok(FormState::SentBefore),
            }
        }
    }

    fn told(&self, claim: &FormClaim, sealed: Option<&String>) -> FormState {
        let opened = sealed.and_then(|sealed| self.sealer.open(place(&claim.told_key), sealed).ok());
        opened.map_or(FormState::SentBefore, FormState::Told)
    }

    /// Says what came of acting. Where Redis does not hear it, the form stays used: nothing acts twice.
    pub async fn settle(&self, claim: FormClaim, acted: Acted<'_>) {
        let (state, told, kept) = match acted {
            Acted::Done(told, kept) => ("done", self.sealed(&claim, told), kept),
            Acted::Perhaps => ("done", String::new(), Duration::ZERO),
            Acted::Refused => ("open", String::new(), Duration::ZERO),
        };
        let mut call = SETTLING.prepare_invoke();
        call.key(&claim.key).key(&claim.told_key).arg(&claim.by).arg(state).arg(&claim.sent).arg(told).arg(kept.as_secs());
        let _stays_used = self.store.inner.run::<i64>(&call).await;
    }

    fn sealed(&self, claim: &FormClaim, told: &SecretString) -> String {
        let told = told.expose_secret();
        if told.len() > MOST_TOLD_BYTES {
            return String::new();
        }
        self.sealer.seal(place(&claim.told_key), told).unwrap_or_default()
    }
}

/// A form's key: who can read it there cannot send the form, since the word is digested.
fn key(user: UserId, word: &str) -> String {
    named("form", hex(&digest(&format!("{user} {word}"))))
}

fn place(key: &str) -> Place<'_> {
    Place { column: "redis", row: key }
}
