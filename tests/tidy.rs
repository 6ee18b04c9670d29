//! The house's own rules, held as data: who may import whom, which crate lives where, how long a file may be.
//!
//! Each failure is a sentence that says what to do. `ARCHITECTURE.md` has the reasons.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on may panic")]

#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::visit::Visit;

use source::{Source, count_code_lines, files, names_after, names_crate, relative, root, sources};

/// The floors from the ground up. A room imports only from floors below its own (`actors` stands below all).
const FLOORS: &[&[&str]] = &[
    &["capacity", "config", "files", "metrics", "secrets"],
    &["telemetry", "traces"],
    &["translation"],
    &["store", "journal", "redis_store"],
    &["admission"],
    &["routing"],
    &["upstream"],
    &["metering"],
    &["relay"],
    &["notices", "services"],
    &["session"],
    &["edge", "api", "console"],
    &["mock_upstream", "app"],
    &["cli"],
    &["main"],
];

/// Rooms that only some of those above may enter: the room, who may, why.
const GUARDED_ROOMS: &[(&str, &[&str], &str)] = &[(
    "store",
    &["admission", "services", "notices", "app"],
    "ask a service instead, where permission, validation and audit are",
)];

/// Crates that live in some places only: the crate, the rooms or files it may be used in, why.
const CRATES: &[(&str, &[&str], &str)] = &[
    ("actix", &["actors"], "actors live in the cellar; talk to them through their handles"),
    ("deadpool_redis", &["redis_store"], "what instances share goes through redis_store"),
    ("awc", &["upstream", "cli/demo"], "calls to providers go through upstream (the demo is a client of our own door)"),
    ("deadpool_redis", &["redis_store"], "what instances share stands in redis_store"),
    ("minijinja", &["console", "notices"], "pages are made in console, mails in notices"),
    ("minijinja_embed", &["console", "notices"], "pages are made in console, mails in notices"),
    ("hyper_util", &["traces"], "calls to providers go through upstream, by awc"),
    ("opentelemetry_otlp", &["traces"], "traces are made and sent in traces"),
    ("opentelemetry_sdk", &["traces"], "traces are made and sent in traces"),
    ("prometheus", &["metrics", "app/metrics_listener"], "what is counted, and under which name, stands in metrics"),
    ("sqlx", &["store", "app"], "all SQL stands in store (app only names its errors)"),
];

/// What pure rooms must not know: the room, the crates.
const PURE_ROOMS: &[(&str, &[&str])] =
    &[("translation", &["tokio", "actix_web", "actix_rt", "awc", "sqlx", "reqwest", "minijinja"])];

/// What the cellar must not depend on, or it would see the outside.
const NOT_IN_THE_CELLAR: &[&str] =
    &["actix-web", "awc", "sqlx", "serde_json", "redis", "deadpool-redis", "minijinja", "reqwest", "api-proxy"];

/// Code lines (no blanks, no comments, no inline tests) a file should stay under, and must.
const LONG_FILE: usize = 250;
const LONGEST_FILE: usize = 400;
/// Code lines of the longest function.
const LONGEST_FUNCTION: usize = 60;

/// Words of unfinished work, split so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("HA", "CK"),
    concat!("to", "do!"),
    concat!("un", "implemented!"),
    concat!("#[ig", "nore"),
    concat!("db", "g!"),
];

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn rooms_imported(source: &Source) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for root in ["crate", "api_proxy"] {
        names_after(root, source.tokens(), &mut rooms);
    }
    rooms
}

/// What is wrong with one file's imports from other rooms.
fn broken_floors(source: &Source) -> Vec<String> {
    let Some(room) = source.room() else { return Vec::new() };
    let path = &source.path;
    let Some(floor) = floor_of(room) else {
        return vec![format!(
            "{path}: the room `{room}` has no floor; give it one in FLOORS of tests/tidy.rs and in ARCHITECTURE.md"
        )];
    };
    let mut broken = Vec::new();
    for other in rooms_imported(source).iter().filter(|other| *other != room) {
        let Some(below) = floor_of(other) else { continue };
        if below >= floor {
            broken.push(format!(
                "{path}: `{room}` (floor {floor}) imports `{other}` (floor {below}); move what both need to a room below `{room}`, or turn the call round"
            ));
        }
        if let Some((_, _, instead)) = GUARDED_ROOMS.iter().find(|(guarded, may, _)| guarded == other && !may.contains(&room)) {
            broken.push(format!("{path}: `{room}` may not import `{other}`; {instead}"));
        }
    }
    broken
}

fn misplaced_crates(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut broken = Vec::new();
    for (name, places, instead) in CRATES.iter().filter(|(_, places, _)| !source.is_in(places)) {
        if names_crate(name, source.tokens()) {
            broken.push(format!("{path}: the crate `{name}` is for {}; {instead}", places.join(", ")));
        }
    }
    for (room, forbidden) in PURE_ROOMS.iter().filter(|(room, _)| source.room() == Some(room)) {
        for name in forbidden.iter().filter(|name| names_crate(name, source.tokens())) {
            broken.push(format!("{path}: `{room}` is pure, bytes in and bytes out; take `{name}` out of it"));
        }
        if standard_library(source).iter().any(|part| ["fs", "net", "env", "process"].contains(&part.as_str())) {
            broken.push(format!("{path}: `{room}` is pure; files, sockets and the environment belong to other rooms"));
        }
    }
    broken
}

fn standard_library(source: &Source) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    names_after("std", source.tokens(), &mut parts);
    parts
}

/// Finds functions that are too long.
struct Functions<'a> {
    path: &'a str,
    long: Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, body: TokenStream) {
        let lines = count_code_lines(body);
        if lines > LONGEST_FUNCTION {
            let (path, line) = (self.path, name.span().start().line);
            self.long.push(format!("{path}:{line}: `{name}` has {lines} lines, the most is {LONGEST_FUNCTION}; name its parts"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig.ident, item.to_token_stream());
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig.ident, item.to_token_stream());
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.measure(&item.sig.ident, item.to_token_stream());
        syn::visit::visit_trait_item_fn(self, item);
    }
}

fn long_functions(source: &Source) -> Vec<String> {
    let mut functions = Functions { path: &source.path, long: Vec::new() };
    source.items.iter().for_each(|item| functions.visit_item(item));
    functions.long
}

fn reads_environment(source: &Source) -> bool {
    let text = source.tokens().to_string().replace(' ', "");
    ["env::var(", "env::var_os(", "env::vars(", "env::vars_os("].iter().any(|call| text.contains(call))
}

fn unfinished_work(path: &str, text: &str) -> Vec<String> {
    let is_part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let stands_alone = |line: &str, word: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back().is_some_and(is_part_of_word);
            let after = line[at + word.len()..].chars().next().is_some_and(is_part_of_word);
            !before && (!after || !word.ends_with(is_part_of_word))
        })
    };
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in UNFINISHED.iter().filter(|word| stands_alone(line, word)) {
            found.push(format!("{path}:{}: `{word}`; finish it, or write an issue and say here what is so", number + 1));
        }
    }
    found
}

fn expect_none(broken: Vec<String>) {
    let mut said = String::new();
    for sentence in &broken {
        writeln!(said, "  {sentence}").unwrap();
    }
    assert!(broken.is_empty(), "{} to mend:\n{said}", broken.len());
}

#[test]
fn rooms_import_only_from_lower_floors() {
    expect_none(sources(&["src"]).iter().flat_map(broken_floors).collect());
}

#[test]
fn crates_stay_in_their_rooms() {
    expect_none(sources(&["src", "actors/src"]).iter().flat_map(misplaced_crates).collect());
}

#[test]
fn the_cellar_cannot_see_the_outside() {
    let manifest = std::fs::read_to_string(root().join("actors/Cargo.toml")).unwrap();
    let names = manifest.lines().filter_map(|line| line.split(['=', '.', ' ']).next());
    let wrong = names.filter(|name| NOT_IN_THE_CELLAR.contains(name));
    expect_none(
        wrong.map(|name| format!("actors/Cargo.toml: `{name}` is outside; give the cellar a port (a trait) instead")).collect(),
    );
}

#[test]
fn files_are_short() {
    let mut broken = Vec::new();
    for source in sources(&["src", "actors/src", "crates", "tests", "build"]) {
        let (path, lines) = (&source.path, count_code_lines(source.tokens()));
        if lines > LONGEST_FILE {
            broken.push(format!("{path} has {lines} code lines, the most is {LONGEST_FILE}; split it by what it knows"));
        } else if lines > LONG_FILE {
            eprintln!("{path} has {lines} code lines, more than the {LONG_FILE} it should have");
        }
    }
    expect_none(broken);
}

#[test]
fn functions_are_short() {
    expect_none(sources(&["src", "actors/src", "crates", "tests", "build"]).iter().flat_map(long_functions).collect());
}

#[test]
fn nothing_is_left_unfinished() {
    let folders = [
        "src",
        "actors",
        "crates",
        "tests",
        "migrations",
        "scripts",
        "templates",
        "texts",
        "build",
        "static/src",
        "static/plain",
    ];
    let mut paths: Vec<PathBuf> = folders.iter().flat_map(|folder| files(folder, "")).collect();
    paths.extend(["Cargo.toml", "build.rs", "deny.toml", "clippy.toml", "static/build.mjs"].map(|name| root().join(name)));
    let mut broken = Vec::new();
    for path in paths {
        if let Ok(text) = std::fs::read_to_string(&path) {
            broken.extend(unfinished_work(&relative(&path), &text));
        }
    }
    expect_none(broken);
}

#[test]
fn the_environment_is_read_on_the_command_line_only() {
    let readers =
        sources(&["src", "actors/src"]).into_iter().filter(|source| !source.is_in(&["cli"]) && reads_environment(source));
    expect_none(readers.map(|source| format!("{}: reads the environment; take the value from Config", source.path)).collect());
}

mod the_rules_bite {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::parse(path.to_owned(), text)
    }

    #[test]
    fn an_import_from_above_is_found_in_every_form() {
        for text in [
            "use crate::edge::Door;",
            "use crate::{config, edge::{Door, Window}};",
            "fn f() { crate::edge::open() }",
            "fn f() { println!(\"{}\", crate::edge::NAME) }",
        ] {
            assert_eq!(broken_floors(&source("src/routing/mod.rs", text)).len(), 1, "{text}");
        }
        assert!(
            broken_floors(&source("src/routing/mod.rs", "use crate::admission::Hold; #[cfg(test)] mod t { use crate::edge; }"))
                .is_empty()
        );
    }

    #[test]
    fn equal_floors_are_blind_to_each_other_and_store_is_guarded() {
        assert_eq!(broken_floors(&source("src/api/x.rs", "use crate::edge::Door;")).len(), 1);
        assert_eq!(broken_floors(&source("src/api/x.rs", "use crate::store::Db;")).len(), 1);
        assert!(broken_floors(&source("src/services/x.rs", "use crate::store::Db;")).is_empty());
        assert_eq!(broken_floors(&source("src/cellar/x.rs", "")).len(), 1);
    }

    #[test]
    fn a_crate_outside_its_room_is_found() {
        assert_eq!(misplaced_crates(&source("src/edge/x.rs", "use awc::Client;")).len(), 1);
        assert_eq!(misplaced_crates(&source("src/edge/x.rs", "fn f() { actix::spawn(g()) }")).len(), 1);
        assert!(misplaced_crates(&source("src/cli/demo/visit.rs", "use awc::Client;")).is_empty());
        assert!(misplaced_crates(&source("src/edge/x.rs", "use actix_web::web; fn f() { self::actix::g() }")).is_empty());
        assert_eq!(misplaced_crates(&source("src/translation/x.rs", "use std::fs::File;")).len(), 1);
    }

    #[test]
    fn comments_and_blanks_are_no_code() {
        let text = "//! doc\n\n/// doc\nfn f() {\n    // why\n\n    let text = \"a\n    b\";\n}\n";
        assert_eq!(count_code_lines(source("src/x.rs", text).tokens()), 4);
    }

    #[test]
    fn unfinished_words_are_found_and_their_likes_are_not() {
        let (word, call) = (concat!("TO", "DO"), concat!("to", "do!"));
        assert_eq!(unfinished_work("x", &format!("// {word}: later\nfn f() {{ {call}() }}")).len(), 2);
        assert!(unfinished_work("x", &format!("// MAS{word}NE")).is_empty());
    }

    #[test]
    fn a_long_function_is_found() {
        let text = format!("impl X {{ fn f() {{\n{}}} }}", "g();\n".repeat(60));
        assert_eq!(long_functions(&source("src/x.rs", &text)).len(), 1);
        assert!(reads_environment(&source("src/x.rs", "fn f() { std::env::var(\"A\"); }")));
    }
}
