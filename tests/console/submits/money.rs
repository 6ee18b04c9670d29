//! Gift cards and admin tokens.

use super::At::Page;
use super::By::{Admin, User};
use super::{Submit, Thing, Twice, submit, trial, without, wrong};

pub const SUBMITS: &[Submit] = &[
    submit(User, "/console/redeem")
        .about(Thing::Card)
        .on("/console/redeem", "form.redeem")
        .right(&[("code", "{code}")])
        .wrong(&[
            wrong("code", "", "gift card").status(404),
            without("code", "gift card").status(404),
            wrong("code", "GC-AAAA-BBBB", "gift card").status(404),
        ])
        .makes("SELECT count(*) FROM ledger WHERE gift_card_id = {id} AND amount_nanos = 2500000000")
        .leads("/console/redeem?done=redeemed")
        .twice(Twice::Refused(409))
        .counted(),
    submit(Admin, "/admin/gift-cards")
        .on("/admin/gift-cards/new", "form.panel")
        .right(&[("amountUsd", "$7.000000001"), ("count", "1"), ("expiresAt", "2999-01-01T00:00")])
        .wrong(&[
            wrong("amountUsd", "", "12.50"),
            without("amountUsd", "12.50"),
            wrong("amountUsd", "much", "12.50"),
            wrong("amountUsd", "-1", "0"),
            wrong("amountUsd", "0", "0"),
            wrong("amountUsd", "99999999", "12.50"),
            wrong("count", "0", "100"),
            wrong("count", "101", "100"),
            wrong("count", "some", "whole number"),
            wrong("expiresAt", "2020-01-01T00:00", "to come"),
            wrong("expiresAt", "someday", "date"),
        ])
        .makes("SELECT count(*) FROM gift_cards WHERE amount_nanos = 7000000001 AND id > {last}")
        .leads("#codes")
        .twice(Twice::Again),
    submit(Admin, "/admin/gift-cards/{id}/revoke")
        .about(Thing::Card)
        .on("/admin/gift-cards/{id}/revoke", "form.question")
        .makes("SELECT count(*) FROM gift_cards WHERE id = {id} AND revoked_at IS NOT NULL")
        .leads("/admin/gift-cards?done=revoked"),
    submit(Admin, "/admin/gift-cards/several")
        .about(Thing::Card)
        .on("/admin/gift-cards", "form#several")
        .right(&[("id", "{id}"), ("act", "revoke")])
        .wrong(&[wrong("act", "sell", "act").at(Page), without("act", "act").at(Page)])
        .leads("form.question [name=id][value='{id}']"),
    submit(Admin, "/admin/tokens")
        .on("/admin/tokens/new", "form.panel")
        .right(&[("name", "new {name}"), ("expiresAt", "2999-01-01T00:00")])
        .wrong(&[
            wrong("name", "", "Name"),
            wrong("name", "{long}", "100"),
            wrong("expiresAt", "2020-01-01T00:00", "to come"),
            wrong("expiresAt", "someday", "date"),
        ])
        .makes("SELECT count(*) FROM admin_tokens WHERE name = 'new {name}'")
        .leads("#secret")
        .twice(Twice::Again),
    submit(Admin, "/admin/tokens/{id}/remove")
        .about(Thing::Token)
        .on("/admin/tokens/{id}/remove", "form.question")
        .makes("SELECT count(*) = 0 FROM admin_tokens WHERE id = {id}")
        .leads("/admin/tokens?done=removed")
        .twice(Twice::Refused(404)),
];

#[actix_web::test]
async fn forms_of_money_do_what_they_say_and_nothing_else() {
    trial::all_of(SUBMITS).await;
}
