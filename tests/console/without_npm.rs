//! The console's files with and without npm: everything that pages load is there, and without icons there are words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use reqwest::Method;
use scraper::ElementRef;

use crate::browser::Browser;
use crate::gateway::{Database, Gateway};
use crate::page::{self, Page};
use crate::pages::{PAGES, ROLES};
use crate::seed;
use crate::visitor::Visitor;
use crate::world::World;

#[path = "../../build/plain.rs"]
mod plain;

/// What somebody presses or opens; a hidden button without anything is what the enter key presses.
const PRESSED: &str = "button:not([hidden]:empty), summary, main a, header a, nav a";

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("static")
}

fn text(file: &[u8]) -> &str {
    std::str::from_utf8(file).unwrap()
}

/// What stands between `before` and `after`, each time.
fn between<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).map(move |rest| rest.split(after).next().unwrap())
}

/// What a script imports: the address in a line that begins with `import`, or that ends an import of several lines.
fn imports(script: &str) -> Vec<&str> {
    let lines = script.lines().filter(|line| line.starts_with("import ") || line.starts_with("} from "));
    lines.filter_map(|line| line.split('\'').nth(1)).collect()
}

/// The functions that a script offers.
fn exports(script: &str) -> BTreeSet<&str> {
    between(script, "export function ", "(").collect()
}

#[test]
fn our_own_scripts_load_without_a_bundler() {
    let files = plain::files(&home()).unwrap();
    let (mut reached, mut to_read) = (BTreeSet::new(), vec!["app.js"]);
    while let Some(name) = to_read.pop() {
        if !reached.insert(name) {
            continue;
        }
        for imported in imports(text(&files[name])) {
            let imported = imported.strip_prefix("./").unwrap_or_else(|| panic!("{name} imports {imported}: no file of ours"));
            let (found, _) =
                files.get_key_value(imported).unwrap_or_else(|| panic!("{name} imports {imported}, which is not there"));
            to_read.push(found);
        }
    }
    let scripts: BTreeSet<&str> = files.keys().map(String::as_str).filter(|name| name.ends_with(".js")).collect();
    assert_eq!(reached, scripts, "nothing loads the others");
    assert_eq!(imports("import { a } from './a.js';\nimport {\n  b,\n} from 'b';\nconst c = 'import';"), ["./a.js", "b"]);
}

#[test]
fn our_own_stylesheets_are_joined_in_their_order_and_name_no_package() {
    let (files, source) = (plain::files(&home()).unwrap(), home().join("src"));
    let joined = text(&files["app.css"]);
    assert!(!joined.contains("@import") && !joined.contains("url(@"), "a package's file is named");
    for name in between(joined, "url(", ")") {
        let name = name.strip_prefix("./").unwrap_or_else(|| panic!("{name} is elsewhere"));
        assert!(files.contains_key(name), "{name} is not there");
    }
    let entry = fs::read_to_string(source.join("app.css")).unwrap();
    let named: Vec<&str> = between(&entry, "@import \"./", "\"").collect();
    let stands_in = |name: &str| home().join("plain").join(name).exists();
    let starts = named.iter().filter(|name| !stands_in(name)).map(|name| {
        let own = fs::read_to_string(source.join(name)).unwrap();
        joined.find(&own).unwrap_or_else(|| panic!("{name} is not in it"))
    });
    assert!(starts.is_sorted(), "{named:?}");
    assert!(joined.ends_with(&fs::read_to_string(home().join("plain/plain.css")).unwrap()), "what is without npm comes last");
    let all = plain::folder(&source).unwrap();
    let sheets = all.keys().map(String::as_str).filter(|name| name.ends_with(".css") && *name != "app.css");
    assert_eq!(sheets.collect::<BTreeSet<_>>(), named.into_iter().collect(), "app.css names every stylesheet");
    assert_eq!(files.keys().filter(|name| name.ends_with(".css")).count(), 1);
}

#[test]
fn what_stands_in_for_a_package_offers_the_same() {
    let (own, instead) = (plain::folder(&home().join("src")).unwrap(), plain::folder(&home().join("plain")).unwrap());
    let scripts: Vec<&String> = instead.keys().filter(|name| name.ends_with(".js")).collect();
    assert!(!scripts.is_empty());
    for name in scripts {
        let replaced = own.get(name).unwrap_or_else(|| panic!("{name} stands in for nothing"));
        assert_eq!(exports(text(&instead[name])), exports(text(replaced)), "{name}");
    }
    for name in ["app.css", "app.js", "icons.svg", "favicon.svg", "caret.svg"] {
        assert!(plain::files(&home()).unwrap().contains_key(name), "{name}");
    }
}

#[test]
fn a_stylesheet_that_is_named_and_missing_stops_the_build() {
    let home = tempfile::tempdir().unwrap();
    for folder in ["src", "plain"] {
        fs::create_dir(home.path().join(folder)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
    let problem = || plain::files(home.path()).unwrap_err().to_string();
    assert!(problem().contains("app.css"));
    write("src/app.css", "@import \"package/x.css\";\n@import \"./b.css\";\n@import \"./a.css\";\n");
    write("src/a.css", "a{}");
    write("plain/plain.css", "p{}");
    assert!(problem().contains("b.css"));
    write("src/b.css", "b{}");
    write("src/x.js", "import 'package';");
    write("plain/x.js", "// without");
    let files = plain::files(home.path()).unwrap();
    assert_eq!(text(&files["app.css"]), "b{}a{}p{}");
    assert_eq!(text(&files["x.js"]), "// without");
    assert_eq!(files.len(), 2);
}

/// What a file of the console came as.
struct File {
    kind: String,
    text: String,
}

/// What all pages load, by address.
struct Loaded<'a> {
    visitor: &'a Visitor,
    files: BTreeMap<String, File>,
}

impl Loaded<'_> {
    /// Loads a file, and whatever it names, relative to itself.
    async fn load(&mut self, address: &str) {
        let mut wanted = vec![address.to_owned()];
        while let Some(address) = wanted.pop() {
            if self.files.contains_key(&address) {
                continue;
            }
            let answer = self.visitor.request(Method::GET, &address).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "{address}");
            let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
            let text = String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned();
            let named: Vec<&str> = match kind.split(';').next().unwrap() {
                "text/javascript" => imports(&text),
                "text/css" => between(&text, "url(", ")").collect(),
                _ => Vec::new(),
            };
            let base = url::Url::parse("http://console.example").unwrap().join(&address).unwrap();
            wanted.extend(named.into_iter().map(|name| base.join(name.trim_matches('"')).unwrap().path().to_owned()));
            self.files.insert(address, File { kind, text });
        }
    }

    /// Loads what a page names.
    async fn page(&mut self, page: &Page) {
        let mut addresses = page.attributes("link[href], use[href]", "href");
        addresses.extend(page.attributes("script[src], img[src]", "src"));
        for address in addresses {
            let (address, id) = address.split_once('#').unwrap_or((&address, ""));
            self.load(address).await;
            let drawn = id.is_empty() || self.files[address].text.contains(&format!("id=\"{id}\""));
            assert!(drawn, "{address} has no {id}, which is on {page}");
        }
    }
}

/// Whether something that is pressed says what it does; an icon may stand for its name.
fn speaks(pressed: &ElementRef<'_>, with_npm: bool) -> bool {
    let named = pressed.attr("aria-label").is_some();
    // A switch shows how it stands by its own shape.
    let drawn = pressed.attr("role") == Some("switch") || (with_npm && !page::select(*pressed, "svg").is_empty());
    !page::text(*pressed).is_empty() || (named && drawn)
}

/// Looks at every page as everybody who may see it, in both languages; what they load.
async fn all_pages(world: World, with_npm: bool) -> BTreeMap<String, String> {
    let world = seed::lived_in_by(world).await;
    let (books, anybody) = (world.books(), world.stranger());
    let mut loaded = Loaded { visitor: &anybody, files: BTreeMap::new() };
    for role in ROLES {
        let (visitor, me) = (role.visitor(&world).await, role.id(&books).await);
        for page in PAGES.iter().filter(|page| page.is_for(role)) {
            let address = page.address(&books, me).await;
            for language in ["en", "zh"] {
                visitor.speaks(language);
                let page = visitor.get(&address).await.shown();
                loaded.page(&page).await;
                let mute = page.all(PRESSED).into_iter().find(|pressed| !speaks(pressed, with_npm));
                assert!(mute.is_none(), "{address} in {language}: {}", mute.unwrap().html());
                assert_eq!(page.has("svg.ico"), with_npm, "{address}");
                assert!(with_npm || !page.has("[data-chart]"), "{address} waits for a chart library");
            }
        }
    }
    assert_eq!(world.errors(), Vec::<String>::new());
    loaded.files.into_iter().map(|(address, file)| (address.rsplit('/').next().unwrap().to_owned(), file.kind)).collect()
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap() {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        _ => panic!("{name}"),
    }
}

#[actix_web::test]
async fn with_npm_everything_that_pages_name_is_served() {
    let files = all_pages(World::start(), true).await;
    for (name, sent) in &files {
        assert_eq!(sent, kind(name), "{name}");
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["app.css", "app.js", "caret.svg", "favicon.svg", "icons.svg", "inter-latin-wght-normal.woff2"]);
}

#[actix_web::test]
async fn without_npm_everything_that_pages_name_is_served_and_nothing_is_pressed_that_has_no_words() {
    let files = all_pages(World::without_npm(), false).await;
    for (name, sent) in &files {
        assert_eq!(sent, kind(name), "{name}");
    }
    let made: BTreeSet<String> = plain::files(&home()).unwrap().into_keys().collect();
    assert_eq!(files.into_keys().collect::<BTreeSet<_>>(), made);
}

#[actix_web::test]
async fn the_start_and_the_system_page_say_what_a_build_without_npm_lacks() {
    let sentence = "built without npm: no icons, no chart library";
    assert!(Gateway::without_npm().await.said().contains(sentence));
    let whole = Gateway::fresh(Database::Sqlite).await.said();
    assert!(whole.contains("built with npm") && !whole.contains(sentence), "{whole}");
    for (world, is_said) in [(World::start(), false), (World::without_npm(), true)] {
        let page = world.admin().await.get("/admin/system").await.shown();
        assert_eq!(page.text("[data-figure=version]"), env!("CARGO_PKG_VERSION"));
        assert_eq!(page.body.contains(sentence), is_said);
    }
}

#[actix_web::test]
async fn without_npm_scripts_run_and_charts_show_their_figures() {
    let world = seed::lived_in_by(World::without_npm()).await;
    let browser = Browser::open().await;
    world.sign_in(&browser, &world.admin).await;
    world.show(&browser, "/admin", "en", "light").await;
    let seen = "[...document.querySelectorAll('.drawn')].filter((chart) => chart.getBoundingClientRect().height > 150 && \
        [...chart.querySelectorAll('.left text')].some((label) => label.textContent !== '0') && \
        [...chart.querySelectorAll('rect[height]:not(.point), polyline')].some((shape) => shape.getBoundingClientRect().height > 20) && \
        chart.querySelectorAll('.point title').length > 20).length";
    assert_eq!(browser.run(&format!("return {seen}")).await, 3);
    let told = browser.text(".drawn .point:last-child title").await;
    assert!(told.contains("Input ") && told.contains("Output "), "{told}");

    world.show(&browser, "/admin/logs", "en", "light").await;
    browser.press("[data-live-pause]").await;
    assert_eq!(browser.text("[data-live-pause]").await, "Resume");
    world.show(&browser, "/admin/users", "en", "light").await;
    browser.press("td .btn[popovertarget]").await;
    browser.press(".pop:popover-open a[data-sheet=drawer]").await;
    browser.until("document.querySelector('dialog[open] form')").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}
