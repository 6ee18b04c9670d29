//! Every golden case holds, and every row of the documentation has one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

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

#[test]
fn every_golden_case_holds() {
    let mut report = String::new();
    for (path, case) in case::all() {
        for failure in failures(&case) {
            writeln!(report, "{}: {failure}", path.file_name().unwrap().to_string_lossy()).unwrap();
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn every_row_of_the_documentation_has_a_case() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conversion.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(row, _)| row.to_owned()).collect();
    let proved: BTreeSet<String> = case::all().into_iter().flat_map(|(_, case)| case.rows).collect();
    let without_case: Vec<_> = rows.difference(&proved).collect();
    let without_row: Vec<_> = proved.difference(&rows).collect();
    assert!(without_case.is_empty(), "rows without a golden case: {without_case:?}");
    assert!(without_row.is_empty(), "golden cases of rows that docs/conversion.md does not have: {without_row:?}");
}
