//! Language and colours: kept in the browser, and for whoever is signed in with the account. Announcements that were
//! put away: kept in the browser.

use actix_web::HttpResponse;
use actix_web::http::header::REFERER;
use url::Url;

use crate::console::fields::Fields;
use crate::console::notices::{self, DISMISSED_COOKIE};
use crate::console::visit::{LANGUAGE_COOKIE, THEME_COOKIE, Visit};
use crate::services::accounts::{self, ProfileChange};
use crate::services::values::Patch;

/// `POST /preferences {language}, {theme} or {dismissed}` (an announcement that was read): keeps the choice and goes back to the page it was made on.
pub(super) async fn choose(visit: Visit, fields: Fields) -> HttpResponse {
    let language = fields.filled("language").filter(|word| ["en", "zh"].contains(word));
    let theme = fields.filled("theme").filter(|word| ["light", "dark", "system"].contains(word));
    let dismissed = fields.filled("dismissed").filter(|mark| notices::is_mark(mark));
    if let Some(actor) = visit.actor.as_ref().filter(|_| language.is_some() || theme.is_some()) {
        let chosen = |word: Option<&str>| word.map_or(Patch::Absent, |word| Patch::Value(word.to_owned()));
        let change = ProfileChange { language: chosen(language), theme: chosen(theme), ..ProfileChange::default() };
        if let Err(error) = accounts::update_me(visit.services(), actor, change).await {
            return visit.failure(&error);
        }
    }
    let mut response = visit.to(&back(&visit));
    for (name, choice) in [(LANGUAGE_COOKIE, language), (THEME_COOKIE, theme), (DISMISSED_COOKIE, dismissed)] {
        if let Some(choice) = choice {
            response.cookie(visit.choice(name, choice));
        }
    }
    response.finish()
}

/// The page the browser says it comes from, without its host; where that is no address of ours, the start page. A page that was the answer to a form is not there to
/// be opened again, but its address is that of the form.
fn back(visit: &Visit) -> String {
    let referer = visit.request.headers().get(REFERER).and_then(|value| value.to_str().ok());
    let Some(page) = referer.and_then(|address| Url::parse(address).ok()) else { return "/".to_owned() };
    let path = page.path();
    page.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}
