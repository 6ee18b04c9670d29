//! Channels.

use super::At::{Form, Page};
use super::By::Admin;
use super::{Submit, Thing, Twice, Wrong, submit, trial, without, wrong};

const RIGHT: &[(&str, &str)] = &[
    ("name", "new {name}"),
    ("type", "openai"),
    ("openAiProtocol", "responses"),
    ("baseUrl", "{provider}"),
    ("apiKey", "sk-upstream-5678"),
    ("models", "gpt-5-mini"),
    ("priority", "3"),
    ("weight", "20"),
    ("maxConcurrency", "7"),
    ("testModel", "gpt-5-mini"),
    ("headers", "X-Team: header-secret"),
];
const WRONG_WHEN_NEW: &[Wrong] = &{
    let mut all = [without("apiKey", "required"); WRONG.len() + 1];
    let (_, rest) = all.split_at_mut(1);
    rest.copy_from_slice(WRONG);
    all
};
const WRONG: &[Wrong] = &[
    wrong("name", "", "Name"),
    without("name", "Name"),
    wrong("name", "{long}", "100"),
    wrong("name", "Scripted Claude", "in use").status(409),
    wrong("type", "gemini", "one of"),
    wrong("openAiProtocol", "smoke signs", "one of"),
    wrong("baseUrl", "api.openai.com/v1", "https://"),
    wrong("baseUrl", "", "https://"),
    wrong("apiKey", "schlüssel", "as the provider gave it"),
    wrong("models", "{long}", "256"),
    wrong("priority", "high", "whole number"),
    wrong("weight", "-1", "0"),
    wrong("maxConcurrency", "-1", "0"),
    wrong("testModel", "{long}", "256"),
    wrong("monitorIntervalSec", "0.01", "0.05"),
    wrong("headers", "no colon", "Name: value"),
    wrong("headers", "Host: x", "host"),
];
const MADE: &str = "SELECT count(*) FROM channels WHERE name = 'new {name}' AND kind = 'openai' AND weight = 20 AND header_names LIKE '%x-team%'";
const ADDED: &str = "SELECT count(*) FROM catalogue_models m JOIN model_prices p ON p.provider = m.provider AND p.model = m.model \
    WHERE m.provider = 'claude' AND m.model = '{name}' AND p.input_price = 500000000 AND p.output_price = 2000000000";
const TESTED: &str = "SELECT count(*) > 0 FROM channel_tests WHERE channel_id = {id}";

pub const SUBMITS: &[Submit] = &[
    submit(Admin, "/admin/channels")
        .on("/admin/channels/new", "form.panel")
        .right(RIGHT)
        .wrong(WRONG_WHEN_NEW)
        .makes(MADE)
        .leads("/admin/channels?done=created")
        .twice(Twice::Refused(409)),
    submit(Admin, "/admin/channels/{id}/edit")
        .about(Thing::Channel)
        .on("/admin/channels/{id}/edit?back=channel", "form.panel")
        .right(RIGHT)
        .wrong(WRONG)
        .makes(MADE)
        .leads("/admin/channels/{id}?done=saved"),
    submit(Admin, "/admin/channels/{id}/status")
        .about(Thing::Channel)
        .on("/admin/channels/{id}", "form[action='/admin/channels/{id}/status']")
        .right(&[("status", "disabled")])
        .wrong(&[wrong("status", "asleep", "Status").at(Page), without("status", "Status").at(Page)])
        .makes("SELECT count(*) FROM channels WHERE id = {id} AND NOT enabled")
        .leads("/admin/channels/{id}?done=disabled"),
    submit(Admin, "/admin/channels/{id}/test")
        .about(Thing::Channel)
        .on("/admin/channels/{id}", "form[action='/admin/channels/{id}/test']")
        .makes(TESTED)
        .leads("/admin/channels/{id}?done=reached"),
    submit(Admin, "/admin/channels/test")
        .about(Thing::Channel)
        .on("/admin/channels/test", "[data-test-all]")
        .makes(TESTED)
        .leads("tbody tr"),
    submit(Admin, "/admin/channels/{id}/circuit")
        .about(Thing::BrokenChannel)
        .on("/admin/channels/{id}", ".health form")
        .makes("SELECT count(*) > 0 FROM audit WHERE action = 'channel.close_circuit' AND subject_id = {id}")
        .leads("/admin/channels/{id}?done=closed"),
    submit(Admin, "/admin/channels/{id}/models")
        .about(Thing::Channel)
        .on("/admin/channels/{id}/models", "form.chosen-rows")
        .right(&[("unpriced", "{name}"), ("inputPricePerMTok", "$0.5"), ("outputPricePerMTok", "2")])
        .wrong(&[
            wrong("inputPricePerMTok", "", "No price of").at(Form),
            wrong("inputPricePerMTok", "much", "from 0 to 1000000").at(Form),
            wrong("outputPricePerMTok", "-1", "from 0 to 1000000").at(Form),
            wrong("unpriced", "{long}", "256").at(Form),
        ])
        .makes(ADDED)
        .leads("/admin/models?done=taken."),
    submit(Admin, "/admin/channels/{id}/remove")
        .about(Thing::Channel)
        .on("/admin/channels/{id}/remove", "form.question")
        .makes("SELECT count(*) = 0 FROM channels WHERE id = {id}")
        .leads("/admin/channels?done=removed")
        .twice(Twice::Refused(404)),
];

#[actix_web::test]
async fn forms_of_channels_do_what_they_say_and_nothing_else() {
    trial::all_of(SUBMITS).await;
}
