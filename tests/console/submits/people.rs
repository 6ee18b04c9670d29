//! Users, for admins.

use super::At::{Form, Page};
use super::By::Admin;
use super::{Submit, Thing, Twice, submit, trial, without, wrong};

pub const SUBMITS: &[Submit] = &[
    submit(Admin, "/admin/users")
        .on("/admin/users/new", "form.panel")
        .right(&[
            ("username", "{name}"),
            ("displayName", "Some Body"),
            ("email", "{name}@example.com"),
            ("password", "{password}"),
            ("role", "admin"),
            ("status", "pending"),
            ("quotaUsd", "2.5"),
            ("rateLimitRpm", "60"),
        ])
        .wrong(&[
            wrong("username", "ab", "3 to 64"),
            wrong("username", "demo", "taken").status(409),
            wrong("email", "nowhere", "name@example.com"),
            wrong("password", "short", "8 to 256"),
            without("password", "8 to 256"),
            wrong("role", "emperor", "one of"),
            wrong("status", "asleep", "one of"),
            wrong("quotaUsd", "much", "12.50"),
            wrong("quotaUsd", "9999999999", "one billion"),
            wrong("rateLimitRpm", "-1", "0"),
            wrong("rateLimitTpm", "1.5", "whole number"),
            wrong("maxConcurrency", "many", "whole number"),
        ])
        .makes("SELECT count(*) FROM users WHERE username = '{name}' AND role = 'admin' AND status = 'pending' AND quota_nanos = 2500000000")
        .leads("/admin/users/")
        .twice(Twice::Refused(409)),
    submit(Admin, "/admin/users/{id}/edit")
        .about(Thing::User)
        .on("/admin/users/{id}/edit", "form.panel")
        .right(&[("username", "new-{name}"), ("displayName", "Some Body"), ("email", "new-{name}@example.com"), ("role", "admin")])
        .wrong(&[
            wrong("username", "", "3 to 64"),
            wrong("username", "demo", "taken").status(409),
            wrong("displayName", "{long}", "100"),
            wrong("email", "", "Email"),
            wrong("role", "emperor", "one of"),
            wrong("status", "asleep", "one of"),
        ])
        .makes("SELECT count(*) FROM users WHERE id = {id} AND username = 'new-{name}' AND role = 'admin' AND display_name = 'Some Body'")
        .leads("/admin/users/{id}?done=saved"),
    submit(Admin, "/admin/users/{id}/password")
        .about(Thing::Account)
        .on("/admin/users/{id}/password", "form.question")
        .right(&[("password", "quite another one")])
        .wrong(&[wrong("password", "short", "8 to 256"), wrong("password", "{long}", "8 to 256"), without("password", "8 to 256")])
        .makes("SELECT count(*) FROM users WHERE id = {id} AND password_hash <> '{hash}'")
        .leads("/admin/users/{id}?done=password"),
    submit(Admin, "/admin/users/{id}/status")
        .about(Thing::User)
        .on("/admin/users/{id}", "form[action='/admin/users/{id}/status']")
        .right(&[("status", "disabled")])
        .wrong(&[wrong("status", "asleep", "one of").at(Page), without("status", "one of").at(Page)])
        .makes("SELECT count(*) FROM users WHERE id = {id} AND status = 'disabled'")
        .leads("/admin/users/{id}?done=disabled"),
    submit(Admin, "/admin/users/{id}/sessions")
        .about(Thing::Account)
        .on("/admin/users/{id}", "form[action='/admin/users/{id}/sessions']")
        .makes("SELECT count(*) = 0 FROM sessions WHERE user_id = {id}")
        .leads("/admin/users/{id}?done=sessions"),
    submit(Admin, "/admin/users/{id}/sessions/{session}")
        .about(Thing::Account)
        .on("/admin/users/{id}", "form[action='/admin/users/{id}/sessions/{session}']")
        .makes("SELECT count(*) = 0 FROM sessions WHERE id = {session}")
        .leads("/admin/users/{id}?done=session")
        .twice(Twice::Refused(404)),
    submit(Admin, "/admin/users/{id}/remove")
        .about(Thing::User)
        .on("/admin/users/{id}/remove", "form.question")
        .makes("SELECT count(*) FROM users WHERE id = {id} AND deleted_at IS NOT NULL")
        .leads("/admin/users?done=removed")
        .twice(Twice::Refused(404)),
    submit(Admin, "/admin/users/{id}/balance")
        .about(Thing::User)
        .on("/admin/users/{id}/balance", "form.panel")
        .right(&[("mode", "adjust"), ("adjustUsd", "-1.25"), ("reason", "A mistake")])
        .wrong(&[
            wrong("adjustUsd", "", "required"),
            wrong("adjustUsd", "much", "12.50"),
            wrong("adjustUsd", "9999999999", "one billion"),
            wrong("reason", "", "required"),
            wrong("reason", "{long}", "500"),
            wrong("expectedQuotaUsd", "7", "$3.00").at(Form).status(409),
        ])
        .makes("SELECT count(*) FROM ledger WHERE user_id = {id} AND amount_nanos = -1250000000 AND balance_nanos = 1750000000")
        .leads("/admin/users/{id}?done=balance")
        .twice(Twice::Again),
    submit(Admin, "/admin/users/{id}/balance")
        .about(Thing::User)
        .on("/admin/users/{id}/balance", "form.panel")
        .right(&[("mode", "set"), ("adjustUsd", "3"), ("reason", "As it is")])
        .wrong(&[wrong("adjustUsd", "-1", "0")])
        .makes("SELECT count(*) FROM ledger WHERE user_id = {id} AND reason = 'As it is'")
        .leads("/admin/users/{id}?done=balance")
        .twice(Twice::Again),
    submit(Admin, "/admin/users/{id}/limits")
        .about(Thing::User)
        .on("/admin/users/{id}/limits", "form.panel")
        .right(&[("rateLimitRpm", "90"), ("rateLimitTpm", "0"), ("maxConcurrency", "4")])
        .wrong(&[
            wrong("rateLimitRpm", "-1", "0"),
            wrong("rateLimitTpm", "fast", "whole number"),
            wrong("maxConcurrency", "99999999999", "4294967295"),
        ])
        .makes("SELECT count(*) FROM users WHERE id = {id} AND rate_limit_rpm = 90 AND rate_limit_tpm = 0 AND max_concurrency = 4")
        .leads("/admin/users/{id}?done=limits"),
];

#[actix_web::test]
async fn forms_of_users_do_what_they_say_and_nothing_else() {
    trial::all_of(SUBMITS).await;
}
