//! Passwords: argon2id, two at a time, off the workers.
//!
//! One hash takes some 15 ms and 19 MiB. A flood of sign-ins must neither stall the streams of a worker nor
//! eat the memory, so hashing runs on the blocking pool behind two permits and a short, bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{Served, ServiceError};

/// Hashes computed at the same time.
const AT_ONCE: usize = 2;
/// Callers that may wait for a turn.
const QUEUE: usize = 64;
/// Longest wait for a turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// What callers beyond the queue are told to wait, in seconds.
const COME_BACK: u64 = 5;

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    nobodys: Arc<str>,
}

impl Passwords {
    /// Prepares the hash that stands in for accounts that don't exist (takes one hash's time).
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> Served<Self> {
        let nobodys = hash_now(&SecretString::from("the password of nobody"))?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), waiting: Arc::default(), nobodys: nobodys.into() })
    }

    /// The hash to store.
    ///
    /// # Errors
    /// `too_many_requests` when too many are waiting already.
    pub async fn hash(&self, password: SecretString) -> Served<String> {
        let turn = self.turn().await?;
        blocking(turn, move || hash_now(&password)).await?
    }

    /// Whether `password` is the one `stored` was made from. Without a stored hash (no such account) the
    /// answer is no and takes as long.
    ///
    /// # Errors
    /// `too_many_requests` when too many are waiting already.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Served<bool> {
        let turn = self.turn().await?;
        let nobodys = Arc::clone(&self.nobodys);
        blocking(turn, move || {
            let hash = stored.as_deref().filter(|hash| !hash.is_empty());
            let matches = PasswordHash::new(hash.unwrap_or(&nobodys))
                .is_ok_and(|hash| Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok());
            matches && hash.is_some()
        })
        .await
    }

    async fn turn(&self) -> Served<OwnedSemaphorePermit> {
        let _place = Place::take(&self.waiting).ok_or_else(|| ServiceError::too_many(COME_BACK))?;
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        turn.map_err(|_| ServiceError::too_many(COME_BACK))?.map_err(ServiceError::ill)
    }
}

/// A place in the queue, given back when its owner stops waiting.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::AcqRel) < QUEUE).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Runs `work` on the blocking pool. The turn goes along: a caller who leaves does not free it early.
async fn blocking<T: Send + 'static>(turn: OwnedSemaphorePermit, work: impl FnOnce() -> T + Send + 'static) -> Served<T> {
    let run = move || {
        let done = work();
        drop(turn);
        done
    };
    tokio::task::spawn_blocking(run).await.map_err(ServiceError::ill)
}

fn hash_now(password: &SecretString) -> Served<String> {
    let hash = Argon2::default().hash_password(password.expose_secret().as_bytes()).map_err(ServiceError::ill)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_alone() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash(SecretString::from("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(passwords.verify(SecretString::from("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(SecretString::from("wrong horse"), Some(hash)).await.unwrap());
        assert!(!passwords.verify(SecretString::from("the password of nobody"), None).await.unwrap());
        assert!(!passwords.verify(SecretString::from("the password of nobody"), Some(String::new())).await.unwrap());
    }
}
