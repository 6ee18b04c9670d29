//! Every figure of overview, keys and logs beside the same figure out of the database.

use crate::books::Books;
use crate::page::{Page, Row};
use crate::pages::Role;
use crate::seed;

/// `1234567` as pages write it.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let cut: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    cut.join(",")
}

/// Nano-dollars as pages write them.
fn usd(nanos: i64, decimals: usize) -> String {
    let rounded =
        format!("{:.decimals$}", (nanos as f64 / 1e9 * 10_f64.powi(decimals as i32)).round() / 10_f64.powi(decimals as i32));
    let (whole, fraction) = rounded.split_once('.').unwrap();
    format!("${}.{fraction}", grouped(whole.parse().unwrap()))
}

fn percent(part: i64, whole: i64) -> String {
    if whole == 0 { "—".to_owned() } else { format!("{:.1}%", part as f64 / whole as f64 * 100.0) }
}

fn duration(ms: i64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10),
        _ => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
    }
}

/// A figure of the overview.
fn figure(page: &Page, name: &str) -> String {
    page.text(&format!("[data-figure={name}]"))
}

/// A table of the overview.
fn table(page: &Page, name: &str) -> Vec<Row> {
    page.rows_of(&format!("section[aria-labelledby='{name}'] table"))
}

async fn numbers(books: &Books, sql: &str) -> Vec<i64> {
    let rows = books.rows(sql).await;
    rows.into_iter().flatten().map(|cell| cell.unwrap_or_default().parse().unwrap()).collect()
}

/// The value at a percentage of the way through what a query finds, smallest first.
async fn percentile(books: &Books, column: &str, rows: &str, percent: i64) -> String {
    let count = books.number(&format!("SELECT count({column}) FROM request_log {rows}")).await;
    let before = (count * percent + 99) / 100 - 1;
    let sql =
        format!("SELECT {column} FROM request_log {rows} AND {column} IS NOT NULL ORDER BY {column} LIMIT 1 OFFSET {before}");
    duration(books.number(&sql).await)
}

const SUMS: &str = "count(*), sum(ending = 'completed' AND status < 400), sum(tokens_out), sum(cost_nanos)";

async fn overview_is_right(books: &Books, page: &Page, whose: &str) {
    let rows = format!("WHERE {whose}");
    let all = numbers(
        books,
        &format!(
            "SELECT {SUMS}, sum(tokens_in), sum(cache_read_tokens), \
        sum(cache_creation_5m_tokens + cache_creation_1h_tokens) FROM request_log {rows}"
        ),
    )
    .await;
    let [requests, good, output, cost, uncached, cached, written] = all[..] else { unreachable!("seven columns") };
    let input = uncached + cached + written;
    assert_eq!(figure(page, "requests"), grouped(requests));
    assert_eq!(figure(page, "success"), percent(good, requests));
    assert_eq!(figure(page, "tokens"), grouped(input + output));
    assert_eq!(figure(page, "cost"), usd(cost, 4));
    assert_eq!(figure(page, "cached"), percent(cached, input));
    assert_eq!(figure(page, "duration"), percentile(books, "duration_ms", &format!("{rows} AND ending = 'completed'"), 50).await);
    let below = page.texts(".stat dd .d");
    let slow = percentile(books, "duration_ms", &format!("{rows} AND ending = 'completed'"), 95).await;
    assert!(below.last().unwrap().contains(&slow), "{below:?} without {slow}");

    let models = books
        .rows(&format!("SELECT model, {SUMS} FROM request_log {rows} GROUP BY model ORDER BY sum(cost_nanos) DESC, 2 DESC"))
        .await;
    let shown = table(page, "models");
    assert_eq!(shown.len(), models.len());
    for (shown, known) in shown.iter().zip(&models) {
        assert_eq!(shown.cell("Model"), known[0].as_deref().unwrap());
        sums_are_right(shown, &known[1..]);
    }
    let keys = books
        .rows(&format!("SELECT key_name, {SUMS} FROM request_log {rows} GROUP BY key_id ORDER BY sum(cost_nanos) DESC"))
        .await;
    let shown = table(page, "keys");
    assert_eq!(shown.len(), keys.len());
    for (shown, known) in shown.iter().zip(&keys) {
        assert!(shown.cells()[0].contains(known[0].as_deref().unwrap()), "{shown:?} beside {known:?}");
        sums_are_right(shown, &known[1..]);
    }
}

fn sums_are_right(shown: &Row, known: &[Option<String>]) {
    let known: Vec<i64> = known.iter().map(|cell| cell.as_deref().unwrap().parse().unwrap()).collect();
    let [requests, good, output, cost] = known[..] else { unreachable!("four columns") };
    let cells = [shown.cell("Requests"), shown.cell("Success rate"), shown.cell("Output"), shown.cell("Cost")];
    assert_eq!(cells, [grouped(requests), percent(good, requests), grouped(output), usd(cost, 4)]);
}

#[actix_web::test]
async fn the_figures_of_the_overviews_are_those_of_the_database() {
    let world = seed::lived_in().await;
    let books = world.books();
    let (user, me) = (world.user().await, Role::User.id(&books).await);
    let own = user.get("/console?range=24h").await.shown();
    overview_is_right(&books, &own, &format!("user_id = {me}")).await;
    let balance = books.number(&format!("SELECT quota_nanos - used_nanos FROM users WHERE id = {me}")).await;
    assert_eq!(figure(&own, "balance"), usd(balance, 2));
    assert_eq!(balance, books.number(&format!("SELECT sum(amount_nanos) FROM ledger WHERE user_id = {me}")).await);

    let of_all = world.admin().await.get("/admin?range=24h").await.shown();
    overview_is_right(&books, &of_all, "true").await;
    let first = percentile(&books, "ttft_ms", "WHERE ending = 'completed' AND stream", 50).await;
    assert_eq!(figure(&of_all, "ttft"), first);
    let channels = "SELECT coalesce(channel_name, 'None answered'), count(*), sum(cost_nanos), CAST(round(avg(duration_ms)) AS INTEGER) \
        FROM request_log GROUP BY channel_id ORDER BY sum(cost_nanos) DESC, 2 DESC";
    let (known, shown) = (books.rows(channels).await, table(&of_all, "channels"));
    assert_eq!(shown.len(), known.len());
    for (shown, known) in shown.iter().zip(&known) {
        let number = |at: usize| known[at].as_deref().unwrap().parse::<i64>().unwrap();
        let cells = [shown.cell("Requests"), shown.cell("Cost")];
        assert_eq!(cells, [grouped(number(1)), usd(number(2), 4)], "{known:?}");
    }
    let users = "SELECT username, count(*), sum(tokens_in + tokens_out + cache_read_tokens + cache_creation_5m_tokens + \
        cache_creation_1h_tokens), sum(cost_nanos) FROM request_log GROUP BY user_id ORDER BY sum(cost_nanos) DESC";
    for (shown, known) in table(&of_all, "users").iter().zip(books.rows(users).await) {
        let number = |at: usize| known[at].as_deref().unwrap().parse::<i64>().unwrap();
        let cells = [shown.cell("User"), shown.cell("Requests"), shown.cell("Tokens"), shown.cell("Cost")];
        assert_eq!(cells, [known[0].clone().unwrap(), grouped(number(1)), grouped(number(2)), usd(number(3), 4)]);
    }
    let owners = "SELECT key_name, username FROM request_log GROUP BY key_id ORDER BY sum(cost_nanos) DESC, count(*) DESC";
    for (shown, known) in table(&of_all, "keys").iter().zip(books.rows(owners).await) {
        assert_eq!([shown.cell("Key"), shown.cell("User")], [known[0].as_deref().unwrap(), known[1].as_deref().unwrap()]);
    }
    assert!(of_all.has("[data-figure=requests] ~ .spark polyline"), "{of_all}");
    let failed = "SELECT status, count(*) FROM request_log WHERE NOT (ending = 'completed' AND status < 400) GROUP BY ending, status \
        ORDER BY 2 DESC, 1";
    let mut known: Vec<Vec<String>> =
        books.rows(failed).await.into_iter().map(|row| row.into_iter().flatten().collect()).collect();
    let mut shown: Vec<Vec<String>> =
        table(&of_all, "errors").iter().map(|row| vec![row.cell("Status").to_owned(), row.cell("Requests").to_owned()]).collect();
    known.sort();
    shown.sort();
    assert_eq!(shown, known);
    let spoken: i64 = table(&of_all, "protocols").iter().map(|row| row.cell("Requests").parse::<i64>().unwrap()).sum();
    assert_eq!(spoken, books.number("SELECT count(*) FROM request_log").await);
}

#[actix_web::test]
async fn the_rows_of_keys_and_logs_are_those_of_the_database() {
    let world = seed::lived_in().await;
    let books = world.books();
    let (user, me) = (world.user().await, Role::User.id(&books).await);
    let keys = user.get("/console/keys").await.shown();
    // What was read from a cache counts for the bill and not for the tokens of a day.
    let spent = "SELECT coalesce(sum(l.cost_nanos), 0), coalesce(sum(l.tokens_in + l.tokens_out + l.cache_creation_5m_tokens + \
        l.cache_creation_1h_tokens), 0)";
    for row in keys.rows() {
        let name = row.cells()[0].split("sk-relay").next().unwrap().trim().to_owned();
        let sql =
            format!("{spent} FROM request_log l JOIN api_keys k ON k.id = l.key_id WHERE k.name = '{name}' AND k.user_id = {me}");
        let known = numbers(&books, &sql).await;
        assert_eq!(
            (row.cell("Spent"), row.cell("Tokens today")),
            (usd(known[0], 4).as_str(), grouped(known[1]).as_str()),
            "{name}"
        );
    }
    let columns = "SELECT model, duration_ms, tokens_in, cache_read_tokens, tokens_out, cost_nanos, ttft_ms, key_name, channel_name, \
        username FROM request_log";
    let (own, all) = (user.get("/console/logs").await.shown(), world.admin().await.get("/admin/logs").await.shown());
    let own_rows = books.rows(&format!("{columns} WHERE user_id = {me} ORDER BY ts DESC, id DESC")).await;
    let all_rows = books.rows(&format!("{columns} ORDER BY ts DESC, id DESC")).await;
    for (page, known, of_all) in [(own, own_rows, false), (all, all_rows, true)] {
        assert_eq!(page.rows().len(), known.len());
        for (shown, known) in page.rows().iter().zip(&known) {
            let number = |at: usize| known[at].as_deref().map(|number| number.parse::<i64>().unwrap());
            let text = |at: usize| known[at].clone().unwrap_or("—".to_owned());
            assert!(shown.cell("Model").starts_with(&text(0)), "{shown:?}");
            let cells =
                [shown.cell("Duration"), shown.cell("Input"), shown.cell("Cached"), shown.cell("Output"), shown.cell("Cost")];
            let right = [
                duration(number(1).unwrap()),
                grouped(number(2).unwrap()),
                grouped(number(3).unwrap()),
                grouped(number(4).unwrap()),
                usd(number(5).unwrap(), 6),
            ];
            assert_eq!(cells, right);
            assert_eq!(shown.cell("First output"), number(6).map_or("—".to_owned(), duration));
            if of_all {
                assert_eq!(
                    (shown.cell("User / key"), shown.cell("Channel")),
                    (format!("{} / {}", text(9), text(7)).as_str(), text(8).as_str())
                );
            } else {
                assert_eq!(shown.cell("Key"), text(7));
            }
        }
    }
}
