//! Signing in, registering, signing out, and what browsers remember.

use super::At::Form;
use super::By::Anybody;
use super::{Submit, Thing, Twice, submit, trial, without, wrong};

pub const SUBMITS: &[Submit] = &[
    submit(Anybody, "/sign-in")
        .about(Thing::User)
        .on("/sign-in?next=/console/keys", "form.panel")
        .right(&[("account", "{name}"), ("password", "{password}")])
        .wrong(&[
            wrong("account", "", "1 to 254"),
            without("account", "1 to 254"),
            wrong("account", "{long}", "254"),
            wrong("password", "", "Password"),
            wrong("account", "nobody-is-called-so", "wrong").at(Form).status(401),
            wrong("password", "not the password", "wrong").at(Form).status(401),
        ])
        .makes("SELECT count(*) > 0 FROM sessions WHERE user_id = {id}")
        .leads("/console/keys")
        .counted(),
    submit(Anybody, "/register")
        .on("/register", "form.panel")
        .right(&[
            ("username", "{name}"),
            ("email", "{name}@example.com"),
            ("displayName", "Some Body"),
            ("password", "{password}"),
        ])
        .wrong(&[
            wrong("username", "", "Username"),
            wrong("username", "ab", "3 to 64"),
            wrong("username", "no blanks", "letters"),
            wrong("username", "demo", "taken").status(409),
            wrong("email", "", "Email"),
            wrong("email", "nowhere", "name@example.com"),
            wrong("password", "short", "8 to 256"),
            without("password", "8 to 256"),
            wrong("displayName", "{long}", "100"),
        ])
        .makes("SELECT count(*) FROM users WHERE username = '{name}'")
        .leads("/console")
        .twice(Twice::Refused(409))
        .counted(),
    submit(Anybody, "/sign-out")
        .about(Thing::Account)
        .on("/console", "form[action='/sign-out']")
        .makes("SELECT count(*) = 0 FROM sessions WHERE user_id = {id}")
        .leads("/sign-in"),
    submit(Anybody, "/preferences")
        .about(Thing::Account)
        .on("/console", "form[action='/preferences']")
        .right(&[("language", "zh")])
        .makes("SELECT count(*) FROM users WHERE id = {id} AND language = 'zh'")
        .leads("/"),
];

#[actix_web::test]
async fn forms_of_the_gate_do_what_they_say_and_nothing_else() {
    trial::all_of(SUBMITS).await;
}
