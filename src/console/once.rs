//! Acts that happen once for each form that was opened, however often it is sent: pressed twice, loaded again, sent anew
//! because the answer was lost.
//!
//! The form carries a ticket, good for one act of the user it was made for. Whoever sends the very same again within two
//! minutes gets the very answer of the first time, with the secret that would be lost otherwise; later, filled in otherwise, or
//! with a ticket that nobody remembers, nothing is done and the form is shown again. So what is forgotten here never makes
//! anything act twice.
//!
//! Several instances keep their tickets in Redis, so that a form opened on one may be sent to another. One opened while Redis is
//! away is known only where it was opened; one opened before may have been sent elsewhere meanwhile, so it is refused then.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, rt};
use actors::vocabulary::UserId;
use minijinja::Value;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex as Turn;

use super::fields::Fields;
use super::visit::{SignedIn, Visit};
use crate::redis_store::{Acted, FormState, RedisForms};
use crate::secrets;
use crate::services::error::refusals;
use crate::services::{Kind, Served, ServiceError};

/// The field of a form that holds its ticket.
const FIELD: &str = "ticket";
/// Characters of a ticket.
const LENGTH: usize = 22;
/// How long a form may lie open.
const OPEN_FOR: Duration = Duration::from_secs(12 * 60 * 60);
/// How long an answer is kept for whoever sends its form again.
const ANSWER_KEPT: Duration = Duration::from_secs(120);
/// Most forms that a user may have open; the oldest is forgotten first.
const MOST_EACH: usize = 16;
/// Most forms that all together may have open.
const MOST: usize = 4_096;

refusals! {
    /// A form that was sent before, or that nobody remembers.
    SENT_BEFORE = Conflict, "sent_before",
        "Nothing was done: this form was sent before, or was open for too long. See whether it was done; to do it once more, send it again.",
        "未执行任何操作：此表单已提交过，或打开时间过长。请先确认之前是否已生效；如需再执行一次，请重新提交。";
}

/// The forms that are open.
#[derive(Default)]
pub(super) struct Tickets {
    /// Those that this instance alone knows.
    here: Mutex<VecDeque<Ticket>>,
    /// Those that every instance knows.
    shared: Option<RedisForms>,
}

struct Ticket {
    word: String,
    of: UserId,
    since: Instant,
    used: Arc<Turn<Used>>,
}

/// What became of a form.
enum Used {
    Open,
    /// It was acted on; what was sent and what told of it, while that is kept.
    Done(Option<([u8; 32], Told)>),
}

/// What tells that an act was done.
#[derive(Clone)]
pub(super) enum Told {
    /// A page, which may show a secret.
    Page(SecretString),
    /// The page at this address.
    At(String),
}

impl Told {
    /// The page made from `template`.
    pub(super) fn page(visit: &Visit, template: &str, values: Value) -> Served<Self> {
        visit.html(template, values).map(|html| Self::Page(SecretString::from(html))).map_err(ServiceError::ill)
    }

    fn answer(&self, visit: &Visit) -> HttpResponse {
        match self {
            Self::Page(html) => {
                let mut response = visit.response(StatusCode::OK);
                response.content_type("text/html; charset=utf-8").body(html.expose_secret().to_owned())
            }
            Self::At(address) => visit.to(address).finish(),
        }
    }

    /// As it is kept for other instances: a letter that says what it is, and the rest.
    fn packed(&self) -> SecretString {
        match self {
            Self::Page(html) => SecretString::from(format!("p{}", html.expose_secret())),
            Self::At(address) => SecretString::from(format!("a{address}")),
        }
    }

    fn unpacked(packed: &SecretString) -> Option<Self> {
        let packed = packed.expose_secret();
        let page = packed.strip_prefix('p').map(|html| Self::Page(SecretString::from(html)));
        page.or_else(|| packed.strip_prefix('a').map(|address| Self::At(address.to_owned())))
    }
}

impl Tickets {
    /// None is open yet; `None` = there are no other instances.
    pub(super) fn new(shared: Option<RedisForms>) -> Self {
        Self { here: Mutex::default(), shared }
    }

    fn open(&self, word: &str, of: UserId) {
        let is_shared = self.shared.as_ref().is_some_and(|shared| shared.open(of, word, OPEN_FOR, MOST_EACH));
        if !is_shared {
            self.add(word, of, Instant::now());
        }
    }

    fn add(&self, word: &str, of: UserId, now: Instant) {
        let mut open = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|ticket| now.duration_since(ticket.since) < OPEN_FOR);
        if open.iter().filter(|ticket| ticket.of == of).count() >= MOST_EACH
            && let Some(oldest) = open.iter().position(|ticket| ticket.of == of)
        {
            open.remove(oldest);
        }
        if open.len() >= MOST {
            open.pop_front();
        }
        open.push_back(Ticket { word: word.to_owned(), of, since: now, used: Arc::new(Turn::new(Used::Open)) });
    }

    fn find(&self, word: &str, of: UserId, now: Instant) -> Option<Arc<Turn<Used>>> {
        let open = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |ticket: &&Ticket| ticket.of == of && ticket.word == word;
        let found = open.iter().find(is_it).filter(|ticket| now.duration_since(ticket.since) < OPEN_FOR);
        found.map(|ticket| Arc::clone(&ticket.used))
    }
}

/// What templates call for the ticket of a form. Without randomness it is empty, and nothing can be done with it.
pub(super) fn counter(visit: &Visit) -> Option<Value> {
    let (of, tickets) = (visit.actor.as_ref()?.id, Arc::clone(&visit.console.tickets));
    let new_ticket = move || {
        let word = secrets::random_base62(LENGTH).unwrap_or_default();
        if !word.is_empty() {
            tickets.open(&word, of);
        }
        word
    };
    Some(Value::from_function(new_ticket))
}

/// Does what the form asks for, unless it was done before: `make` answers with what tells of it, `again` shows the form with
/// what is wrong. An act once begun is carried through: whoever presses twice has left the first answer behind.
pub(super) async fn act(
    signed_in: SignedIn,
    fields: Fields,
    make: impl AsyncFnOnce(&SignedIn, &Fields) -> Served<Told> + 'static,
    again: impl AsyncFnOnce(&SignedIn, &Fields, &ServiceError) -> HttpResponse + 'static,
) -> HttpResponse {
    let carried_through = rt::spawn(async move {
        match carry_out(&signed_in, &fields, make).await {
            Ok(told) => told.answer(&signed_in.visit),
            Err(error) => again(&signed_in, &fields, &error).await,
        }
    });
    carried_through.await.unwrap_or_else(|_| HttpResponse::InternalServerError().finish())
}

async fn carry_out(
    signed_in: &SignedIn,
    fields: &Fields,
    make: impl AsyncFnOnce(&SignedIn, &Fields) -> Served<Told>,
) -> Served<Told> {
    let SignedIn { visit, actor } = signed_in;
    let (tickets, word) = (&visit.console.tickets, fields.text(FIELD));
    let sent = secrets::digest(&format!("{} {fields:?}", visit.request.path()));
    match (tickets.find(word, actor.id, Instant::now()), &tickets.shared) {
        (Some(ticket), _) => here(&ticket, sent, async || make(signed_in, fields).await).await,
        (None, Some(shared)) if !word.is_empty() => {
            anywhere(shared, (actor.id, word), sent, async || make(signed_in, fields).await).await
        }
        _ => Err(ServiceError::new(&SENT_BEFORE)),
    }
}

/// Acts on a form that every instance knows: whoever asks Redis first.
async fn anywhere(
    shared: &RedisForms,
    (user, word): (UserId, &str),
    sent: [u8; 32],
    make: impl AsyncFnOnce() -> Served<Told>,
) -> Served<Told> {
    let sent_before = || ServiceError::new(&SENT_BEFORE);
    let claim = match shared.claim(user, word, &sent).await {
        Ok(FormState::Yours(claim)) => claim,
        Ok(FormState::Told(told)) => return Told::unpacked(&told).ok_or_else(sent_before),
        // Without Redis nobody knows whether another instance acted on it.
        Ok(FormState::SentBefore) | Err(_) => return Err(sent_before()),
    };
    let made = make().await;
    let packed = made.as_ref().ok().map(Told::packed);
    let acted = match (&made, &packed) {
        (Ok(_), Some(told)) => Acted::Done(told, ANSWER_KEPT),
        (Err(error), _) if error.refusal.kind != Kind::Ill => Acted::Refused,
        _ => Acted::Perhaps,
    };
    shared.settle(claim, acted).await;
    made
}

/// Acts on a form that this instance alone knows.
async fn here(ticket: &Arc<Turn<Used>>, sent: [u8; 32], make: impl AsyncFnOnce() -> Served<Told>) -> Served<Told> {
    let mut used = ticket.lock().await;
    match &*used {
        Used::Done(Some((before, told))) if *before == sent => return Ok(told.clone()),
        Used::Done(_) => return Err(ServiceError::new(&SENT_BEFORE)),
        Used::Open => *used = Used::Done(None),
    }
    let made = make().await;
    match &made {
        Ok(told) => {
            *used = Used::Done(Some((sent, told.clone())));
            forget_later(ticket);
        }
        // Perhaps it was done all the same.
        Err(error) if error.refusal.kind == Kind::Ill => {}
        Err(_) => *used = Used::Open,
    }
    made
}

fn forget_later(ticket: &Arc<Turn<Used>>) {
    let ticket = Arc::downgrade(ticket);
    rt::spawn(async move {
        tokio::time::sleep(ANSWER_KEPT).await;
        if let Some(ticket) = ticket.upgrade() {
            *ticket.lock().await = Used::Done(None);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: UserId = UserId(1);
    const OTHER: UserId = UserId(2);

    #[test]
    fn a_ticket_is_good_for_its_user_and_for_half_a_day() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        tickets.add("a", ONE, now);
        assert!(tickets.find("a", ONE, now).is_some());
        assert!(tickets.find("a", OTHER, now).is_none() && tickets.find("b", ONE, now).is_none());
        assert!(tickets.find("a", ONE, now + OPEN_FOR).is_none());
    }

    #[test]
    fn what_is_kept_for_other_instances_is_what_it_was() {
        let unpacked = |told: Told| Told::unpacked(&told.packed());
        let page = unpacked(Told::Page(SecretString::from("apage")));
        assert!(matches!(page, Some(Told::Page(html)) if html.expose_secret() == "apage"));
        assert!(matches!(unpacked(Told::At("/console".to_owned())), Some(Told::At(address)) if address == "/console"));
        assert!(Told::unpacked(&SecretString::from("")).is_none());
    }

    #[test]
    fn who_opens_many_forms_loses_their_own_oldest_and_nobody_fills_the_memory() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        tickets.add("first", ONE, now);
        tickets.add("first", OTHER, now);
        for number in 1..=MOST_EACH {
            tickets.add(&number.to_string(), ONE, now);
        }
        assert!(tickets.find("first", ONE, now).is_none() && tickets.find("1", ONE, now).is_some());
        assert!(tickets.find("first", OTHER, now).is_some());
        for user in 0..MOST {
            tickets.add("x", UserId(10 + i64::try_from(user).unwrap()), now);
        }
        assert_eq!(tickets.here.lock().unwrap().len(), MOST);
    }
}
