//! What answers that last need: a place among them, and word when the right to them is gone.
//!
//! A request is judged once, when it comes. A live log or a download goes on for long after; it asks again whenever
//! something about its account changes, and every few seconds (sessions and tokens also end by the clock, and the command
//! line is another process).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actors::vocabulary::UserId;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{Receiver, Sender};
use tokio::time::{Instant, sleep_until};

use super::error::{NOT_SIGNED_IN, refusals};
use super::{Actor, Served, ServiceError, Services, credentials};

/// How often a right is looked at when nobody said that it changed.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Changes a reader may fall behind; one that fell behind further looks in any case.
const RING: usize = 256;
/// Live logs that one account may have open.
const MOST_EACH: usize = 20;
/// Live logs that users may have open all together. Admins always get their own.
const MOST: usize = 500;
/// When somebody without a place may ask again, in seconds.
const COME_BACK: u64 = 30;

refusals! {
    /// The account has its share of live logs open.
    TOO_MANY_OWN_READERS = TooMany, "too_many_requests", "You have {max} live logs open; close one of them first", "您已打开 {max} 个实时日志，请先关闭其中一个";
    /// All users together have theirs open.
    TOO_MANY_READERS = TooMany, "too_many_requests", "Too many live logs are open on this site; please try again in {seconds} seconds", "当前打开的实时日志过多，请在 {seconds} 秒后重试";
}

/// Who watches what for long. One for the process.
#[derive(Debug)]
pub struct Watching {
    changes: Sender<UserId>,
    open: Mutex<HashMap<UserId, usize>>,
}

impl Default for Watching {
    fn default() -> Self {
        Self { changes: Sender::new(RING), open: Mutex::default() }
    }
}

impl Watching {
    /// What `user` may do has changed, or a session or token of theirs has ended: their long answers look again.
    pub fn changed(&self, user: UserId) {
        let _nobody_watches = self.changes.send(user);
    }

    /// A place for one more live log of `actor`, until it is dropped.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub fn place(self: &Arc<Self>, actor: &Actor) -> Served<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(&actor.id).copied().unwrap_or(0);
        let refused = |refusal| ServiceError::new(refusal).again_after(COME_BACK);
        if own >= MOST_EACH {
            return Err(refused(&TOO_MANY_OWN_READERS).with("max", MOST_EACH));
        }
        if !actor.is_admin() && open.values().sum::<usize>() >= MOST {
            return Err(refused(&TOO_MANY_READERS));
        }
        open.insert(actor.id, own + 1);
        Ok(Place { of: Arc::clone(self), user: actor.id })
    }
}

/// A place among the live logs.
#[derive(Debug)]
pub struct Place {
    of: Arc<Watching>,
    user: UserId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.of.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get(&self.user).copied() {
            Some(own) if own > 1 => open.insert(self.user, own - 1),
            _ => open.remove(&self.user),
        };
    }
}

/// The right by which an answer was begun: the same session or token, of an active account, with the same role.
pub struct Right {
    services: Services,
    actor: Actor,
    changes: Receiver<UserId>,
    look_at: Instant,
}

impl Right {
    /// The right of somebody who was let in just now. It is looked at once more first: what changed in between is seen.
    pub fn of(services: &Services, actor: &Actor) -> Self {
        let changes = services.watching.changes.subscribe();
        Self { services: services.clone(), actor: actor.clone(), changes, look_at: Instant::now() }
    }

    /// Waits until the right must be looked at.
    pub async fn due(&mut self) {
        loop {
            let changed = tokio::select! {
                () = sleep_until(self.look_at) => return,
                changed = self.changes.recv() => changed,
            };
            match changed {
                Ok(user) if user != self.actor.id => {}
                Ok(_) | Err(RecvError::Lagged(_) | RecvError::Closed) => {
                    self.look_at = Instant::now();
                    return;
                }
            }
        }
    }

    /// Looks at it. A database that does not answer does not confirm it: whoever watched asks anew.
    ///
    /// # Errors
    /// `not_signed_in` when it is gone, or that the database is ill.
    pub async fn look(&mut self) -> Served<()> {
        self.look_at = Instant::now() + LOOK_EVERY;
        if credentials::still_hold(&self.services, &self.actor).await? {
            return Ok(());
        }
        Err(ServiceError::new(&NOT_SIGNED_IN))
    }

    /// Looks at it if that is due by now: for answers that are asked for piece by piece.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub async fn confirm(&mut self) -> Served<()> {
        let changed = loop {
            match self.changes.try_recv() {
                Ok(user) if user != self.actor.id => {}
                Ok(_) | Err(TryRecvError::Lagged(_) | TryRecvError::Closed) => break true,
                Err(TryRecvError::Empty) => break false,
            }
        };
        if changed || self.look_at <= Instant::now() { self.look().await } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use actors::vocabulary::Role;

    use super::*;
    use crate::services::Via;

    fn actor(id: i64, role: Role) -> Actor {
        Actor { id: UserId(id), name: String::new(), role, ip: None, via: Via::Session(1) }
    }

    #[test]
    fn one_user_cannot_take_the_places_of_others_and_admins_always_get_one() {
        let watching = Arc::<Watching>::default();
        let mut places = Vec::new();
        let mut fill = |id| {
            for _ in 0..MOST_EACH {
                places.push(watching.place(&actor(id, Role::User)).unwrap());
            }
        };
        fill(1);
        let refused = watching.place(&actor(1, Role::User)).unwrap_err();
        assert_eq!(refused.refusal, &TOO_MANY_OWN_READERS);
        for id in 2..=i64::try_from(MOST / MOST_EACH).unwrap() {
            fill(id);
        }
        assert_eq!(watching.place(&actor(999, Role::User)).unwrap_err().refusal, &TOO_MANY_READERS);
        let of_admin = watching.place(&actor(1_000, Role::Admin)).unwrap();
        drop(of_admin);
        places.truncate(MOST - 1);
        drop(watching.place(&actor(999, Role::User)).unwrap());
        places.clear();
        assert!(watching.open.lock().unwrap().is_empty());
    }
}
