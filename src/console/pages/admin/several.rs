//! Lists whose rows are acted on one by one or several at once: what was chosen, and the way back to the list.

use actix_web::HttpResponse;
use minijinja::{Value, context};

use crate::console::fields::Fields;
use crate::console::visit::Visit;
use crate::services::error::NOT_FOUND;
use crate::services::{Served, ServiceError};

/// The rows that were chosen.
pub(super) fn chosen(fields: &Fields) -> Vec<i64> {
    fields.all("id").iter().filter_map(|id| id.parse().ok()).collect()
}

/// Counts one thing that was done; what is gone is passed over.
pub(super) fn count<T>(done: Served<T>) -> Served<i64> {
    match done {
        Ok(_) => Ok(1),
        Err(error) if std::ptr::eq(error.refusal, &NOT_FOUND) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Goes back to the list, as it was filtered, with what was done to how many.
pub(super) fn back(visit: &Visit, fields: &Fields, list: &str, what: &str, count: i64) -> HttpResponse {
    let same = |address: &&str| address.strip_prefix(list).is_some_and(|rest| rest.is_empty() || rest.starts_with('?'));
    let address = fields.filled("back").filter(same).filter(|address| !address.contains(['\r', '\n', '\\'])).unwrap_or(list);
    let joint = if address.contains('?') { '&' } else { '?' };
    visit.to(&format!("{address}{joint}done={what}.{count}")).finish()
}

/// What was done, for the message above the list.
pub(super) fn done(visit: &Visit) -> Value {
    let said = visit.asked("done").unwrap_or_default();
    let (what, count) = said.split_once('.').unwrap_or((&said, "1"));
    let count: i64 = count.parse().unwrap_or(1);
    context! { what, count }
}

/// A choice the form does not offer.
pub(super) fn no_such_act() -> ServiceError {
    crate::services::values::check::bad("act", "one of the buttons")
}
