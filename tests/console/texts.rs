//! Both catalogues name the same texts with the same parameters, and nothing names a text that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

/// Texts named by a part that only running shows: the beginning of their names.
const FAMILIES: &[&str] = &[
    "audit-deed-",
    "audit-kind-",
    "audit-word-",
    "cause-",
    "cell-",
    "choice-",
    "cost-",
    "ending-",
    "field-",
    "group-",
    "leased-",
    "loses-",
    "owns-",
    "range-",
    "reason-",
    "right-",
    "setting-",
    "standing-",
    "table-",
    "unit-",
    "wrong-",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names of texts that are not what they say themselves: a page that shows one is not translated.
pub fn names(language: &str) -> BTreeSet<String> {
    let (mut sources, mut names) = (Vec::new(), BTreeSet::new());
    files(&root().join("texts").join(language), &mut sources);
    for line in sources.iter().flat_map(|source| source.lines()) {
        let Some((name, said)) = line.split_once(" = ") else { continue };
        if !name.starts_with([' ', '#']) && name != said {
            names.insert(name.to_owned());
        }
    }
    names
}

/// What texts of one line say.
pub fn said(language: &str) -> BTreeMap<String, String> {
    let mut sources = Vec::new();
    files(&root().join("texts").join(language), &mut sources);
    let lines = sources.iter().flat_map(|source| source.lines()).filter_map(|line| line.split_once(" = "));
    lines.filter(|(name, _)| !name.starts_with([' ', '#'])).map(|(name, said)| (name.to_owned(), said.to_owned())).collect()
}

/// Each text's name with its parameters.
fn catalogue(name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut sources = Vec::new();
    files(&root().join("texts").join(name), &mut sources);
    let source = sources.join("\n");
    let parsed = fluent_syntax::parser::parse(source.as_str()).unwrap();
    let mut texts = BTreeMap::new();
    for entry in parsed.body {
        let Entry::Message(message) = entry else { continue };
        let mut parameters = BTreeSet::new();
        collect(&message.value.unwrap(), &mut parameters);
        let twice = texts.insert(message.id.name.to_owned(), parameters);
        assert_eq!(twice, None, "{name} says {} twice", message.id.name);
    }
    texts
}

fn collect(pattern: &Pattern<&str>, parameters: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        let (inline, variants) = match expression {
            Expression::Inline(inline) => (inline, None),
            Expression::Select { selector, variants } => (selector, Some(variants)),
        };
        if let InlineExpression::VariableReference { id } = inline {
            parameters.insert(id.name.to_owned());
        }
        for variant in variants.into_iter().flatten() {
            collect(&variant.value, parameters);
        }
    }
}

fn files(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

fn sources() -> Vec<String> {
    let mut found = Vec::new();
    files(&root().join("templates"), &mut found);
    files(&root().join("src/console"), &mut found);
    found
}

/// The names in `t("…")`, `t('…')` and `say("…")`.
fn named(sources: &[String]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in sources {
        for call in ["t(\"", "t('", "say(\""] {
            let quote = if call.ends_with('\'') { '\'' } else { '"' };
            for (at, _) in source.match_indices(call) {
                let before = source[..at].chars().next_back();
                let (name, after) = source[at + call.len()..].split_once(quote).unwrap();
                let is_call = before.is_none_or(|char| !char.is_alphanumeric() && char != '_');
                if is_call && !after.trim_start().starts_with('~') {
                    names.insert(name.to_owned());
                }
            }
        }
    }
    names
}

#[test]
fn both_catalogues_say_the_same_things() {
    let (english, chinese) = (catalogue("en"), catalogue("zh-CN"));
    let names = |texts: &BTreeMap<String, BTreeSet<String>>| texts.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&english), names(&chinese));
    for (name, parameters) in &english {
        assert_eq!(Some(parameters), chinese.get(name), "the parameters of {name}");
    }
}

#[test]
fn every_text_is_used_and_every_used_text_is_there() {
    let (texts, sources) = (catalogue("en"), sources());
    let named = named(&sources);
    let missing: Vec<_> = named.iter().filter(|name| !texts.contains_key(*name)).collect();
    assert!(missing.is_empty(), "named and not there: {missing:?}");
    let unused: Vec<_> =
        texts.keys().filter(|name| !named.contains(*name) && !FAMILIES.iter().any(|family| name.starts_with(family))).collect();
    assert!(unused.is_empty(), "there and never named: {unused:?}");
}

#[test]
fn texts_of_a_family_are_those_that_can_be_asked_for() {
    let texts = catalogue("en");
    for ending in ["completed", "refused", "upstream_failed", "timed_out", "client_left", "killed"] {
        assert!(texts.contains_key(&format!("ending-{ending}")), "{ending}");
    }
    for name in texts.keys().filter_map(|name| name.strip_prefix("wrong-")) {
        assert!(texts.contains_key(&format!("field-{name}")), "the field {name} has no label");
    }
    let (sources, named) = (sources().concat(), named(&sources()));
    for name in texts.keys().filter_map(|name| name.strip_prefix("field-")) {
        assert!(sources.contains(&format!("\"{name}\"")), "no form has a field {name}");
    }
    for name in texts.keys().filter(|name| name.starts_with("cost-") && !named.contains(*name)) {
        assert!(sources.contains(&format!("\"{name}\"")), "no bill has a line {name}");
    }
}

#[test]
fn pages_hold_nothing_that_their_policy_forbids() {
    for source in sources() {
        for forbidden in [" style=\"", " onclick=", " onchange=", " onsubmit=", "hx-on", "js:", "<style"] {
            assert!(!source.contains(forbidden), "{forbidden} in {}", &source[..80.min(source.len())]);
        }
    }
}
