//! Keys: one's own, and everybody's.

use super::At::Page;
use super::By::{Admin, User};
use super::{Submit, Thing, Twice, Wrong, submit, trial, without, wrong};

const RIGHT: &[(&str, &str)] = &[
    ("name", "new {name}"),
    ("models", "claude-haiku-4-5"),
    ("budgetUsd", "1.25"),
    ("quota", "1,000"),
    ("rateLimitRpm", "5"),
    ("rateLimitTpm", "6000"),
    ("maxConcurrency", "2"),
    ("expiresAt", "2999-01-01T00:00"),
    ("allowedIps", "10.0.0.0/8"),
];
const RIGHT_OF_ADMINS: &[(&str, &str)] = &[
    ("userId", "demo"),
    ("name", "new {name}"),
    ("channelScope", "claude"),
    ("channelId", "{channel}"),
    ("budgetUsd", "1.25"),
    ("maxConcurrency", "2"),
];
const WRONG: &[Wrong] = &[
    wrong("name", "", "Name"),
    without("name", "Name"),
    wrong("name", "{long}", "100"),
    wrong("models", "{long}", "200"),
    wrong("budgetUsd", "much", "12.50"),
    wrong("budgetUsd", "-1", "12.50"),
    wrong("budgetUsd", "99999999999999999999", "12.50"),
    wrong("quota", "1.5", "whole number"),
    wrong("quota", "-1", "0"),
    wrong("rateLimitRpm", "fast", "whole number"),
    wrong("rateLimitTpm", "-1", "0"),
    wrong("maxConcurrency", "99999999999", "0"),
    wrong("expiresAt", "someday", "date"),
    wrong("allowedIps", "10.0.0.0/99", "one IP address or network"),
];
const WRONG_FOR_ADMINS: &[Wrong] = &[
    wrong("userId", "", "user"),
    wrong("userId", "nobody-is-called-so", "user"),
    wrong("name", "", "Name"),
    wrong("channelScope", "everything", "one of"),
    wrong("channelId", "7", "channel"),
    wrong("channelId", "x", "channel"),
    wrong("budgetUsd", "-1", "12.50"),
];
const MADE: &str = "SELECT count(*) FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.name = 'new {name}' AND u.username = 'demo' \
    AND max(coalesce(k.budget_nanos, 0), coalesce(k.admin_budget_nanos, 0)) = 1250000000";
const OFF: &str = "SELECT count(*) FROM api_keys WHERE id = {id} AND status = 'disabled'";
const ROTATED: &str = "SELECT count(*) FROM audit WHERE action = 'key.rotate' AND subject_id = {id}";
const GONE: &str = "SELECT count(*) = 0 FROM api_keys WHERE id = {id}";
const SIDEWAYS: &[Wrong] = &[wrong("status", "sideways", "active").at(Page), without("status", "active").at(Page)];

pub const SUBMITS: &[Submit] = &[
    submit(User, "/console/keys")
        .on("/console/keys/new", "form.panel")
        .right(RIGHT)
        .wrong(WRONG)
        .makes(MADE)
        .leads("#secret")
        .twice(Twice::Again),
    submit(User, "/console/keys/{id}")
        .about(Thing::Key)
        .on("/console/keys/{id}", "form.panel")
        .right(RIGHT)
        .wrong(WRONG)
        .makes(MADE)
        .leads("/console/keys?done=saved"),
    submit(User, "/console/keys/{id}/status")
        .about(Thing::Key)
        .on("/console/keys", "form[action='/console/keys/{id}/status']")
        .right(&[("status", "disabled")])
        .wrong(SIDEWAYS)
        .makes(OFF)
        .leads("/console/keys?done=disabled"),
    submit(User, "/console/keys/{id}/rotate")
        .about(Thing::Key)
        .on("/console/keys/{id}/rotate", "form.question")
        .makes(ROTATED)
        .leads("#secret")
        .twice(Twice::Again),
    submit(User, "/console/keys/{id}/remove")
        .about(Thing::Key)
        .on("/console/keys/{id}/remove", "form.question")
        .makes(GONE)
        .leads("/console/keys?done=removed")
        .twice(Twice::Refused(404)),
    submit(Admin, "/admin/keys")
        .on("/admin/keys/new", "form.panel")
        .right(RIGHT_OF_ADMINS)
        .wrong(WRONG_FOR_ADMINS)
        .makes(MADE)
        .leads("#secret")
        .twice(Twice::Again),
    submit(Admin, "/admin/keys/{id}")
        .about(Thing::Key)
        .on("/admin/keys/{id}", "form.panel")
        .right(&[("name", "new {name}"), ("channelScope", "claude"), ("channelId", "{channel}"), ("budgetUsd", "1.25")])
        .wrong(WRONG_FOR_ADMINS.split_at(2).1)
        .makes(MADE)
        .leads("/admin/keys?done=saved"),
    submit(Admin, "/admin/keys/{id}/status")
        .about(Thing::Key)
        .on("/admin/keys", "form[action='/admin/keys/{id}/status']")
        .right(&[("status", "disabled")])
        .wrong(SIDEWAYS)
        .makes(OFF)
        .leads("/admin/keys?done=disabled"),
    submit(Admin, "/admin/keys/{id}/rotate")
        .about(Thing::Key)
        .on("/admin/keys/{id}/rotate", "form.question")
        .makes(ROTATED)
        .leads("#secret")
        .twice(Twice::Again),
    submit(Admin, "/admin/keys/{id}/remove")
        .about(Thing::Key)
        .on("/admin/keys/{id}/remove", "form.question")
        .makes(GONE)
        .leads("/admin/keys?done=removed")
        .twice(Twice::Refused(404)),
];

#[actix_web::test]
async fn forms_of_keys_do_what_they_say_and_nothing_else() {
    trial::all_of(SUBMITS).await;
}
