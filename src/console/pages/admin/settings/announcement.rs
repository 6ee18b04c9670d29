//! The announcement: written, looked at as visitors will see it, then saved.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use minijinja::context;
use serde::Serialize;

use super::{Typed, problem, table};
use crate::console::fields::Fields;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit, status_of};
use crate::services::site::{self, SettingsPatch};
use crate::services::{Served, ServiceError, Services};

/// The group of settings that this page is about.
const GROUP: &str = "announcement";

/// `GET /admin/announcement`
pub(super) async fn page(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    show(&visit, None, None).await.unwrap_or_else(|error| visit.failure(&error))
}

/// `POST /admin/announcement`: saves it; with `preview`, only shows it.
pub(super) async fn save(Admin(SignedIn { visit, actor }): Admin, fields: Fields) -> HttpResponse {
    if fields.filled("preview").is_some() {
        return show(&visit, Some(&fields), None).await.unwrap_or_else(|error| visit.failure(&error));
    }
    let saved = match patch(visit.services(), &fields) {
        Ok(patch) => site::update(visit.services(), &actor, patch).await,
        Err(error) => Err(error),
    };
    let answer = match saved {
        Ok(_) => return visit.to("/admin/announcement?done=saved").finish(),
        Err(error) => show(&visit, Some(&fields), Some(&error)).await,
    };
    answer.unwrap_or_else(|error| visit.failure(&error))
}

fn patch(services: &Services, fields: &Fields) -> Served<SettingsPatch> {
    match table::group(GROUP) {
        Some(group) => Typed { group, fields }.patch(services),
        None => SettingsPatch::of_texts(services, []),
    }
}

/// The announcement as a form shows it.
#[derive(Default, Serialize)]
struct Draft {
    enabled: bool,
    mode: String,
    title: String,
    html: String,
}

async fn show(visit: &Visit, typed: Option<&Fields>, error: Option<&ServiceError>) -> Served<HttpResponse> {
    let draft = match typed {
        Some(fields) => Draft {
            enabled: fields.all("announcementEnabled").iter().any(|word| word == "true"),
            mode: fields.text("announcementMode").to_owned(),
            title: fields.text("announcementTitle").to_owned(),
            html: fields.text("announcementHtml").to_owned(),
        },
        None => stored(visit).await?,
    };
    let values = context! {
        preview => site::announced(&draft.html),
        draft => shown(&draft),
        previewed => typed.is_some() && error.is_none(),
        problem => error.map(|error| shown(&problem(visit, error))),
    };
    Ok(visit.page(error.map_or(StatusCode::OK, status_of), "settings/announcement.html", values))
}

async fn stored(visit: &Visit) -> Served<Draft> {
    let mut draft = Draft::default();
    for text in site::texts(visit.services()).await? {
        match text.key {
            "announcementEnabled" => draft.enabled = text.value == "true",
            "announcementMode" => draft.mode = text.value,
            "announcementTitle" => draft.title = text.value,
            "announcementHtml" => draft.html = text.value,
            _ => {}
        }
    }
    Ok(draft)
}
