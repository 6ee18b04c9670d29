//! The site's settings: all of them in groups, each saved as a whole.

mod announcement;
mod choices;
mod table;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::context;
use serde::Serialize;

use self::table::{GROUPS, Group, Input};
use crate::console::fields::{Fields, Problem};
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit, status_of};
use crate::services::error::{BAD_FIELD, NOT_FOUND};
use crate::services::site::{self, SettingText, SettingsPatch};
use crate::services::{Served, ServiceError, Services};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/settings", web::get().to(page))
        .route("/admin/settings/{group}", web::post().to(save))
        .route("/admin/announcement", web::get().to(announcement::page))
        .route("/admin/announcement", web::post().to(announcement::save));
}

/// `GET /admin/settings?query=`
async fn page(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    show(&visit, None, None).await.unwrap_or_else(|error| visit.failure(&error))
}

/// `POST /admin/settings/{group}`: saves what was changed in it; with `reset`, fills in a default to be saved.
async fn save(Admin(SignedIn { visit, actor }): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    let Some(group) = table::group(&path) else { return visit.failure(&ServiceError::new(&NOT_FOUND)) };
    let typed = Typed { group, fields: &fields };
    let saved = match typed.patch(visit.services()) {
        _ if fields.filled("reset").is_some() => Ok(None),
        Ok(patch) => site::update(visit.services(), &actor, patch).await.map(Some),
        Err(error) => Err(error),
    };
    let answer = match saved {
        Ok(Some(_)) => return visit.to(&address(&visit, group)).finish(),
        Ok(None) => show(&visit, Some(&typed), None).await,
        Err(error) => show(&visit, Some(&typed), Some(&error)).await,
    };
    answer.unwrap_or_else(|error| visit.failure(&error))
}

/// Where a saved group is seen.
fn address(visit: &Visit, group: &Group) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(search) = visit.asked("query") {
        query.append_pair("query", &search);
    }
    format!("/admin/settings?{}#group-{}", query.append_pair("done", "saved").finish(), group.name)
}

/// A group as it was sent.
struct Typed<'a> {
    group: &'static Group,
    fields: &'a Fields,
}

impl Typed<'_> {
    /// What was typed for a setting; none where the form did not have it.
    fn text(&self, key: &str, input: Input) -> Option<String> {
        match (input, self.fields.all(key)) {
            (_, []) => None,
            (Input::Switch, sent) => Some(sent.iter().any(|word| word == "true").to_string()),
            (_, [first, ..]) => Some(first.clone()),
        }
    }

    /// What differs from what the form was made with: somebody else's changes since then stay.
    fn patch(&self, services: &Services) -> Served<SettingsPatch> {
        let changed = |&(key, input): &(&'static str, Input)| {
            let text = input.read(&self.text(key, input)?);
            let before = self.fields.all(&format!("was-{key}")).first().map(|before| input.read(before));
            (before.as_ref() != Some(&text)).then(|| (key, Some(text).filter(|text| !text.is_empty())))
        };
        SettingsPatch::of_texts(services, self.group.settings.iter().filter_map(changed))
    }
}

/// A setting on the page.
#[derive(Serialize)]
struct Row {
    key: &'static str,
    control: &'static str,
    unit: Option<&'static str>,
    words: &'static [&'static str],
    /// What the field holds: what was typed, else what is in force.
    text: String,
    /// What was in force when the form was made.
    was: String,
    default: String,
    /// Whether the default was filled in and waits to be saved.
    filled_in: bool,
}

/// A group on the page.
#[derive(Serialize)]
struct Section {
    name: &'static str,
    title: &'static str,
    rows: Vec<Row>,
}

async fn show(visit: &Visit, typed: Option<&Typed<'_>>, error: Option<&ServiceError>) -> Served<HttpResponse> {
    let texts = site::texts(visit.services()).await?;
    let search = visit.asked("query");
    let sections = sections(visit, &texts, search.as_deref(), typed);
    let values = context! {
        choices => choices::all(visit.services()).await?,
        found => sections.iter().map(|section| section.rows.len()).sum::<usize>(),
        sections => shown(&sections),
        search,
        idle_fallback => has_idle_fallback(&texts),
        sent => typed.map(|typed| typed.group.name),
        problem => error.map(|error| shown(&problem(visit, error))),
    };
    Ok(visit.page(error.map_or(StatusCode::OK, status_of), "settings/page.html", values))
}

fn sections(visit: &Visit, texts: &[SettingText], search: Option<&str>, typed: Option<&Typed<'_>>) -> Vec<Section> {
    let voice = visit.console.renderer.voice(visit.language);
    let wanted: Vec<String> = search.unwrap_or_default().to_lowercase().split_whitespace().map(str::to_owned).collect();
    let is_wanted = |group: &Group, key: &str| {
        let said = [key, &voice.say(&format!("field-{key}")), &voice.say(&format!("setting-{key}")), &voice.say(group.title)];
        let said = said.join(" ").to_lowercase();
        wanted.iter().all(|word| said.contains(word.as_str()))
    };
    let section = |group: &'static Group| {
        let typed = typed.filter(|typed| typed.group.name == group.name);
        let settings = group.settings.iter().filter(|(key, _)| is_wanted(group, key));
        let rows = settings.filter_map(|(key, input)| Some(row(texts.iter().find(|text| text.key == *key)?, *input, typed)));
        Section { name: group.name, title: group.title, rows: rows.collect() }
    };
    GROUPS.iter().map(section).filter(|section| !section.rows.is_empty()).collect()
}

fn row(text: &SettingText, input: Input, typed: Option<&Typed<'_>>) -> Row {
    let filled_in = typed.is_some_and(|typed| typed.fields.text("reset") == text.key);
    let typed_text = typed.and_then(|typed| typed.text(text.key, input));
    let was = typed.and_then(|typed| typed.fields.all(&format!("was-{}", text.key)).first().cloned());
    Row {
        key: text.key,
        control: input.control(),
        unit: input.unit(),
        words: input.words(),
        text: if filled_in { text.default.clone() } else { typed_text.unwrap_or_else(|| text.value.clone()) },
        was: was.unwrap_or_else(|| text.value.clone()),
        default: text.default.clone(),
        filled_in,
    }
}

/// Whether a last resort is switched on that cannot do anything yet.
fn has_idle_fallback(texts: &[SettingText]) -> bool {
    let text = |key: String| texts.iter().find(|text| text.key == key).map_or("", |text| text.value.as_str());
    ["claude", "openai"].into_iter().any(|family| {
        let is_empty = |part: &&str| text(format!("{family}{part}")).is_empty();
        text(format!("{family}FallbackEnabled")) == "true" && ["FallbackChannelId", "FallbackModel"].iter().any(is_empty)
    })
}

/// The problem in words that fit the input.
fn problem(visit: &Visit, error: &ServiceError) -> Problem {
    let input = error.field.as_deref().and_then(table::input).filter(|_| std::ptr::eq(error.refusal, &BAD_FIELD));
    match input {
        Some(input) => Problem { field: error.field.clone(), message: visit.say(input.right()) },
        None => Problem::of(visit, error),
    }
}
