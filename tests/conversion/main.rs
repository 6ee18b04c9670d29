//! Every client against every kind of channel: the official SDKs of both vendors in Python and Node, Claude Code and
//! Codex, each unchanged, against a gateway whose provider refuses what the real APIs refuse.
//!
//! `provider/` is that provider, written in Python over the types that the SDKs publish; what it answers stands in the
//! prompt (`provider/script.py`). `clients/` holds one script per client protocol and language, whose cases run one
//! after the other; a failure names its case. `scripts/test` installs the SDKs and command lines and names them in
//! `SDK_PYTHON` and `SDK_NODE_MODULES`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

mod command_lines;
#[path = "../support/embedded.rs"]
mod embedded;
mod provider;
mod world;

use world::{Kind, World};

/// One test per channel kind: the client's script runs against it.
macro_rules! pairs {
    ($($client:ident: $script:literal),+ $(,)?) => {
        $(mod $client {
            use super::{Kind, World};

            #[actix_web::test]
            async fn to_a_claude_channel() {
                World::start(Kind::Claude).await.runs($script).await;
            }

            #[actix_web::test]
            async fn to_a_chat_completions_channel() {
                World::start(Kind::Chat).await.runs($script).await;
            }

            #[actix_web::test]
            async fn to_a_responses_channel() {
                World::start(Kind::Responses).await.runs($script).await;
            }
        })+
    };
}

pairs! {
    messages_in_python: "messages.py",
    chat_completions_in_python: "chat.py",
    responses_in_python: "responses.py",
    messages_in_node: "messages.mjs",
    chat_completions_in_node: "chat.mjs",
    responses_in_node: "responses.mjs",
    recorded_requests: "recorded.py",
}

#[actix_web::test]
async fn the_provider_refuses_what_the_real_ones_refuse() {
    World::start(Kind::Claude).await.runs("strictness.py").await;
}
