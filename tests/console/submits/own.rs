//! One's own account.

use super::By::User;
use super::{Submit, Thing, Twice, submit, trial, without, wrong};

pub const SUBMITS: &[Submit] = &[
    submit(User, "/console/account")
        .about(Thing::Account)
        .on("/console/account", "form[action='/console/account']")
        .right(&[("displayName", "Some Body"), ("email", "new-{name}@example.com")])
        .wrong(&[
            wrong("displayName", "{long}", "100"),
            wrong("email", "", "Email"),
            without("email", "Email"),
            wrong("email", "nowhere", "name@example.com"),
            wrong("email", "{long}@example.com", "254"),
        ])
        .makes("SELECT count(*) FROM users WHERE id = {id} AND display_name = 'Some Body' AND email = 'new-{name}@example.com'")
        .leads("/console/account?done=saved"),
    submit(User, "/console/account/password")
        .about(Thing::Account)
        .on("/console/account", "form[action='/console/account/password']")
        .right(&[("currentPassword", "{password}"), ("newPassword", "quite another one")])
        .wrong(&[
            wrong("currentPassword", "", "Current password"),
            wrong("currentPassword", "not the password", "wrong").status(403),
            wrong("newPassword", "short", "8 to 256"),
            wrong("newPassword", "{long}", "8 to 256"),
        ])
        .makes("SELECT count(*) FROM users WHERE id = {id} AND password_hash <> '{hash}'")
        .leads("/console/account?done=password")
        .twice(Twice::Refused(403))
        .counted(),
    submit(User, "/console/account/sessions")
        .about(Thing::Session)
        .on("/console/account", "form[action='/console/account/sessions']")
        .makes("SELECT count(*) = 0 FROM sessions WHERE id = {id}")
        .leads("/console/account?done=sessions"),
    submit(User, "/console/account/sessions/{id}")
        .about(Thing::Session)
        .on("/console/account", "form[action='/console/account/sessions/{id}']")
        .makes("SELECT count(*) = 0 FROM sessions WHERE id = {id}")
        .leads("/console/account?done=session")
        .twice(Twice::Refused(404)),
];

#[actix_web::test]
async fn forms_of_the_account_do_what_they_say_and_nothing_else() {
    trial::all_of(SUBMITS).await;
}
