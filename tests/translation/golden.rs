//! Every golden case holds, and every row of the documentation has one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use actors::vocabulary::Protocol;
use serde_json::Value;

use super::case::{self, Case};

/// Where two values differ first, as a path.
fn difference(path: &str, wanted: &Value, got: &Value) -> Option<String> {
    match (wanted, got) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter().find_map(|key| {
                let missing = &Value::String("(absent)".to_owned());
                difference(&format!("{path}.{key}"), a.get(key).unwrap_or(missing), b.get(key).unwrap_or(missing))
            })
        }
        (Value::Array(a), Value::Array(b)) => {
            let missing = &Value::String("(absent)".to_owned());
            (0..a.len().max(b.len())).find_map(|place| {
                let (a, b) = (a.get(place).unwrap_or(missing), b.get(place).unwrap_or(missing));
                difference(&format!("{path}[{place}]"), a, b)
            })
        }
        _ if wanted == got => None,
        _ => Some(format!("{path}: wanted {wanted}, got {got}")),
    }
}

fn failures(case: &Case) -> Vec<String> {
    let mut failures = Vec::new();
    match (case.convert(), &case.refused) {
        (Err(refusal), Some(field)) if refusal.field == *field => return failures,
        (Err(refusal), wanted) => return vec![format!("refused with {refusal}, wanted {wanted:?}")],
        (Ok(_), Some(field)) => return vec![format!("was not refused; {field} should be")],
        (Ok(converted), None) => {
            let body: Value = serde_json::from_slice(&converted.body).unwrap();
            let wanted = case.upstream_request.as_ref().expect("a case says what the upstream gets, or what is refused");
            failures.extend(difference("upstream_request", wanted, &body));
            let got = converted.left_out.to_string();
            let got: BTreeSet<&str> = got.split(", ").filter(|name| !name.is_empty()).collect();
            let wanted: BTreeSet<&str> = case.left_out.iter().map(String::as_str).collect();
            if wanted != got {
                failures.push(format!("left_out: wanted {wanted:?}, got {got:?}"));
            }
        }
    }
    let stream = || Value::Array(case.stream.clone().unwrap());
    if let Some(upstream) = &case.upstream_answer {
        failures.extend(difference("answer", &case.answer.clone().unwrap_or_else(stream), &case.told_whole(upstream)));
    }
    if let Some(upstream) = &case.upstream_stream {
        failures.extend(difference("stream", &stream(), &case.told_stream(upstream)));
    }
    if let Some(upstream) = &case.upstream_error {
        failures.extend(difference("error", case.error.as_ref().unwrap(), &case.told_error(upstream)));
    }
    failures
}

/// What comes out of a case now, in the place of what should: for a new case, whose outcome is then read, or a changed rule.
fn written_anew(path: &Path, case: &Case) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut file: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    for name in ["upstream_request", "refused", "left_out"] {
        file.shift_remove(name);
    }
    match case.convert() {
        Err(refusal) => {
            file.insert("refused".to_owned(), refusal.field.into());
        }
        Ok(converted) => {
            file.insert("upstream_request".to_owned(), serde_json::from_slice(&converted.body).unwrap());
            let left_out = converted.left_out.to_string();
            let left_out: Vec<&str> = left_out.split(", ").filter(|name| !name.is_empty()).collect();
            if !left_out.is_empty() {
                file.insert("left_out".to_owned(), left_out.into());
            }
            if let Some(upstream) = &case.upstream_answer {
                let name = if case.answer.is_some() { "answer" } else { "stream" };
                file.insert(name.to_owned(), case.told_whole(upstream));
            }
            if let Some(upstream) = &case.upstream_stream {
                file.insert("stream".to_owned(), case.told_stream(upstream));
            }
        }
    }
    let mut bytes = Vec::new();
    let mut pretty = serde_json::Serializer::with_formatter(&mut bytes, serde_json::ser::PrettyFormatter::with_indent(b" "));
    serde::Serialize::serialize(&file, &mut pretty).unwrap();
    bytes.push(b'\n');
    std::fs::write(path, bytes).unwrap();
}

/// With `GOLDEN_WRITE` set, cases that fail or are new are written anew first; their changes are to be read like code.
#[test]
fn every_golden_case_holds() {
    if std::env::var_os("GOLDEN_WRITE").is_some() {
        for (path, case) in case::all() {
            let is_new = case.upstream_request.is_none() && case.refused.is_none();
            if is_new || !failures(&case).is_empty() {
                written_anew(&path, &case);
            }
        }
    }
    let mut report = String::new();
    for (path, case) in case::all() {
        for failure in failures(&case) {
            writeln!(report, "{}: {failure}", path.file_name().unwrap().to_string_lossy()).unwrap();
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conversion.md")).unwrap()
}

/// The name of a table's row, which stands in its first cell.
fn row(line: &str) -> Option<&str> {
    Some(line.strip_prefix("| `")?.split_once('`')?.0)
}

/// The protocol named at the beginning of a heading or of a column's head.
fn protocol(words: &str) -> Option<Protocol> {
    let names =
        [("Messages", Protocol::Messages), ("Chat Completions", Protocol::ChatCompletions), ("Responses", Protocol::Responses)];
    names.into_iter().find(|(name, _)| words.trim().starts_with(name)).map(|(_, protocol)| protocol)
}

/// Which rows speak of which directions: those with more than a dash in the direction's column.
fn directions(page: &str) -> Vec<(&str, Protocol, Protocol)> {
    let (mut section, mut columns, mut spoken) = (None, Vec::new(), Vec::new());
    for line in page.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        if let Some(heading) = line.strip_prefix("## ") {
            let answers = heading.strip_prefix("Answers of ");
            let own = answers.or(heading.strip_prefix("Requests of ")).and_then(protocol);
            section = own.map(|own| (own, answers.is_some()));
        } else if line.starts_with("| row") {
            columns = cells.iter().map(|cell| protocol(cell)).collect();
        } else if let (Some(row), Some((own, is_answer))) = (row(line), section) {
            let others = columns.iter().zip(&cells).filter(|(_, cell)| cell.trim() != "–");
            let others = others.filter_map(|(column, _)| *column);
            spoken.extend(others.map(|other| if is_answer { (row, other, own) } else { (row, own, other) }));
        }
    }
    spoken
}

#[test]
fn every_row_of_the_documentation_has_a_case() {
    let page = page();
    let rows: BTreeSet<&str> = page.lines().filter_map(row).collect();
    let cases: Vec<Case> = case::all().into_iter().map(|(_, case)| case).collect();
    let proved: BTreeSet<&str> = cases.iter().flat_map(|case| &case.rows).map(String::as_str).collect();
    let without_case: Vec<_> = rows.difference(&proved).collect();
    let without_row: Vec<_> = proved.difference(&rows).collect();
    assert!(without_case.is_empty(), "rows without a golden case: {without_case:?}");
    assert!(without_row.is_empty(), "golden cases of rows that docs/conversion.md does not have: {without_row:?}");
    let spoken = directions(&page);
    assert!(spoken.len() > 150, "the page's tables are not what they were: {} directions", spoken.len());
    let proves = |case: &Case, (row, client, upstream): &(&str, Protocol, Protocol)| {
        case.client == *client && case.upstream == *upstream && case.rows.iter().any(|proved| proved == row)
    };
    let unproved: Vec<_> = spoken.iter().filter(|one| !cases.iter().any(|case| proves(case, one))).collect();
    assert!(unproved.is_empty(), "rows without a golden case in a direction they speak of (client, upstream): {unproved:?}");
}
