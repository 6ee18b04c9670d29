//! Every route below `/api`.

use super::table::{RouteTable, Routes};
use super::{admin, auth, catalogue, channels, keys, live, me, reports, site, users};

/// The table of all routes.
pub fn routes() -> Routes {
    let mut table = RouteTable::default();
    table
        .post("/auth/register", "Register; the first account ever becomes super admin", auth::register)
        .post("/auth/login", "Sign in by username or email address", auth::login)
        .post("/auth/logout", "Sign out", auth::logout)
        .get("/me", "My account", me::get)
        .patch("/me", "Change my profile", me::update)
        .post("/me/password", "Change my password; my other sessions end", me::password)
        .get("/me/sessions", "My sessions", me::sessions)
        .delete("/me/sessions", "End all my sessions but this one", me::end_other_sessions)
        .delete("/me/sessions/{id}", "End one of my sessions", me::end_session)
        .get("/me/ledger", "The history of my balance", me::ledger);
    table
        .get("/users", "List accounts", users::list)
        .post("/users", "Make an account", users::create)
        .get("/users/{id}", "One account", users::get)
        .patch("/users/{id}", "Change an account", users::update)
        .delete("/users/{id}", "Remove an account; its ledger stays", users::remove)
        .get("/users/{id}/ledger", "The history of a balance", users::ledger)
        .get("/users/{id}/quota", "Money and limits of an account", users::quota)
        .patch("/users/{id}/quota", "Change money or limits of an account", users::change_quota);
    table
        .get("/keys", "List keys: one's own; for admins all", keys::list)
        .post("/keys", "Make a key; the only answer that shows it", keys::create)
        .patch("/keys/{id}", "Change a key", keys::update)
        .delete("/keys/{id}", "Remove a key", keys::remove)
        .post("/keys/{id}/rotate", "Give a key a new text; the old one stops working", keys::rotate);
    table
        .get("/admin-tokens", "List admin tokens", admin::tokens)
        .post("/admin-tokens", "Make an admin token; the only answer that shows it", admin::create_token)
        .delete("/admin-tokens/{id}", "Remove an admin token", admin::remove_token)
        .get("/activity", "Who changed what", admin::activity);
    catalogue::routes(&mut table);
    channels::routes(&mut table);
    live::routes(&mut table);
    reports::routes(&mut table);
    site::routes(&mut table);
    table.build()
}
