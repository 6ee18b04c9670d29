//! What settings can be chosen from: time zones, channels, models.

use jiff::tz;
use minijinja::{Value, context};

use crate::console::render::shown;
use crate::services::catalogue::models::{self, ModelQuery};
use crate::services::channels::{self, ChannelQuery};
use crate::services::values::{ListQuery, Page};
use crate::services::{Served, Services};

/// Pages of a list that are read at most: more would be no choice for people.
const MOST_PAGES: i64 = 10;

/// All choices, for the template.
pub(super) async fn all(services: &Services) -> Served<Value> {
    let channels = whole("name", async |asked| channels::list(services, &asked, ChannelQuery::default()).await).await?;
    let channel_ids: Vec<String> = channels.iter().map(|channel| channel.id.to_string()).collect();
    let mut models: Vec<String> = whole("model", async |asked| models::list(services, &asked, ModelQuery::default()).await)
        .await?
        .into_iter()
        .map(|model| model.model)
        .collect();
    models.sort();
    models.dedup();
    let mut zones: Vec<String> = tz::db().available().map(|zone| zone.to_string()).collect();
    zones.sort();
    Ok(context! { channels => shown(&channels), channel_ids, models => shown(&models), zones => shown(&zones) })
}

async fn whole<T>(sort: &str, list: impl AsyncFn(ListQuery) -> Served<Page<T>>) -> Served<Vec<T>> {
    let mut rows = Vec::new();
    for page in 1..=MOST_PAGES {
        let (sort, sort_dir) = (Some(sort.to_owned()), Some("asc".to_owned()));
        let found = list(ListQuery { page: Some(page), page_size: Some(100), sort, sort_dir, query: None }).await?;
        let (empty, total) = (found.rows.is_empty(), found.total);
        rows.extend(found.rows);
        if empty || i64::try_from(rows.len()).is_ok_and(|read| read >= total) {
            break;
        }
    }
    Ok(rows)
}
