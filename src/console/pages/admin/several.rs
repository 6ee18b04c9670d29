//! Lists whose rows are acted on one by one or several at once: what was chosen, and the way back to the list.

use std::collections::BTreeSet;
use std::fmt::Display;

use actix_web::HttpResponse;
use actix_web::http::header::REFERER;
use minijinja::{Value, context};
use url::{Url, form_urlencoded};

use crate::console::fields::Fields;
use crate::console::visit::Visit;
use crate::services::error::NOT_FOUND;
use crate::services::values::check;
use crate::services::{Served, ServiceError};

/// Rows that are acted on at once: more than a page has.
const MOST_CHOSEN: usize = 100;

/// The rows that were chosen, each once.
pub(super) fn chosen(fields: &Fields) -> Served<BTreeSet<i64>> {
    let chosen: BTreeSet<i64> = fields.all("id").iter().filter_map(|id| id.parse().ok()).collect();
    if chosen.len() > MOST_CHOSEN { Err(check::bad("id", format!("at most {MOST_CHOSEN} rows"))) } else { Ok(chosen) }
}

/// What becomes of each row; those that are gone are passed over.
pub(super) async fn each<T>(chosen: &BTreeSet<i64>, act: impl AsyncFn(i64) -> Served<T>) -> Served<Vec<T>> {
    let mut done = Vec::with_capacity(chosen.len());
    for id in chosen {
        match act(*id).await {
            Ok(one) => done.push(one),
            Err(error) if std::ptr::eq(error.refusal, &NOT_FOUND) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Goes back to the list, as it was filtered, with what was done to how many.
pub(super) fn back(visit: &Visit, fields: &Fields, list: &str, what: &str, count: impl Display) -> HttpResponse {
    visit.to(&way_back(fields, list, what, count)).finish()
}

/// The list, as it was filtered, with what was done to how many.
pub(super) fn way_back(fields: &Fields, list: &str, what: &str, count: impl Display) -> String {
    let address = fields.filled("back").and_then(|address| within(list, address)).unwrap_or_else(|| list.to_owned());
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}done={what}.{count}")
}

/// The list's address that a form was opened from, for the form to send along; empty when it was opened by itself.
pub(super) fn came_from(visit: &Visit, fields: &Fields, list: &str) -> String {
    let referer = visit.request.headers().get(REFERER).and_then(|value| value.to_str().ok());
    let page = referer.and_then(|address| Url::parse(address).ok());
    let opened_at = page.map(|page| format!("{}?{}", page.path(), page.query().unwrap_or_default()));
    fields.filled("back").map(str::to_owned).or(opened_at).and_then(|address| within(list, &address)).unwrap_or_default()
}

/// An address of this very list, without what was done there before.
fn within(list: &str, address: &str) -> Option<String> {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    if path != list {
        return None;
    }
    let kept = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "done");
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    Some(if query.is_empty() { list.to_owned() } else { format!("{list}?{query}") })
}

/// What was done to how many, and how many it could not be done to, for the message above the list.
pub(super) fn done(visit: &Visit) -> Value {
    let said = visit.asked("done").unwrap_or_default();
    let (what, counts) = said.split_once('.').unwrap_or((&said, "1"));
    let (count, kept) = counts.split_once('.').unwrap_or((counts, "0"));
    let (count, kept): (i64, i64) = (count.parse().unwrap_or(1), kept.parse().unwrap_or(0));
    context! { what, count, kept }
}

/// A choice the form does not offer.
pub(super) fn no_such_act() -> ServiceError {
    check::bad("act", "one of the buttons")
}
