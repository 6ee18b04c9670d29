//! Models and mappings, one by one and several at once.

use super::At::{Form, Page};
use super::By::Admin;
use super::{Submit, Thing, Twice, Wrong, submit, trial, without, wrong};

const MODEL: &[(&str, &str)] = &[("provider", "openai"), ("model", "new {name}"), ("displayName", "A model of ours")];
const WRONG_MODEL: &[Wrong] = &[
    wrong("provider", "gemini", "one of"),
    wrong("model", "", "Model"),
    without("model", "Model"),
    wrong("model", "{long}", "256"),
    wrong("displayName", "{long}", "200"),
];
const MODEL_MADE: &str = "SELECT count(*) FROM catalogue_models WHERE provider = 'openai' AND model = 'new {name}' AND display_name = 'A model of ours'";
const MAPPING: &[(&str, &str)] = &[
    ("provider", "openai"),
    ("inboundModels", "new-{name}"),
    ("upstreamModel", "claude-sonnet-4-5"),
    ("targetProvider", "claude"),
    ("channelIds", "{channel}"),
];
const WRONG_MAPPING: &[Wrong] = &[
    wrong("provider", "gemini", "one of"),
    wrong("targetProvider", "gemini", "one of"),
    wrong("inboundModels", "", "required"),
    without("inboundModels", "required"),
    wrong("inboundModels", "{long}", "256"),
    wrong("upstreamModel", "", "Upstream model"),
    wrong("channelIds", "7", "channel"),
    wrong("channelIds", "all of them", "channel"),
];
const MAPPING_MADE: &str = "SELECT count(*) FROM model_mappings m JOIN model_mapping_inbounds i ON i.mapping_id = m.id \
    JOIN model_mapping_channels c ON c.mapping_id = m.id WHERE i.model = 'new-{name}' AND m.upstream_model = 'claude-sonnet-4-5'";
const WRONG_ACT: &[Wrong] = &[wrong("act", "sell", "act").at(Page), without("act", "act").at(Page)];

pub const SUBMITS: &[Submit] = &[
    submit(Admin, "/admin/models")
        .on("/admin/models/new", "form.panel")
        .right(MODEL)
        .wrong(WRONG_MODEL)
        .makes(MODEL_MADE)
        .leads("/admin/models?done=added.1")
        .twice(Twice::Refused(409)),
    submit(Admin, "/admin/models/{id}")
        .about(Thing::Model)
        .on("/admin/models/{id}", "form.panel")
        .right(MODEL)
        .wrong(WRONG_MODEL)
        .makes(MODEL_MADE)
        .leads("/admin/models?done=saved.1"),
    submit(Admin, "/admin/models/discover")
        .about(Thing::ListingChannel)
        .on("/admin/models/discover", "form.panel")
        .right(&[("pick", "claude {name}")])
        .wrong(&[without("pick", "at least one").at(Form), wrong("pick", "gemini x", "one of").at(Form)])
        .makes("SELECT count(*) FROM catalogue_models WHERE model = '{name}'")
        .leads("/admin/models?done=added."),
    submit(Admin, "/admin/models/several")
        .about(Thing::Model)
        .on("/admin/models?query={name}", "form#several")
        .right(&[("id", "{id}"), ("act", "disable")])
        .wrong(WRONG_ACT)
        .makes("SELECT count(*) FROM catalogue_models WHERE id = {id} AND NOT enabled")
        .leads("/admin/models?query={name}&done=disabled.1"),
    submit(Admin, "/admin/models/several")
        .about(Thing::Model)
        .on("/admin/models?query={name}", "form#several")
        .right(&[("id", "{id}"), ("act", "hide")])
        .makes("SELECT count(*) FROM catalogue_models WHERE id = {id} AND NOT visible")
        .leads("/admin/models?query={name}&done=hidden.1"),
    submit(Admin, "/admin/models/several")
        .about(Thing::Model)
        .on("/admin/models/{id}/remove", "form.question")
        .makes("SELECT count(*) = 0 FROM catalogue_models WHERE id = {id}")
        .leads("/admin/models?done=removed."),
    submit(Admin, "/admin/models/dismiss")
        .about(Thing::MissingModel)
        .on("/admin/models", "section[aria-labelledby=missing] tr:has(input[value='{name}']) form")
        .makes("SELECT count(*) FROM dismissed_models WHERE model = '{name}'")
        .leads("/admin/models?done=dismissed.1"),
    submit(Admin, "/admin/mappings")
        .on("/admin/mappings/new", "form.panel")
        .right(MAPPING)
        .wrong(WRONG_MAPPING)
        .makes(MAPPING_MADE)
        .leads("/admin/mappings?done=added.1")
        .twice(Twice::Again),
    submit(Admin, "/admin/mappings/{id}")
        .about(Thing::Mapping)
        .on("/admin/mappings/{id}", "form.panel")
        .right(MAPPING)
        .wrong(WRONG_MAPPING)
        .makes(MAPPING_MADE)
        .leads("/admin/mappings?done=saved.1"),
    submit(Admin, "/admin/mappings/several")
        .about(Thing::Mapping)
        .on("/admin/mappings", "form#several")
        .right(&[("id", "{id}"), ("act", "disable")])
        .wrong(WRONG_ACT)
        .makes("SELECT count(*) FROM model_mappings WHERE id = {id} AND NOT enabled")
        .leads("/admin/mappings?done=disabled.1"),
    submit(Admin, "/admin/mappings/several")
        .about(Thing::Mapping)
        .on("/admin/mappings/{id}/remove", "form.question")
        .makes("SELECT count(*) = 0 FROM model_mappings WHERE id = {id}")
        .leads("/admin/mappings?done=removed."),
];

#[actix_web::test]
async fn forms_of_models_and_mappings_do_what_they_say_and_nothing_else() {
    trial::all_of(SUBMITS).await;
}
