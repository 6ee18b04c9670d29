//! Every form of the console: submitted wrong, right, twice, by others, with a session that has ended, and after what it is
//! about is gone. Each is opened first and its own fields are sent, as a browser without scripts does it.

mod catalogue;
mod channels;
mod gate;
mod keys;
mod money;
mod own;
mod people;
mod prices;
mod site;
mod stage;
mod trial;

use std::collections::BTreeSet;

use crate::router;

/// Who may send a form; [`crate::pages::For`] tells who may open a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Anybody,
    User,
    Admin,
}

/// What a form acts on, made anew for each trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    Nothing,
    /// A user of their own, signed in.
    Account,
    /// Another session of the user.
    Session,
    /// A key of the user.
    Key,
    User,
    Card,
    Token,
    Channel,
    /// A channel that is not asked any more.
    BrokenChannel,
    /// A channel that serves a model nobody knows yet.
    ListingChannel,
    Model,
    /// A name that was asked for and that nobody serves.
    MissingModel,
    Mapping,
    Price,
    /// A request of long ago.
    OldRequest,
}

/// What the same body does when it is sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twice {
    /// It is answered alike, and everything is as it was but for the trail that is left.
    Alike,
    /// It is answered with the very same page, and nothing at all is done.
    Again,
    /// It is refused with this status, and nothing at all is done.
    Refused(u16),
}

/// Where a refusal says what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Field(&'static str),
    /// Above the form.
    Form,
    /// On a page of its own: the form has nothing that could be typed.
    Page,
}

/// Something that is wrong with a field.
#[derive(Clone, Copy, Debug)]
pub struct Wrong {
    field: &'static str,
    /// What is typed; nothing where the field is left out.
    value: Option<&'static str>,
    at: At,
    says: &'static str,
    status: u16,
}

/// A form, and what comes of it. In all texts `{…}` stands for what the stage knows: `{id}`, `{name}`, …
#[derive(Clone, Copy, Debug)]
pub struct Submit {
    route: &'static str,
    by: By,
    about: Thing,
    /// Where the form is.
    page: &'static str,
    form: &'static str,
    /// A file that is sent with the form before, whose answer holds this form.
    after: Option<(&'static str, &'static str, &'static str)>,
    file: Option<(&'static str, &'static str)>,
    right: &'static [(&'static str, &'static str)],
    wrong: &'static [Wrong],
    /// Is 0 before and 1 after; empty where nothing changes.
    truth: &'static str,
    /// Where it leads: an address, or what is on the page that answers.
    leads: &'static str,
    twice: Twice,
    /// Whether nonsense may be sent: not where wrong tries are counted.
    takes_nonsense: bool,
}

const fn submit(by: By, route: &'static str) -> Submit {
    Submit {
        route,
        by,
        about: Thing::Nothing,
        page: "",
        form: "form.panel",
        after: None,
        file: None,
        right: &[],
        wrong: &[],
        truth: "",
        leads: "",
        twice: Twice::Alike,
        takes_nonsense: true,
    }
}

impl Submit {
    const fn about(self, about: Thing) -> Self {
        Self { about, ..self }
    }

    /// The form `form` on `page`.
    const fn on(self, page: &'static str, form: &'static str) -> Self {
        Self { page, form, ..self }
    }

    /// On the page that answers when `form` has been sent with this content in its field for a file.
    const fn after(self, form: &'static str, field: &'static str, content: &'static str) -> Self {
        Self { after: Some((form, field, content)), ..self }
    }

    const fn file(self, field: &'static str, content: &'static str) -> Self {
        Self { file: Some((field, content)), ..self }
    }

    const fn right(self, right: &'static [(&'static str, &'static str)]) -> Self {
        Self { right, ..self }
    }

    const fn wrong(self, wrong: &'static [Wrong]) -> Self {
        Self { wrong, ..self }
    }

    const fn makes(self, truth: &'static str) -> Self {
        Self { truth, ..self }
    }

    const fn leads(self, leads: &'static str) -> Self {
        Self { leads, ..self }
    }

    const fn twice(self, twice: Twice) -> Self {
        Self { twice, ..self }
    }

    /// Wrong tries are counted: no more of them than the table has.
    const fn counted(self) -> Self {
        Self { takes_nonsense: false, ..self }
    }
}

/// A value that is refused at its field in these words.
const fn wrong(field: &'static str, value: &'static str, says: &'static str) -> Wrong {
    Wrong { field, value: Some(value), at: At::Field(field), says, status: 422 }
}

/// A field that the form must have.
const fn without(field: &'static str, says: &'static str) -> Wrong {
    Wrong { field, value: None, at: At::Field(field), says, status: 422 }
}

impl Wrong {
    const fn at(self, at: At) -> Self {
        Self { at, ..self }
    }

    const fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

fn table() -> Vec<Submit> {
    let rooms = [
        gate::SUBMITS,
        own::SUBMITS,
        keys::SUBMITS,
        people::SUBMITS,
        money::SUBMITS,
        channels::SUBMITS,
        catalogue::SUBMITS,
        prices::SUBMITS,
        site::SUBMITS,
    ];
    rooms.concat()
}

#[test]
fn every_form_is_in_the_table() {
    let sent_to: BTreeSet<String> = router::sent_to().into_iter().collect();
    let known: BTreeSet<String> = table().iter().map(|submit| submit.route.to_owned()).collect();
    let forgotten: Vec<_> = sent_to.difference(&known).collect();
    assert!(forgotten.is_empty(), "add these to the table of their room in tests/console/submits: {forgotten:?}");
    let gone: Vec<_> = known.difference(&sent_to).collect();
    assert!(gone.is_empty(), "the console has no such forms: {gone:?}");
}
