//! Every route below `/api`.

use super::table::{RouteTable, Routes};
use super::{admin, auth, catalogue, channels, configuration, downloads, gift_cards, keys, live, me, reports, site, users};

/// The table of all routes.
pub fn routes() -> Routes {
    let mut table = RouteTable::default();
    people(&mut table);
    supply(&mut table);
    records(&mut table);
    table.build()
}

/// Accounts, keys and who changed what.
fn people(table: &mut RouteTable) {
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
        .get("/gift-cards", "List gift cards, without their codes", gift_cards::list)
        .post("/gift-cards", "Make gift cards; the only answer that shows their codes", gift_cards::create)
        .delete("/gift-cards/{id}", "Revoke an unused gift card", gift_cards::revoke)
        .post("/gift-cards/redeem", "Redeem a gift card", gift_cards::redeem);
    table
        .get("/admin-tokens", "List admin tokens", admin::tokens)
        .post("/admin-tokens", "Make an admin token; the only answer that shows it", admin::create_token)
        .delete("/admin-tokens/{id}", "Remove an admin token", admin::remove_token)
        .get("/activity", "Who changed what", admin::activity)
        .get("/activity/{id}", "One change: who, what, before and after", admin::deed);
}

/// What is offered: channels, models, names, prices.
fn supply(table: &mut RouteTable) {
    table
        .get("/channels", "Channels, without their secrets", channels::list)
        .post("/channels", "Add a channel", channels::create)
        .patch("/channels/{id}", "Change a channel", channels::update)
        .delete("/channels/{id}", "Delete a channel", channels::delete)
        .post("/channels/{id}/test", "Test a channel with one tiny request", channels::test)
        .post("/channels/test-all", "Test every enabled channel", channels::test_all)
        .get("/channels/{id}/test-logs", "Tests and probes of the past", channels::test_logs)
        .get("/channels/{id}/upstream-models", "The models the provider lists", channels::upstream_models)
        .get("/channels/{id}/models", "The models the provider lists, and what adding each would do", channels::models)
        .post("/channels/{id}/models", "Add models of the provider with their prices, all or nothing", channels::add_models)
        .post("/channels/{id}/circuit", "Close a channel's circuit by hand", channels::circuit)
        .get("/channel-status", "How all channels do", channels::status);
    table
        .get("/models", "Models of the catalogue", catalogue::list_models)
        .post("/models", "Add a model", catalogue::create_model)
        .patch("/models/{id}", "Change a model", catalogue::update_model)
        .delete("/models/{id}", "Delete a model", catalogue::delete_model)
        .get("/missing-models", "Models that were asked for and that nobody serves", catalogue::missing_models)
        .post("/missing-models/dismiss", "Put such a name away for 30 days", catalogue::dismiss_missing_model)
        .get("/model-square", "Models anybody may see, with their prices", catalogue::square)
        .get("/model-mappings", "Model mappings", catalogue::list_mappings)
        .post("/model-mappings", "Add a mapping", catalogue::create_mapping)
        .patch("/model-mappings/{id}", "Change a mapping", catalogue::update_mapping)
        .delete("/model-mappings/{id}", "Delete a mapping", catalogue::delete_mapping)
        .get("/price-list", "The price list of this release; the import takes it as it is", catalogue::price_list)
        .get("/model-prices", "Prices", catalogue::list_prices)
        .post("/model-prices", "Add prices", catalogue::create_price)
        .post("/model-prices/import", "Import prices: a list of rows, or LiteLLM's price file", catalogue::import_prices)
        .patch("/model-prices/{id}", "Change prices", catalogue::update_price)
        .delete("/model-prices/{id}", "Delete prices", catalogue::delete_price);
}

/// What happened, and the site as a whole.
fn records(table: &mut RouteTable) {
    table
        .get("/logs", "The request log; users see their own requests", reports::logs)
        .get("/logs/stream", "Log rows as they happen (server-sent events)", live::live)
        .get("/logs/{id}", "One request with prices, timings and, for admins, attempts", reports::log)
        .get("/stats", "Sums of a range", reports::stats)
        .get("/traffic", "What is under way now: my own, or for admins everybody's", reports::traffic)
        .get("/rankings", "Who used most", reports::rankings)
        .get("/export", "Download a table as CSV or JSON; users their own requests and ledger", downloads::export)
        .get("/settings/archive", "What an archive before a date would hold", downloads::preview)
        .get("/settings/archive/download", "Download the log before a date, one JSON object a line", downloads::archive)
        .delete("/settings/archive", "Delete the log before a date; sums stay", downloads::delete)
        .get("/v1/usage/{key}", "What a key has used, for whoever holds it", reports::key_usage);
    table
        .get("/settings", "All settings", site::settings)
        .patch("/settings", "Change some settings, all or nothing; null puts one back to its default", site::update_settings)
        .get("/config/export", "The configuration as a file, without secrets", configuration::export)
        .post("/config/import", "Make the configuration that of a file, all or nothing", configuration::import)
        .get("/site", "What anybody may know about this site", site::public)
        .get("/health", "Signs of life of the parts", site::health)
        .get("/system", "Figures of the process", site::info)
        .get("/system/set-aside", "Receipts and journal lines that cannot be booked, at most 200", site::set_aside)
        .post("/system/set-aside/{id}/retry", "Book a receipt after all", site::retry_set_aside)
        .delete("/system/set-aside/{id}", "Let it go: its request is never billed", site::drop_set_aside);
}
