//! What has digits on a page and is no figure.

use std::collections::BTreeSet;

use crate::books::Books;
use crate::texts;

/// Elements in which digits are no figures, each with the reason.
const ELSEWHERE: &[(&str, &str)] = &[
    ("input, select, textarea, datalist", "what forms hold is compared where forms are tested"),
    ("code, pre", "code"),
    (".mono", "identifiers: addresses, keys, routes"),
    (".seg", "the names of ranges and paces"),
    ("form.pop", "a form"),
    ("template", "not shown"),
    (".docs [aria-labelledby=errors] td.tn", "statuses of HTTP, of which the guide tells"),
    (".snippet summary", "versions of programs"),
];

/// What is no figure on this gateway's pages.
pub struct Exempt {
    /// Names that people, providers and the gateway gave, the longest first.
    names: Vec<String>,
}

impl Exempt {
    pub async fn of(books: &Books) -> Self {
        let mut names: BTreeSet<String> = texts::said("en").into_values().filter(|said| !said.contains('{')).collect();
        for sql in [
            "SELECT DISTINCT model FROM request_log UNION SELECT model FROM catalogue_models UNION SELECT model FROM model_prices",
            "SELECT model FROM model_mapping_inbounds UNION SELECT upstream_model FROM model_mappings UNION SELECT name FROM channels",
            "SELECT display_name FROM catalogue_models UNION SELECT name FROM api_keys UNION SELECT email FROM users",
            "SELECT base_url FROM channels UNION SELECT replace(base_url, 'http://', '') FROM channels",
            "SELECT DISTINCT client_ip FROM audit UNION SELECT DISTINCT client_ip FROM sessions",
            "SELECT error FROM channel_tests UNION SELECT error FROM request_log",
        ] {
            names.extend(books.rows(sql).await.into_iter().flatten().flatten());
        }
        let mut names: Vec<String> = names.into_iter().filter(|name| name.contains(digit)).collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self { names }
    }

    pub fn selectors(&self) -> impl Iterator<Item = &'static str> {
        ELSEWHERE.iter().map(|(selector, _)| *selector)
    }

    /// Whether digits are left of a text without its times and names.
    pub fn has_figures(&self, text: &str) -> bool {
        if !text.contains(digit) {
            return false;
        }
        let mut rest = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for name in &self.names {
            rest = rest.replace(name.as_str(), "");
        }
        without_times(&rest).contains(digit)
    }
}

fn digit(letter: char) -> bool {
    letter.is_ascii_digit()
}

/// Without what reads like a day or a time of day; times are compared where lists are.
fn without_times(text: &str) -> String {
    let words = text.split(' ').filter(|word| {
        let shape: String = word.chars().map(|letter| if digit(letter) { '0' } else { letter }).collect();
        !["0000-00-00", "00-00", "00:00", "00:00:00"].contains(&shape.trim_matches([',', '.', '–', ';']))
    });
    words.collect::<Vec<_>>().join(" ")
}
