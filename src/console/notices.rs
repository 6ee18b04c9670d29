//! What every page says above itself: that maintenance is on, and the announcement.

use actors::vocabulary::Settings;
use minijinja::{Value, context};

use super::render::shown;
use super::visit::Visit;
use crate::secrets;
use crate::services::site;

/// The cookie that remembers which announcement a browser has seen and put away.
pub(super) const DISMISSED_COOKIE: &str = "announcement";
/// Characters of an announcement's mark.
const MARK: usize = 16;

/// The notices of a page, for the template.
pub(super) fn of(visit: &Visit, settings: &Settings) -> Value {
    let maintenance = settings.maintenance_mode.then(|| settings.maintenance_message.clone().unwrap_or_default());
    context! { maintenance, announcement => announcement(visit, settings) }
}

/// The announcement, where it belongs and until it was put away.
fn announcement(visit: &Visit, settings: &Settings) -> Option<Value> {
    if visit.of_all() || !settings.announcement_enabled {
        return None;
    }
    let mark = mark(settings);
    if visit.request.cookie(DISMISSED_COOKIE).is_some_and(|cookie| cookie.value() == mark) {
        return None;
    }
    let announcement = site::announcement(settings)?;
    Some(context! { mark, ..shown(&announcement) })
}

/// Differs whenever the announcement says something else, or says it in another way.
fn mark(settings: &Settings) -> String {
    let parts = ["announcementMode", "announcementTitle", "announcementHtml"].map(|key| settings.get(key).flatten());
    let mut mark = secrets::hex(&secrets::digest(&format!("{parts:?}")));
    mark.truncate(MARK);
    mark
}

/// Whether this may be the mark of an announcement.
pub(super) fn is_mark(text: &str) -> bool {
    text.len() == MARK && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
