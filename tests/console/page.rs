//! What came of opening a page, and what it says.

use std::fmt::{Display, Formatter};

use scraper::{ElementRef, Html, Selector};

/// An answer of the console.
pub struct Page {
    pub path: String,
    pub status: u16,
    pub location: Option<String>,
    /// Its Content-Security-Policy.
    pub policy: Option<String>,
    pub body: String,
    html: Html,
}

/// A form, filled as it stands on the page.
#[derive(Debug)]
pub struct Form {
    pub action: String,
    pub method: String,
    pub fields: Vec<(String, String)>,
}

/// A row of a table: each cell's head, its `data-l` and its text.
#[derive(Clone, Debug)]
pub struct Row(Vec<(String, String, String)>);

impl Page {
    pub fn new(path: &str, status: u16, location: Option<String>, policy: Option<String>, body: String) -> Self {
        let html = Html::parse_document(&body);
        Self { path: path.to_owned(), status, location, policy, body, html }
    }

    /// This very page, if it was shown.
    pub fn shown(self) -> Self {
        assert_eq!(self.status, 200, "{self}");
        self
    }

    /// Every element that it has of these.
    pub fn all(&self, selector: &str) -> Vec<ElementRef<'_>> {
        self.html.select(&Selector::parse(selector).unwrap()).collect()
    }

    fn first(&self, selector: &str) -> ElementRef<'_> {
        self.all(selector).first().copied().unwrap_or_else(|| panic!("no {selector} on {self}"))
    }

    /// How many there are.
    pub fn count(&self, selector: &str) -> usize {
        self.all(selector).len()
    }

    pub fn has(&self, selector: &str) -> bool {
        self.count(selector) > 0
    }

    /// The text of the first that there must be.
    pub fn text(&self, selector: &str) -> String {
        text(self.first(selector))
    }

    /// The text of the first that there must be, with its gaps as they are.
    pub fn raw(&self, selector: &str) -> String {
        self.first(selector).text().collect()
    }

    pub fn texts(&self, selector: &str) -> Vec<String> {
        self.all(selector).into_iter().map(text).collect()
    }

    /// An attribute of the first that there must be.
    pub fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        self.first(selector).attr(name).map(str::to_owned)
    }

    /// That attribute of each that has it.
    pub fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        self.all(selector).iter().filter_map(|element| element.attr(name).map(str::to_owned)).collect()
    }

    /// What a field has in it; nothing for a box that is not ticked.
    pub fn value(&self, name: &str) -> Option<String> {
        self.values(name).into_iter().next()
    }

    /// All that is chosen of a field that can be chosen several times.
    pub fn values(&self, name: &str) -> Vec<String> {
        let fields = self.all(&format!("[name='{name}']"));
        assert!(!fields.is_empty(), "no field {name} on {self}");
        fields.into_iter().flat_map(filled).collect()
    }

    /// The sentence at a field that says what is wrong with it.
    pub fn problem(&self, name: &str) -> Option<String> {
        let wrong = format!("[name='{name}'][aria-invalid=true], [data-field='{name}'][aria-invalid=true]");
        let field = *self.all(&wrong).first()?;
        let describing = field.attr("aria-describedby").unwrap_or_else(|| panic!("nothing describes {name} on {self}"));
        let said = describing.split(' ').find_map(|id| self.all(&format!(".err[id='{id}']")).first().copied().map(text));
        Some(said.unwrap_or_else(|| panic!("no sentence at {name} on {self}")))
    }

    /// The sentence that says what is wrong with the form as a whole.
    pub fn alarm(&self) -> Option<String> {
        self.all("[role=alert]").first().copied().map(text)
    }

    /// The rows of the first table.
    pub fn rows(&self) -> Vec<Row> {
        if self.has("table") { self.rows_of("table") } else { Vec::new() }
    }

    /// The rows of a table that there must be.
    pub fn rows_of(&self, table: &str) -> Vec<Row> {
        let table = self.first(table);
        let heads: Vec<String> = select(table, "thead th").into_iter().map(text).collect();
        select(table, "tbody tr").into_iter().map(|row| Row::new(&heads, row)).collect()
    }

    /// A form that there must be, filled as it stands here but for `typed`.
    pub fn form(&self, selector: &str, typed: &[(&str, &str)]) -> Form {
        let form = self.first(selector);
        let elsewhere = |kinds: &[&str]| match form.attr("id") {
            Some(id) => kinds.iter().flat_map(|kind| self.all(&format!("{kind}[form='{id}']"))).collect(),
            None => Vec::new(),
        };
        let mut fields = select(form, "input, select, textarea");
        fields.extend(elsewhere(&["input", "select", "textarea"]));
        let fields = fields.into_iter().filter(|field| field.attr("disabled").is_none());
        let named = fields.filter_map(|field| Some((field.attr("name")?, field)));
        let mut sent: Vec<(String, String)> = named
            .filter(|(name, _)| typed.iter().all(|(known, _)| known != name))
            .flat_map(|(name, field)| filled(field).into_iter().map(|value| (name.to_owned(), value)))
            .collect();
        for (name, value) in typed {
            let mut names = select(form, &format!("[name='{name}']"));
            names.extend(elsewhere(&[&format!("[name='{name}']")]));
            assert!(!names.is_empty(), "the form has no field {name} on {self}");
            sent.push(((*name).to_owned(), (*value).to_owned()));
        }
        let action = form.attr("action").map_or_else(|| self.path.clone(), str::to_owned);
        Form { action, method: form.attr("method").unwrap_or("get").to_lowercase(), fields: sent }
    }
}

impl Row {
    fn new(heads: &[String], row: ElementRef<'_>) -> Self {
        let cells = select(row, "td, th").into_iter().enumerate();
        let head = |at: usize| heads.get(at).cloned().unwrap_or_default();
        Self(cells.map(|(at, cell)| (head(at), cell.attr("data-l").unwrap_or_default().to_owned(), text(cell))).collect())
    }

    /// The text of the cell below this head, or labelled so.
    pub fn cell(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(head, label, _)| head == name || label == name);
        found.map_or_else(|| panic!("no cell {name} in {:?}", self.0), |(_, _, text)| text)
    }

    /// Every cell's text.
    pub fn cells(&self) -> Vec<&str> {
        self.0.iter().map(|(_, _, text)| text.as_str()).collect()
    }
}

impl Display for Page {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        let said = self.all("main").first().copied().map_or_else(|| self.body.clone(), text);
        write!(formatter, "{} ({}): {}", self.path, self.status, said.chars().take(2_000).collect::<String>())
    }
}

pub fn select<'a>(element: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    element.select(&Selector::parse(selector).unwrap()).collect()
}

/// What a reader sees of an element: its text, each gap as one space.
pub fn text(element: ElementRef<'_>) -> String {
    let said: String = element.text().collect();
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a browser would send of a field.
fn filled(field: ElementRef<'_>) -> Vec<String> {
    let value = |element: ElementRef<'_>| element.attr("value").map_or_else(|| text(element), str::to_owned);
    match (field.value().name(), field.attr("type")) {
        ("select", _) => {
            let chosen = select(field, "option[selected]");
            let first = || if field.attr("multiple").is_some() { Vec::new() } else { select(field, "option") };
            let chosen = if chosen.is_empty() { first().into_iter().take(1).collect() } else { chosen };
            chosen.into_iter().map(value).collect()
        }
        ("textarea", _) => vec![field.text().collect::<String>().trim_start_matches('\n').to_owned()],
        ("button", _) | (_, Some("submit" | "button" | "file")) => Vec::new(),
        (_, Some("checkbox" | "radio")) if field.attr("checked").is_none() => Vec::new(),
        (_, Some("checkbox" | "radio")) => vec![field.attr("value").unwrap_or("on").to_owned()],
        _ => vec![field.attr("value").unwrap_or_default().to_owned()],
    }
}
