//! Models, mappings, prices, and the square.

use super::claims::Claims;
use super::format::{count, none, number, price};
use super::{Cells, Look};

const WEEK_MS: i64 = 7 * 86_400_000;
const FIGURES: [&str; 5] = ["input_price", "output_price", "cache_read_price", "cache_creation_price", "cache_creation_1h_price"];
/// What the scripted provider lists, by name.
const LISTED: [&str; 8] = [
    "claude-haiku-4-5",
    "claude-opus-4-5",
    "claude-sonnet-4-5",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-5",
    "gpt-5-mini",
    "text-embedding-3-small",
];
const HEADS: [&str; 5] = ["Input", "Output", "Cache read", "Cache write, 5 min", "Cache write, 1 h"];

/// `/admin/models` and `/admin/models/discover`
pub async fn models(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    if look.route.ends_with("discover") {
        return claims;
    }
    // The other address of this page finds none.
    let only = if look.asked("query").is_some() { "false" } else { "true" };
    let all = look.number(&format!("SELECT count(*) FROM catalogue_models WHERE {only}")).await;
    claims.text(".head p", count(all, "model", "models"));
    // What enabled channels name, mappings to them catch or prices name, and the catalogue lacks.
    let found = look.number(
        "SELECT count(DISTINCT model) FROM model_prices p WHERE provider IS NOT NULL AND model NOT IN (SELECT model FROM catalogue_models)",
    );
    let found = found.await;
    if found > 0 {
        claims.text(".acts a[href='/admin/models/discover']", format!("{found} to add"));
    }
    look.foot(&mut claims, all);
    let missing = look
        .rows(
            "SELECT model, CASE provider WHEN 'claude' THEN 'Claude' ELSE 'OpenAI' END, sum(requests), count(*), max(last_at) \
             FROM missing_models GROUP BY provider, model ORDER BY 4 DESC, 3 DESC, 5 DESC",
        )
        .await;
    if !missing.is_empty() {
        let told = missing.iter().map(|row| {
            let last = look.moment(row.number(4), "%Y-%m-%d %H:%M");
            vec![row.text(0), row.text(1), number(row.number(2)), number(row.number(3)), last]
        });
        let heads = ["Model", "Client protocol", "Requests", "Keys", "Last asked for"];
        claims.ordered("section[aria-labelledby=missing] table", &heads, &[], told.collect());
    }
    claims
}

/// `/admin/channels/{id}/models`: what the provider lists and nobody has added, with the prices of the release's list.
pub async fn of_channel(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let list: serde_json::Value = serde_json::from_str(include_str!("../../../src/services/catalogue/price_list.json")).unwrap();
    let kind = look.rows(&format!("SELECT kind FROM channels WHERE id = {}", look.id())).await.remove(0).text(0);
    let known = look.rows(&format!("SELECT model FROM catalogue_models WHERE provider = '{kind}'")).await;
    let known: Vec<String> = known.iter().map(|row| row.text(0)).collect();
    let nanos = |row: &serde_json::Value, name: &str| (row[name].as_f64().unwrap() * 1e9).round() as i64;
    let told = LISTED.iter().filter(|model| !known.contains(&(**model).to_owned())).filter_map(|model| {
        let row = list["rows"].as_array().unwrap().iter().find(|row| row["model"] == *model && row["provider"] == *kind)?;
        let figures = ["inputPricePerMTok", "outputPricePerMTok", "cacheReadPricePerMTok"].map(|name| price(nanos(row, name)));
        Some([(*model).to_owned()].into_iter().chain(figures).collect())
    });
    claims.ordered("#ready-rows", &["Model", "Input", "Output", "Cache read"], &[], told.collect());
    claims
}

/// `/admin/mappings`
pub async fn mappings(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let all = look.number("SELECT count(*) FROM model_mappings").await;
    claims.text(".head p", count(all, "mapping", "mappings"));
    look.foot(&mut claims, all);
    claims
}

/// `/admin/prices`
pub async fn prices(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let scope = "CASE WHEN channel_id IS NULL THEN CASE provider WHEN 'claude' THEN 'All Claude channels' ELSE 'All OpenAI channels' END \
        ELSE (SELECT name FROM channels c WHERE c.id = channel_id) END";
    let sql = format!("SELECT model, {scope}, {}, updated_at FROM model_prices ORDER BY updated_at DESC", FIGURES.join(", "));
    let rows = look.rows(&sql).await;
    let told = rows.iter().map(|row| {
        let mut cells = vec![row.text(0), row.text(1)];
        cells.extend((2..6).map(|at| price(row.number(at))));
        cells.push(price(row.some(6).unwrap_or(row.number(5))));
        cells.push(look.moment(row.number(7), "%Y-%m-%d %H:%M"));
        cells
    });
    let heads: Vec<&str> = ["Model", "Applies to"].into_iter().chain(HEADS).chain(["Changed"]).collect();
    claims.ordered("#list table", &heads, &[], told.collect());
    look.foot(&mut claims, rows.len() as i64);
    unpriced_rows(look, &mut claims, "section[aria-labelledby=unpriced] table").await;
    claims
}

/// `/admin/prices/unpriced`
pub async fn unpriced(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    unpriced_rows(look, &mut claims, "main table").await;
    claims
}

/// What was asked for with success in the last week and has no price: any channel that serves every model may be asked for it.
async fn unpriced_rows(look: &Look<'_>, claims: &mut Claims, table: &str) {
    let sql = format!(
        "SELECT l.model, CASE c.kind WHEN 'claude' THEN 'Claude' ELSE 'OpenAI' END, c.name, count(*) FROM request_log l, channels c \
         WHERE l.ts >= {} AND c.enabled AND c.models = '[]' AND l.model NOT IN (SELECT model FROM model_prices) \
         GROUP BY l.model, c.kind, c.name HAVING sum(CASE WHEN l.ending = 'completed' AND l.status < 400 THEN 1 ELSE 0 END) > 0 \
         ORDER BY 4 DESC",
        look.now - WEEK_MS
    );
    let told =
        look.rows(&sql).await.into_iter().map(|row| {
            vec![row.text(0), row.text(1), row.text(2), if row.number(3) == 0 { none() } else { number(row.number(3)) }]
        });
    let told: Vec<Vec<String>> = told.collect();
    assert!(!told.is_empty(), "nothing is without a price");
    claims.ordered(table, &["Model", "Provider", "Channels", "Requests, 7 days"], &["Requests, 7 days"], told);
}

/// What a request for each model of the catalogue may be billed with at most, after multipliers.
async fn shown_prices(look: &Look<'_>, only: &str) -> Vec<(String, Vec<String>)> {
    let figures = FIGURES.map(|figure| {
        let or = if figure == "cache_creation_1h_price" {
            "coalesce(own.cache_creation_1h_price, own.cache_creation_price, p.cache_creation_1h_price, p.cache_creation_price)"
                .to_owned()
        } else {
            format!("coalesce(own.{figure}, p.{figure})")
        };
        format!("max({or})")
    });
    let sql = format!(
        "SELECT m.model, m.provider, {} FROM catalogue_models m LEFT JOIN channels c ON c.enabled AND c.kind = m.provider \
         LEFT JOIN model_prices p ON p.provider = m.provider AND p.model = m.model \
         LEFT JOIN model_prices own ON own.channel_id = c.id AND own.model = m.model \
         WHERE m.visible AND m.enabled AND {only} GROUP BY m.model, m.provider ORDER BY m.model",
        figures.join(", ")
    );
    let rows = look.rows(&sql).await;
    let mut told = Vec::new();
    for row in rows {
        let by = multiplier(look, &row.text(1)).await;
        told.push((row.text(0), (2..7).map(|at| price(multiplied(&row, at, by))).collect()));
    }
    told
}

/// Billionths: what the site makes of the prices of a provider.
async fn multiplier(look: &Look<'_>, provider: &str) -> i128 {
    let sql = format!("SELECT value FROM settings WHERE name = '{provider}BillingMultiplier'");
    let rows = look.rows(&sql).await;
    rows.first().map_or(1_000_000_000, |row| {
        let (whole, fraction) = row.text(0).split_once('.').map(|(whole, rest)| (whole.to_owned(), rest.to_owned())).unwrap();
        whole.parse::<i128>().unwrap() * 1_000_000_000 + format!("{fraction:0<9}").parse::<i128>().unwrap()
    })
}

fn multiplied(row: &Cells, at: usize, by: i128) -> i64 {
    i64::try_from((i128::from(row.number(at)) * by + 500_000_000) / 1_000_000_000).unwrap()
}

/// `/model-square`
pub async fn square(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let told: Vec<Vec<String>> = shown_prices(look, "true")
        .await
        .into_iter()
        .map(|(model, mut figures)| {
            figures.insert(0, model);
            figures
        })
        .collect();
    let all = told.len() as i64;
    claims.text(".head p", count(all, "model, prices in USD per million tokens", "models, prices in USD per million tokens"));
    let heads: Vec<&str> = ["Model"].into_iter().chain(HEADS).collect();
    claims.table("table.square", &heads, told);
    look.foot(&mut claims, all);
    claims
}

/// `/model-square/model`
pub async fn square_model(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let model = look.asked("name").unwrap();
    let (_, figures) = shown_prices(look, &format!("m.model = '{model}'")).await.remove(0);
    claims.texts("dl.figures dd", figures);
    claims
}

/// `/`
pub async fn front(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let all = look.number("SELECT count(*) FROM catalogue_models WHERE visible AND enabled").await;
    claims.text("[data-figure=models]", count(all, "model", "models"));
    claims
}
