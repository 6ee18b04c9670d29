//! What a page must show, and whether it shows figures that nobody says where they come from.

use std::collections::HashSet;

use scraper::ElementRef;

use super::exempt::Exempt;
use crate::page::{self, Page};

type Judge = Box<dyn Fn(&str) -> bool>;

enum Claim {
    /// The texts of all elements that a selector finds.
    Texts(String, Vec<String>),
    /// That attribute of all elements that have it.
    Attributes(String, &'static str, Vec<String>),
    Widths(String, Vec<f64>),
    /// The cells below these heads. Rows that `by` does not order may change places.
    Table {
        table: String,
        heads: Vec<&'static str>,
        by: Vec<&'static str>,
        rows: Vec<Vec<String>>,
    },
    /// The one text, or attribute, is as a judge, who says what for, wants it.
    Judged(String, Option<&'static str>, String, Judge),
    /// The texts of all elements that a selector finds are as a judge wants them.
    Each(String, String, Judge),
}

/// What a page must show.
#[derive(Default)]
pub struct Claims(Vec<Claim>);

impl Claims {
    /// The only such element says this.
    pub fn text(&mut self, selector: &str, text: impl Into<String>) {
        self.texts(selector, vec![text.into()]);
    }

    /// Such elements say these, in this order.
    pub fn texts(&mut self, selector: &str, texts: Vec<String>) {
        self.0.push(Claim::Texts(selector.to_owned(), texts));
    }

    /// Such elements have these in that attribute.
    pub fn attributes(&mut self, selector: &str, name: &'static str, values: Vec<String>) {
        self.0.push(Claim::Attributes(selector.to_owned(), name, values));
    }

    /// A table has exactly these rows, with these cells below these heads.
    pub fn table(&mut self, table: &str, heads: &[&'static str], rows: Vec<Vec<String>>) {
        self.ordered(table, heads, heads, rows);
    }

    /// The same; the rows are in order by these heads, and rows that are alike there in any.
    pub fn ordered(&mut self, table: &str, heads: &[&'static str], by: &[&'static str], rows: Vec<Vec<String>>) {
        self.0.push(Claim::Table { table: table.to_owned(), heads: heads.to_vec(), by: by.to_vec(), rows });
    }

    /// The only such element's text is as it has to be.
    pub fn judged(&mut self, selector: &str, why: &str, judge: impl Fn(&str) -> bool + 'static) {
        self.0.push(Claim::Judged(selector.to_owned(), None, why.to_owned(), Box::new(judge)));
    }

    /// The text of each such element is as it has to be.
    pub fn each(&mut self, selector: &str, why: &str, judge: impl Fn(&str) -> bool + 'static) {
        self.0.push(Claim::Each(selector.to_owned(), why.to_owned(), Box::new(judge)));
    }

    /// The only such element's attribute says this, with figures of one decimal where there is a `#`. They are of means until
    /// now, and a moment has passed.
    pub fn near(&mut self, selector: &str, name: &'static str, said: &str, figures: Vec<f64>) {
        let words: Vec<String> = said.split('#').map(str::to_owned).collect();
        let why = format!("{said}, with {figures:?}");
        let judge = move |text: &str| {
            let mut rest = text;
            let mut right = true;
            for (at, figure) in figures.iter().enumerate() {
                let Some((shown, after)) = rest.strip_prefix(words[at].as_str()).and_then(|rest| rest.split_once(' ')) else {
                    return false;
                };
                right &= shown.parse().is_ok_and(|shown: f64| (shown - figure).abs() <= figure * 0.15 + 0.051);
                rest = &text[text.len() - after.len() - 1..];
            }
            right && words.last().is_some_and(|last| rest == last)
        };
        self.0.push(Claim::Judged(selector.to_owned(), Some(name), why, Box::new(judge)));
    }

    /// The only such element is a line through these places, to the tenth; one place is no line.
    pub fn line(&mut self, selector: &str, places: Vec<(f64, f64)>) {
        if places.len() < 2 {
            return self.attributes(selector, "points", Vec::new());
        }
        let why = format!("a line through {places:?}");
        let judge = move |shown: &str| {
            let shown: Vec<Vec<f64>> =
                shown.split(' ').map(|place| place.split(',').map(|number| number.parse().unwrap()).collect()).collect();
            let near = |shown: f64, known: f64| (shown - known).abs() < 0.051;
            let same =
                |(shown, known): (&Vec<f64>, &(f64, f64))| shown.len() == 2 && near(shown[0], known.0) && near(shown[1], known.1);
            shown.len() == places.len() && shown.iter().zip(&places).all(same)
        };
        self.0.push(Claim::Judged(selector.to_owned(), Some("points"), why, Box::new(judge)));
    }

    /// Such elements are as wide as these, to the thousandth.
    pub fn widths(&mut self, selector: &str, widths: Vec<f64>) {
        self.0.push(Claim::Widths(selector.to_owned(), widths));
    }

    /// Such elements draw this icon, or there are none where it is empty.
    pub fn arrow(&mut self, selector: &str, icon: &'static str) {
        if icon.is_empty() {
            return self.texts(selector, Vec::new());
        }
        let judge = move |address: &str| address.ends_with(&format!("#{icon}"));
        self.0.push(Claim::Judged(selector.to_owned(), Some("href"), icon.to_owned(), Box::new(judge)));
    }

    /// What is wrong with a page: claims that do not hold, and figures without a claim.
    pub fn wrong_with(&self, page: &Page, exempt: &Exempt) -> Vec<String> {
        let (mut wrong, mut covered) = (Vec::new(), Covered::default());
        for claim in &self.0 {
            wrong.extend(claim.wrong_with(page, &mut covered));
        }
        wrong.extend(covered.left_out(page, exempt));
        wrong.extend(bars_that_differ(page));
        wrong
    }
}

/// Bars beside a share that are not as wide as it says.
fn bars_that_differ(page: &Page) -> Vec<String> {
    let mut found = Vec::new();
    for share in page.all(".share") {
        let said = page::text(share);
        let widths: Vec<&str> = page::select(share, "rect").into_iter().filter_map(|bar| bar.attr("width")).collect();
        let known: Option<f64> = said.trim_end_matches('%').parse().ok();
        let width: Option<f64> = widths.first().and_then(|width| width.parse().ok());
        let alike = known.zip(width).is_some_and(|(known, width)| (known - width).abs() < 0.101);
        if widths.len() != 1 || !alike {
            found.push(format!("{}: a bar of {widths:?} beside “{said}”", place(share)));
        }
    }
    found
}

impl Claim {
    fn wrong_with(&self, page: &Page, covered: &mut Covered) -> Option<String> {
        match self {
            Self::Texts(selector, expected) => {
                let found = page.all(selector);
                covered.texts.extend(found.iter().map(|element| mark(*element)));
                let shown: Vec<String> = found.into_iter().map(page::text).collect();
                (shown != *expected).then(|| format!("{selector}\n    shows {shown:?}\n    is    {expected:?}"))
            }
            Self::Attributes(selector, name, expected) => {
                let found = page.all(selector);
                covered.attributes.extend(found.iter().map(|element| (mark(*element), *name)));
                let shown: Vec<&str> = found.iter().filter_map(|element| element.attr(name)).collect();
                (shown != *expected).then(|| format!("{selector} [{name}]\n    shows {shown:?}\n    is    {expected:?}"))
            }
            Self::Each(selector, why, judge) => {
                let found = page.all(selector);
                covered.texts.extend(found.iter().map(|element| mark(*element)));
                let other = found.into_iter().map(page::text).find(|shown| !judge(shown))?;
                Some(format!("{selector}\n    shows {other:?}\n    which is not {why}"))
            }
            Self::Widths(selector, widths) => {
                let shown: Vec<String> = page.attributes(selector, "width");
                let near = |(shown, width): (&String, &f64)| shown.parse().is_ok_and(|shown: f64| (shown - width).abs() < 0.001);
                let right = shown.len() == widths.len() && shown.iter().zip(widths).all(near);
                (!right).then(|| format!("{selector} [width]\n    shows {shown:?}\n    is    {widths:?}"))
            }
            Self::Table { table, heads, by, rows } => table_is_wrong(page, covered, (table, heads, by), rows),
            Self::Judged(selector, name, why, judge) => {
                let found = page.all(selector);
                let shown: Vec<String> = match name {
                    Some(name) => found.iter().map(|element| element.attr(name).unwrap_or_default().to_owned()).collect(),
                    None => found.iter().copied().map(page::text).collect(),
                };
                match name {
                    Some(name) => covered.attributes.extend(found.into_iter().map(|element| (mark(element), *name))),
                    None => covered.texts.extend(found.into_iter().map(mark)),
                }
                let right = shown.len() == 1 && judge(&shown[0]);
                (!right).then(|| format!("{selector}\n    shows {shown:?}\n    which is not {why}"))
            }
        }
    }
}

fn table_is_wrong(
    page: &Page,
    covered: &mut Covered,
    (table, heads, by): (&str, &[&str], &[&str]),
    rows: &[Vec<String>],
) -> Option<String> {
    let Some(found) = page.all(table).first().copied() else {
        return (!rows.is_empty()).then(|| format!("{table} is not there; it has {rows:?}"));
    };
    let known: Vec<String> = page::select(found, "thead th").into_iter().map(page::text).collect();
    let places: Option<Vec<usize>> = heads.iter().map(|head| known.iter().position(|one| one == head)).collect();
    let Some(places) = places else { return Some(format!("{table} has the heads {known:?}, not {heads:?}")) };
    let mut shown = Vec::new();
    for row in page::select(found, "tbody tr") {
        let cells: Vec<ElementRef<'_>> = row.child_elements().collect();
        let cells: Vec<ElementRef<'_>> = places.iter().filter_map(|at| cells.get(*at).copied()).collect();
        covered.texts.extend(cells.iter().map(|cell| mark(*cell)));
        shown.push(cells.into_iter().map(page::text).collect::<Vec<String>>());
    }
    let lines = |rows: &[Vec<String>]| rows.iter().map(|row| format!("\n      {row:?}")).collect::<String>();
    let told = || format!("{table} {heads:?}\n    shows{}\n    is{}", lines(&shown), lines(rows));
    let order = |rows: &[Vec<String>]| -> Vec<Vec<String>> {
        let by: Vec<usize> = by.iter().map(|name| heads.iter().position(|head| head == name).unwrap()).collect();
        rows.iter().map(|row| by.iter().filter_map(|at| row.get(*at).cloned()).collect()).collect()
    };
    let sorted = |rows: &[Vec<String>]| {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        rows
    };
    (sorted(&shown) != sorted(rows) || order(&shown) != order(rows)).then(told)
}

/// Elements that a claim speaks of.
#[derive(Default)]
struct Covered {
    texts: HashSet<usize>,
    attributes: HashSet<(usize, &'static str)>,
}

impl Covered {
    /// Figures that no claim speaks of.
    fn left_out(&self, page: &Page, exempt: &Exempt) -> Vec<String> {
        let left: HashSet<usize> = exempt.selectors().flat_map(|selector| page.all(selector)).map(mark).collect();
        let mut found = Vec::new();
        let main = page.all("main").into_iter().next().unwrap();
        for node in main.descendants() {
            let above: Vec<usize> = node.ancestors().chain([node]).filter_map(ElementRef::wrap).map(mark).collect();
            let claimed = |known: &HashSet<usize>| above.iter().any(|one| known.contains(one));
            if claimed(&left) {
                continue;
            }
            if let Some(text) = node.value().as_text()
                && exempt.has_figures(text)
                && !claimed(&self.texts)
            {
                let inside = node.parent().and_then(ElementRef::wrap).map(place).unwrap_or_default();
                found.push(format!("nobody says where “{}” comes from: {inside}", text.trim()));
            }
            let Some(element) = ElementRef::wrap(node) else { continue };
            for name in ["title", "aria-label"] {
                let Some(value) = element.attr(name).filter(|value| exempt.has_figures(value)) else { continue };
                if !self.attributes.contains(&(mark(element), name)) && !claimed(&self.texts) {
                    found.push(format!("nobody says where “{value}” comes from: [{name}] of {}", place(element)));
                }
            }
        }
        found
    }
}

/// Tells an element from every other of its page.
fn mark(element: ElementRef<'_>) -> usize {
    std::ptr::from_ref(element.value()).addr()
}

/// Where an element is, for a person.
fn place(element: ElementRef<'_>) -> String {
    let above = element.ancestors().filter_map(ElementRef::wrap).take_while(|one| one.value().name() != "main");
    let mut names: Vec<String> = above.map(named).collect();
    names.reverse();
    names.push(named(element));
    names.join(" > ")
}

fn named(element: ElementRef<'_>) -> String {
    let id = element.attr("id").or(element.attr("aria-labelledby")).map(|id| format!("#{id}")).unwrap_or_default();
    let class = element.attr("class").map(|class| format!(".{}", class.replace(' ', "."))).unwrap_or_default();
    format!("{}{id}{class}", element.value().name())
}
