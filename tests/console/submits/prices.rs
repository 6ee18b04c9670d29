//! Prices, and their import.

use super::At::Form;
use super::By::Admin;
use super::{Submit, Thing, Twice, Wrong, submit, trial, without, wrong};

const RIGHT: &[(&str, &str)] = &[
    ("provider", "{channel}"),
    ("model", "new {name}"),
    ("inputPricePerMTok", "$3"),
    ("outputPricePerMTok", "15.000000001"),
    ("cacheReadPricePerMTok", "0.3"),
    ("cacheCreationPricePerMTok", ""),
    ("cacheCreation1hPricePerMTok", "6"),
];
const WRONG: &[Wrong] = &[
    wrong("provider", "gemini", "one of"),
    wrong("provider", "7", "channel"),
    wrong("model", "", "Model"),
    without("model", "Model"),
    wrong("model", "{long}", "256"),
    wrong("inputPricePerMTok", "", "required"),
    wrong("inputPricePerMTok", "-1", "from 0 to 1,000,000"),
    wrong("outputPricePerMTok", "much", "from 0 to 1,000,000"),
    wrong("cacheReadPricePerMTok", "99999999", "from 0 to 1,000,000"),
    wrong("cacheCreationPricePerMTok", "x", "from 0 to 1,000,000"),
    wrong("cacheCreation1hPricePerMTok", "x", "from 0 to 1,000,000"),
];
const MADE: &str =
    "SELECT count(*) FROM model_prices WHERE channel_id = {channel} AND model = 'new {name}' AND output_price = 15000000001";
const FILE: &str = r#"[{"provider":"claude","model":"{name}","inputPricePerMTok":1,"outputPricePerMTok":2}]"#;
const WRONG_FILE: &[Wrong] = &[
    without("priceList", "required"),
    wrong("priceList", "", "required"),
    wrong("priceList", "{", "JSON"),
    wrong("priceList", r#"[{"provider":"claude","model":"m","inputPricePerMTok":-1,"outputPricePerMTok":1}]"#, "rows[0]"),
];

pub const SUBMITS: &[Submit] = &[
    submit(Admin, "/admin/prices")
        .on("/admin/prices/new", "form.panel")
        .right(RIGHT)
        .wrong(WRONG)
        .makes(MADE)
        .leads("/admin/prices?done=added.1")
        .twice(Twice::Refused(409)),
    submit(Admin, "/admin/prices/{id}")
        .about(Thing::Price)
        .on("/admin/prices/{id}", "form.panel")
        .right(RIGHT)
        .wrong(WRONG)
        .makes(MADE)
        .leads("/admin/prices?done=saved.1"),
    submit(Admin, "/admin/prices/{id}/remove")
        .about(Thing::Price)
        .on("/admin/prices/{id}/remove", "form.question")
        .makes("SELECT count(*) = 0 FROM model_prices WHERE id = {id}")
        .leads("/admin/prices?done=removed.1")
        .twice(Twice::Refused(404)),
    submit(Admin, "/admin/prices/import")
        .on("/admin/prices/import", "form.panel")
        .file("priceList", FILE)
        .right(&[("provider", "claude")])
        .wrong(WRONG_FILE)
        .leads("form.chosen-rows"),
    submit(Admin, "/admin/prices/import/apply")
        .about(Thing::Model)
        .on("/admin/prices/import", "form.chosen-rows")
        .after("form.panel", "priceList", FILE)
        .wrong(&[without("row", "nothing was written").at(Form), wrong("row", "{", "JSON").at(super::At::Field("priceList"))])
        .makes("SELECT count(*) FROM model_prices WHERE model = '{name}' AND output_price = 2000000000")
        .leads("/admin/prices?done=imported."),
];

#[actix_web::test]
async fn forms_of_prices_do_what_they_say_and_nothing_else() {
    trial::all_of(SUBMITS).await;
}
