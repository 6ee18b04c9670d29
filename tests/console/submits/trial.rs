//! The trial of one form.

use std::collections::BTreeMap;

use reqwest::Method;

use super::stage::{Made, Stage};
use super::{At, By, Submit, Twice, Wrong};
use crate::page::{Form, Page};
use crate::visitor::{File, Visitor};

/// Written beside what a form does: visits, what requests are counted in, and who works in the background.
const ASIDE: &[&str] = &["sessions", "channel_activity", "traffic_hourly", "latency_hourly", "leases"];
/// What a second submit may leave behind, too: that it was made.
const TRAIL: &[&str] = &[
    "sessions",
    "channel_activity",
    "traffic_hourly",
    "latency_hourly",
    "leases",
    "audit",
    "changes",
    "channel_tests",
    "updated_at",
    // Sealed or salted anew whenever they are stored.
    "password_hash",
    "api_key_sealed",
    "headers_sealed",
    "last_login_at",
];
/// What people type by mistake, or on purpose.
const NONSENSE: [&str; 4] = ["{long}", "-1", "99999999999999999999999", "\u{0}\u{202e}<b>１"];

type Kept = BTreeMap<String, Vec<String>>;

/// A form as it is about to be sent.
#[derive(Clone)]
struct Body {
    action: String,
    fields: Vec<(String, String)>,
    file: Option<(&'static str, String)>,
}

/// One form, what it acts on, and who sends it.
struct Trial<'a> {
    stage: &'a Stage,
    submit: &'a Submit,
    made: Made,
    named: String,
}

/// Tries every form of a room.
pub async fn all_of(submits: &[Submit]) {
    let stage = Stage::set().await;
    for submit in submits {
        let trial = Trial::of(&stage, submit).await;
        let body = trial.opened().await;
        trial.others_change_nothing(&body).await;
        trial.nothing_is_done_with_nothing(&body).await;
        for wrong in submit.wrong {
            trial.is_refused(wrong).await;
        }
        trial.is_done_once(&body).await;
        Trial::of(&stage, submit).await.is_done_once_when_pressed_twice().await;
        if submit.route.contains("{id}") {
            Trial::of(&stage, submit).await.says_what_is_gone().await;
        }
        if submit.takes_nonsense {
            Trial::of(&stage, submit).await.takes_no_nonsense().await;
        }
    }
    assert_eq!(stage.world.errors(), Vec::<String>::new());
}

impl<'a> Trial<'a> {
    async fn of(stage: &'a Stage, submit: &'a Submit) -> Self {
        let named = format!("{} of {:?}", submit.route, submit.about);
        Self { stage, submit, made: stage.make(submit).await, named }
    }

    fn rightful(&self) -> &Visitor {
        self.stage.rightful(self.submit, &self.made)
    }

    fn filled(&self, fields: &[(&'static str, &'static str)]) -> Vec<(&'static str, String)> {
        fields.iter().map(|(name, value)| (*name, self.made.fill(value))).collect()
    }

    /// Opens the page with the form and fills it in.
    async fn opened(&self) -> Body {
        self.typed(&self.filled(self.submit.right)).await
    }

    async fn typed(&self, typed: &[(&'static str, String)]) -> Body {
        let typed: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = self.page().await;
        let Form { action, method, fields } = page.form(&self.made.fill(self.submit.form), &typed);
        assert_eq!(method, "post", "{}", self.named);
        let file = self.submit.file.map(|(field, content)| (field, self.made.fill(content)));
        Body { action, fields, file }
    }

    async fn page(&self) -> Page {
        let page = self.rightful().get(&self.made.fill(self.submit.page)).await;
        assert_eq!(page.status, 200, "{}: {page}", self.named);
        let Some((form, field, content)) = self.submit.after else { return page };
        let Form { action, fields, .. } = page.form(form, &[]);
        let body = Body { action, fields, file: Some((field, self.made.fill(content))) };
        let page = send(self.rightful(), &body).await;
        assert_eq!(page.status, 200, "{}: {page}", self.named);
        page
    }

    async fn kept(&self) -> Kept {
        self.stage.world.books().everything(ASIDE).await
    }

    async fn kept_but_for_the_trail(&self) -> Kept {
        self.stage.world.books().everything(TRAIL).await
    }

    async fn truth(&self) -> i64 {
        if self.submit.truth.is_empty() {
            return 0;
        }
        self.stage.world.books().number(&self.made.fill(self.submit.truth)).await
    }

    async fn is_untouched(&self, before: &Kept, what: &str) {
        same(before, &self.kept().await, &format!("{} {what}", self.named));
        assert_eq!(self.truth().await, 0, "{} {what}: {}", self.named, self.submit.truth);
    }

    /// Strangers, people whose session has ended, users where admins act, other users, and other sites.
    async fn others_change_nothing(&self, body: &Body) {
        let (stage, before, named) = (self.stage, self.kept().await, &self.named);
        for foreign in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let request = self.rightful().request(Method::POST, &body.action).header(foreign.0, foreign.1);
            let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&body.fields).finish();
            let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
            assert_eq!(request.send().await.unwrap().status(), 403, "{named} from another site");
        }
        if self.submit.by != By::Anybody {
            let late = if self.submit.by == By::Admin { &stage.late_admin } else { &stage.late_user };
            for (who, visitor) in [("a stranger", &stage.world.stranger()), ("somebody whose session has ended", late)] {
                let sent = send(visitor, body).await;
                assert_eq!((sent.status, sent.location.as_deref()), (303, Some("/sign-in")), "{named} from {who}");
            }
        }
        if self.submit.by == By::Admin {
            assert_eq!(send(&stage.user, body).await.status, 403, "{named} from a user");
        }
        if self.submit.by == By::User && self.submit.route.contains("{id}") {
            for (who, visitor) in [("another user", &stage.other), ("an admin as a user", &stage.admin)] {
                assert_eq!(send(visitor, body).await.status, 404, "{named} from {who}");
            }
        }
        self.is_untouched(&before, "from others").await;
    }

    /// A body without the form's fields.
    async fn nothing_is_done_with_nothing(&self, body: &Body) {
        if body.fields.iter().all(|(name, _)| name == "back") && body.file.is_none() {
            return;
        }
        let before = self.kept_but_for_the_trail().await;
        let answer = self.rightful().post(&body.action, &[]).await;
        assert!(answer.status < 500, "{} without fields: {answer}", self.named);
        same(&before, &self.kept_but_for_the_trail().await, &format!("{} without fields", self.named));
        assert_eq!(self.truth().await, 0, "{} without fields", self.named);
    }

    /// The form comes back with what was typed, and says at the field what is wrong with it.
    async fn is_refused(&self, wrong: &Wrong) {
        let (before, mut body) = (self.kept().await, self.opened().await);
        let value = wrong.value.map(|value| self.made.fill(value));
        body.fields.retain(|(name, _)| name != wrong.field);
        body.fields.extend(value.iter().map(|value| (wrong.field.to_owned(), value.clone())));
        if body.file.as_ref().is_some_and(|(field, _)| *field == wrong.field) {
            body.file = value.as_ref().map(|value| (wrong.field, value.clone()));
            body.fields.retain(|(name, _)| name != wrong.field);
        }
        let refused = send(self.rightful(), &body).await;
        let shown: String = wrong.value.unwrap_or("nothing").chars().take(40).collect();
        let case = format!("{} with {shown:?} in {}", self.named, wrong.field);
        assert_eq!(refused.status, wrong.status, "{case}: {refused}");
        let said = match wrong.at {
            At::Field(field) => refused.problem(field).unwrap_or_else(|| panic!("{case}: nothing at {field}: {refused}")),
            At::Form => refused.alarm().unwrap_or_else(|| panic!("{case}: no alarm: {refused}")),
            At::Page => refused.text("main"),
        };
        assert!(said.contains(wrong.says), "{case}: {said}");
        if wrong.at != At::Page {
            self.is_kept(&refused, wrong, &case);
        }
        self.is_untouched(&before, &case).await;
    }

    /// What was typed is in the form again, but for secrets, which are nowhere.
    fn is_kept(&self, refused: &Page, wrong: &Wrong, case: &str) {
        let wrong_now = wrong.value.map(|value| (wrong.field, self.made.fill(value)));
        let others = self.filled(self.submit.right).into_iter().filter(|(name, _)| *name != wrong.field);
        for (name, value) in others.chain(wrong_now) {
            if is_secret(name) {
                assert!(value.is_empty() || !refused.body.contains(&value), "{case}: {name} is shown again");
                continue;
            }
            let is_typed = refused.has(&format!("input[name='{name}']:not([type=file], [type=hidden]), textarea[name='{name}']"));
            let is_option = refused.attributes(&format!("select[name='{name}'] option"), "value").contains(&value);
            let is_box = refused.has(&format!("[name='{name}'][type=checkbox], [name='{name}'][type=radio]"));
            if is_option || is_typed && (!is_box || name != wrong.field) {
                assert!(refused.values(name).contains(&value), "{case}: {name} was {value:?}, is {:?}", refused.values(name));
            }
        }
    }

    /// Does what it is for; the same body once more does it no second time.
    async fn is_done_once(&self, opened: &Body) {
        let (submit, named) = (self.submit, &self.named);
        let body = if submit.wrong.is_empty() { opened.clone() } else { self.opened().await };
        let before = self.kept().await;
        assert_eq!(self.truth().await, 0, "{named} before: {}", submit.truth);
        let done = send(self.rightful(), &body).await;
        self.leads_on(&done);
        if submit.truth.is_empty() {
            same(&before, &self.kept().await, named);
        } else {
            assert_eq!(self.truth().await, 1, "{named}: {}", submit.truth);
        }
        let (all, most) = (self.kept().await, self.kept_but_for_the_trail().await);
        let twice = send(self.rightful(), &body).await;
        match submit.twice {
            Twice::Alike => {
                self.leads_on(&twice);
                same(&most, &self.kept_but_for_the_trail().await, &format!("{named} twice"));
            }
            Twice::Again => {
                assert_eq!((twice.status, &twice.body), (done.status, &done.body), "{named} twice");
                assert_eq!(twice.location, done.location, "{named} twice");
                same(&all, &self.kept().await, &format!("{named} twice"));
            }
            Twice::Refused(status) => {
                assert_eq!(twice.status, status, "{named} twice: {twice}");
                assert!(twice.has("[role=alert], .err, main h1"), "{named} twice says nothing: {twice}");
                same(&all, &self.kept().await, &format!("{named} twice"));
            }
        }
    }

    fn leads_on(&self, answer: &Page) {
        let leads = self.made.fill(self.submit.leads);
        if leads.starts_with('/') {
            let place = answer.location.clone().unwrap_or_default();
            assert!(answer.status == 303 && place.starts_with(&leads), "{} leads to {place:?}: {answer}", self.named);
        } else {
            assert!(answer.status == 200 && answer.has(&leads), "{}: no {leads}: {answer}", self.named);
        }
    }

    async fn is_done_once_when_pressed_twice(&self) {
        let body = self.opened().await;
        let (one, other) = tokio::join!(send(self.rightful(), &body), send(self.rightful(), &body));
        let statuses = (one.status, other.status);
        assert!(one.status < 500 && other.status < 500, "{} pressed twice: {statuses:?} {one} {other}", self.named);
        assert!(one.status < 400 || other.status < 400, "{} pressed twice: {statuses:?} {one} {other}", self.named);
        if !self.submit.truth.is_empty() {
            assert_eq!(self.truth().await, 1, "{} pressed twice: {statuses:?}", self.named);
        }
    }

    /// A form about something that is gone by now.
    async fn says_what_is_gone(&self) {
        let body = self.opened().await;
        self.stage.take_away(self.submit.about, self.made.id).await;
        let before = self.kept().await;
        let gone = send(self.rightful(), &body).await;
        assert_eq!(gone.status, 404, "{} when it is gone: {gone}", self.named);
        same(&before, &self.kept().await, &format!("{} when it is gone", self.named));
    }

    /// Whatever stands in a field, the answer is a page, and one that refuses says what is wrong.
    async fn takes_no_nonsense(&self) {
        let names: Vec<String> = self.opened().await.fields.into_iter().map(|(name, _)| name).collect();
        for name in names.iter().filter(|name| *name != "ticket") {
            for nonsense in NONSENSE {
                let mut body = self.opened_if_there().await;
                let Some(body) = body.as_mut() else { return };
                body.fields.retain(|(known, _)| known != name);
                body.fields.push((name.clone(), self.made.fill(nonsense)));
                let answer = send(self.rightful(), body).await;
                let case = format!("{} with {nonsense:?} in {name}", self.named);
                assert!(answer.status < 500, "{case}: {answer}");
                assert!(answer.status < 400 || answer.has("[role=alert], .err, main h1"), "{case} says nothing: {answer}");
                if answer.status == 422 && answer.has(&format!("form [name='{name}']:not([type=hidden])")) {
                    assert!(answer.problem(name).is_some() || answer.alarm().is_some() || answer.has(".err"), "{case}: {answer}");
                }
            }
        }
    }

    /// The form, unless what it is about went away by what was sent before.
    async fn opened_if_there(&self) -> Option<Body> {
        let page = self.rightful().get(&self.made.fill(self.submit.page)).await;
        if page.status != 200 || !page.has(&self.made.fill(self.submit.form)) && self.submit.after.is_none() {
            return None;
        }
        let page = self.page().await;
        let form = self.made.fill(self.submit.form);
        let typed = self.filled(self.submit.right);
        let typed: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let Form { action, fields, .. } = page.form(&form, &typed);
        Some(Body { action, fields, file: self.submit.file.map(|(field, content)| (field, self.made.fill(content))) })
    }
}

async fn send(visitor: &Visitor, body: &Body) -> Page {
    let fields: Vec<(&str, &str)> = body.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match &body.file {
        Some((field, content)) => visitor.post_file(&body.action, &fields, &File { field, name: "file.json", content }).await,
        None => visitor.post(&body.action, &fields).await,
    }
}

fn is_secret(field: &str) -> bool {
    ["assword", "apiKey", "headers"].iter().any(|secret| field.contains(secret))
}

/// Names the rows that differ.
fn same(before: &Kept, after: &Kept, when: &str) {
    for (table, rows) in before {
        let now = &after[table];
        let gone: Vec<_> = rows.iter().filter(|row| !now.contains(row)).collect();
        let new: Vec<_> = now.iter().filter(|row| !rows.contains(row)).collect();
        assert!(gone.is_empty() && new.is_empty(), "{when}: {table} had {gone:?}, has {new:?}");
    }
}
