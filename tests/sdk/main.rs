//! The official SDKs of both vendors, unchanged, against a gateway with the scripted provider behind it.
//!
//! The cases are functions of `anthropic_sdk.py` and `openai_sdk.py`, each a test here with a world of its own.
//! What the provider does stands in the request's `x_mock`, which the gateway passes on as it passes every
//! field it does not know. `scripts/test` installs the SDKs and names their Python in `SDK_PYTHON`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

#[path = "../support/embedded.rs"]
mod embedded;
mod world;

use serde_json::json;

/// One test per case of a script; after `with` the settings its world has in addition.
macro_rules! cases {
    ($module:ident: $script:literal { $($case:ident $(with $settings:tt)?),+ $(,)? }) => {
        mod $module {
            use super::{json, world::{World, cases_of}};

            $(#[actix_web::test]
            async fn $case() {
                let _settings = json!({});
                $(let _settings = json!($settings);)?
                World::start(_settings).await.runs($script, stringify!($case)).await;
            })+

            #[test]
            fn no_case_is_forgotten() {
                assert_eq!(cases_of($script), [$(stringify!($case)),+], "list every case of tests/sdk/{} here", $script);
            }
        }
    };
}

cases!(anthropic: "anthropic_sdk.py" {
    a_whole_answer,
    a_streamed_answer,
    a_tool_is_called_and_answered,
    thinking_keeps_its_signature,
    tokens_are_counted,
    models_are_listed,
    the_other_ways_in,
    bad_requests,
    keys_and_rights,
    money,
    limits,
    providers_that_fail,
    streams_that_break,
    deadlines with {"requestDeadlineSec": 0.3},
    maintenance with {"maintenanceMode": true, "maintenanceMessage": "back at noon"},
    retries,
});

cases!(openai: "openai_sdk.py" {
    a_whole_answer,
    a_streamed_answer,
    a_tool_is_called_and_answered,
    responses,
    embeddings,
    models_are_listed,
    the_other_ways_in,
    bad_requests,
    keys_and_rights,
    money,
    limits,
    providers_that_fail,
    streams_that_break,
    deadlines with {"requestDeadlineSec": 0.3},
    maintenance with {"maintenanceMode": true, "maintenanceMessage": "back at noon"},
    retries,
});
