//! Every page in a browser: as everybody who may see it, in both languages and colours, on a desk and on a phone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::pages::{PAGES, ROLES, Role};
use crate::seed;
use crate::texts;
use crate::world::World;

const DESK: u32 = 1440;
const PHONE: u32 = 390;
const HEIGHT: u32 = 844;
/// A page is loaded once in each language. Its colours and its width then change as they change for a reader, with the
/// page open, so that both colours are also served, and each of the four looks is judged once by axe.
const LOADS: [(&str, [Guise; 4]); 2] = [
    ("en", [("light", DESK, true), ("dark", DESK, false), ("dark", PHONE, true), ("light", PHONE, false)]),
    ("zh", [("dark", PHONE, false), ("light", PHONE, true), ("light", DESK, false), ("dark", DESK, true)]),
];
/// Without npm the same pages differ by their words for icons and by their charts: one load, whose words are the longer ones, and
/// the widest look and the narrowest.
const LOADS_WITHOUT_NPM: [(&str, [Guise; 2]); 1] = [("en", [("light", DESK, true), ("dark", PHONE, false)])];
/// Colours, width, and whether axe judges it.
type Guise = (&'static str, u32, bool);
/// Charts are drawn again a moment after the width changed.
const REDRAWN: &str = "await new Promise((done) => setTimeout(done, document.querySelector('[data-chart]') ? 150 : 0));";
/// Runs before the page's own scripts, with axe: remembers what its policy refused.
const WATCH: &str = "window.refused = []; document.addEventListener('securitypolicyviolation', (event) => \
    window.refused.push(`${event.violatedDirective} ${event.blockedURI}`));";
/// What a page looks like from outside. Code and what people typed are not the console's words.
const LOOK: &str = r"
    const words = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.textContent.trim();
      if (text && !walker.currentNode.parentElement.closest('script, code, pre, .mono, textarea')) words.push(text);
    }
    for (const name of ['aria-label', 'placeholder', 'alt']) {
      for (const element of document.querySelectorAll(`[${name}]`)) words.push(element.getAttribute(name).trim());
    }
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    return {
      address: location.pathname + location.search,
      language: document.documentElement.lang,
      theme: document.documentElement.dataset.theme,
      tooWide: document.documentElement.scrollWidth - innerWidth,
      headings: document.querySelectorAll('h1').length,
      twice: ids.filter((id, at) => ids.indexOf(id) !== at),
      refused: window.refused.splice(0),
      words,
    };
";
/// What axe finds, but for what is a matter of taste.
const JUDGE: &str = r"
    const done = arguments[arguments.length - 1];
    axe.run(document, { resultTypes: ['violations'] }).then(
      (found) => done(found.violations
        .filter((violation) => ['serious', 'critical'].includes(violation.impact))
        .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(' ') + ' ' + (node.any[0]?.message ?? '')).join('; ')}`)),
      (error) => done([`axe failed: ${error}`]),
    );
";

/// What [`LOOK`] answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Look {
    address: String,
    language: String,
    theme: Option<String>,
    too_wide: i64,
    headings: usize,
    twice: Vec<String>,
    refused: Vec<String>,
    words: Vec<String>,
}

/// One page, as one person sees it in one language, one colour and one width.
type Seen = (usize, &'static str, &'static str, u32);

/// What the console's front end was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    WithNpm,
    WithoutNpm,
}

/// A part of the pages that one role is shown.
#[derive(Clone, Copy)]
struct Walk {
    role: Role,
    made: Made,
    part: usize,
    parts: usize,
}

/// Makes each walk a test, so that none can be listed and not walked.
macro_rules! walks {
    ($($name:ident: $role:ident $made:ident $part:literal of $parts:literal;)+) => {
        const WALKS: &[Walk] = &[$(Walk { role: Role::$role, made: Made::$made, part: $part, parts: $parts }),+];
        $(
            #[actix_web::test]
            async fn $name() {
                Walk { role: Role::$role, made: Made::$made, part: $part, parts: $parts }.walk().await;
            }
        )+
    };
}

walks! {
    pages_are_whole_for_strangers: Stranger WithNpm 0 of 1;
    pages_are_whole_for_users_1: User WithNpm 0 of 3;
    pages_are_whole_for_users_2: User WithNpm 1 of 3;
    pages_are_whole_for_users_3: User WithNpm 2 of 3;
    pages_are_whole_for_admins_1: Admin WithNpm 0 of 10;
    pages_are_whole_for_admins_2: Admin WithNpm 1 of 10;
    pages_are_whole_for_admins_3: Admin WithNpm 2 of 10;
    pages_are_whole_for_admins_4: Admin WithNpm 3 of 10;
    pages_are_whole_for_admins_5: Admin WithNpm 4 of 10;
    pages_are_whole_for_admins_6: Admin WithNpm 5 of 10;
    pages_are_whole_for_admins_7: Admin WithNpm 6 of 10;
    pages_are_whole_for_admins_8: Admin WithNpm 7 of 10;
    pages_are_whole_for_admins_9: Admin WithNpm 8 of 10;
    pages_are_whole_for_admins_10: Admin WithNpm 9 of 10;
    pages_are_whole_for_strangers_without_npm: Stranger WithoutNpm 0 of 1;
    pages_are_whole_for_users_without_npm: User WithoutNpm 0 of 1;
    pages_are_whole_for_admins_without_npm_1: Admin WithoutNpm 0 of 3;
    pages_are_whole_for_admins_without_npm_2: Admin WithoutNpm 1 of 3;
    pages_are_whole_for_admins_without_npm_3: Admin WithoutNpm 2 of 3;
}

#[test]
fn every_page_is_on_a_walk_of_everybody_who_may_see_it() {
    for (role, made) in ROLES.into_iter().flat_map(|role| [(role, Made::WithNpm), (role, Made::WithoutNpm)]) {
        let walks = WALKS.iter().filter(|walk| (walk.role, walk.made) == (role, made));
        let walked: BTreeSet<usize> = walks.flat_map(|walk| walk.pages()).collect();
        let all: BTreeSet<usize> = (0..PAGES.len()).filter(|page| PAGES[*page].is_for(role)).collect();
        assert_eq!(walked, all, "{role:?} {made:?}");
    }
}

impl Walk {
    /// The pages of this part, by their place in the table.
    fn pages(self) -> Vec<usize> {
        let shown = (0..PAGES.len()).filter(|page| PAGES[*page].is_for(self.role));
        shown.enumerate().filter(|(at, _)| at % self.parts == self.part).map(|(_, page)| page).collect()
    }

    /// Opens them all and says what is wrong with any of them.
    async fn walk(self) {
        let world = if self.made == Made::WithNpm { World::start() } else { World::without_npm() };
        let (world, browser) = (seed::lived_in_by(world).await, Browser::open().await);
        let (books, eyes) = (world.books(), Eyes::new());
        let me = self.role.id(&books).await;
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": format!("{WATCH}\n{}", eyes.axe) })).await;
        let still = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
        browser.devtools("Emulation.setEmulatedMedia", still).await;
        match self.role {
            Role::Stranger => browser.page.goto(&format!("{}/sign-in", world.site)).await.unwrap(),
            Role::User => world.sign_in(&browser, &world.user).await,
            Role::Admin => world.sign_in(&browser, &world.admin).await,
        }
        let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
        for at in self.pages() {
            let address = PAGES[at].address(&books, me).await;
            for (language, looks) in self.loads() {
                let (theme, width, _) = looks[0];
                browser.resize(width, HEIGHT).await;
                world.show(&browser, &address, language, theme).await;
                for (theme, width, judged) in looks {
                    let found = eyes.look(&browser, &address, language, (theme, *width, *judged)).await;
                    wrong.extend(found.into_iter().map(|found| format!("{address} {language} {theme} {width}: {found}")));
                    seen.insert((at, language, *theme, *width));
                }
            }
        }
        browser.close().await;
        assert_eq!(seen, self.everything(), "not every page was seen in every way");
        assert!(wrong.is_empty(), "{:?}: {} things are wrong:\n{}", self.role, wrong.len(), wrong.join("\n"));
        assert_eq!(world.errors(), Vec::<String>::new(), "what the gateway said meanwhile");
    }

    /// How often each page is loaded, and the looks that follow.
    fn loads(self) -> Vec<(&'static str, &'static [Guise])> {
        match self.made {
            Made::WithNpm => LOADS.iter().map(|(language, looks)| (*language, &looks[..])).collect(),
            Made::WithoutNpm => LOADS_WITHOUT_NPM.iter().map(|(language, looks)| (*language, &looks[..])).collect(),
        }
    }

    /// Every way in which every page of this part has to be seen.
    fn everything(self) -> BTreeSet<Seen> {
        let mut all = BTreeSet::new();
        for page in self.pages() {
            if self.made == Made::WithoutNpm {
                all.extend([(page, "en", "light", DESK), (page, "en", "dark", PHONE)]);
                continue;
            }
            for language in ["en", "zh"] {
                for theme in ["light", "dark"] {
                    all.extend([DESK, PHONE].map(|width| (page, language, theme, width)));
                }
            }
        }
        all
    }
}

/// What judges a page.
struct Eyes {
    axe: String,
    /// Names of texts that no page may show, by language.
    names: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Eyes {
    fn new() -> Self {
        let axe = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("static/node_modules/axe-core/axe.min.js");
        let axe = fs::read_to_string(&axe).unwrap_or_else(|error| panic!("{}: {error}; run `npm ci` in static/", axe.display()));
        Self { axe, names: [("en", texts::names("en")), ("zh", texts::names("zh-CN"))].into() }
    }

    /// What is wrong with the open page in these colours and at this width.
    async fn look(
        &self,
        browser: &Browser,
        address: &str,
        language: &str,
        (theme, width, judged): (&str, u32, bool),
    ) -> Vec<String> {
        browser.resize(width, HEIGHT).await;
        let change = format!(
            "const done = arguments[0]; (async () => {{ if (document.documentElement.dataset.theme !== '{theme}') {{ \
             document.documentElement.dataset.theme = '{theme}'; dispatchEvent(new Event('themechange')); }} {REDRAWN} done(); }})();"
        );
        browser.page.execute_async(&change, Vec::new()).await.unwrap();
        let look: Look = serde_json::from_value(browser.run(LOOK).await).unwrap();
        let mut wrong = Vec::new();
        let mut expect = |met: bool, what: String| {
            if !met {
                wrong.push(what)
            }
        };
        expect(look.address == address, format!("is {}", look.address));
        expect(look.language == if language == "zh" { "zh-CN" } else { language }, format!("says it is {}", look.language));
        expect(look.theme.as_deref() == Some(theme), format!("is {:?}", look.theme));
        expect(look.too_wide <= 0, format!("is {} pixels too wide", look.too_wide));
        expect(look.headings == 1, format!("has {} first headings", look.headings));
        expect(look.twice.is_empty(), format!("has ids twice: {:?}", look.twice));
        expect(look.refused.is_empty(), format!("its policy refused {:?}", look.refused));
        let raw: Vec<_> = look.words.iter().filter(|word| self.names[language].contains(*word)).collect();
        expect(raw.is_empty(), format!("shows the names of texts: {raw:?}"));
        let complaints = browser.complaints().await;
        expect(complaints.is_empty(), format!("the browser says {complaints:?}"));
        if judged {
            let found = browser.page.execute_async(JUDGE, Vec::new()).await.unwrap();
            let found: Vec<Value> = serde_json::from_value(found).unwrap();
            wrong.extend(found.iter().map(|violation| format!("axe: {violation}")));
        }
        wrong
    }
}
