//! What to write where, so that a client uses a key: ready to copy.

use serde::Serialize;

use crate::console::visit::Visit;

/// The models that sample calls ask for.
const CLAUDE_MODEL: &str = "claude-sonnet-4-5";
const OPENAI_MODEL: &str = "gpt-5-mini";

/// Stands for a key where there is none to show.
pub(super) const PLACEHOLDER: &str = "YOUR_API_KEY";

/// One client's set-up.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Snippet {
    /// What it is for.
    title: &'static str,
    /// Where it belongs: a file, or the shell.
    place: &'static str,
    /// The text to copy.
    code: String,
}

/// Where clients find this gateway: the configured address, else the one this page was asked at.
pub(super) fn base_url(visit: &Visit) -> String {
    let site = visit.services().settings.settings().site_url.filter(|site| !site.is_empty());
    let asked = || {
        let scheme = if visit.client().secure { "https" } else { "http" };
        format!("{scheme}://{}", visit.request.connection_info().host())
    };
    site.map_or_else(asked, |site| site.trim_end_matches('/').to_owned())
}

/// The set-ups with this key.
pub(super) fn with_key(base: &str, key: &str) -> Vec<Snippet> {
    let claude = CLAUDE_MODEL;
    let openai = OPENAI_MODEL;
    vec![
        Snippet {
            title: "Claude Code",
            place: "Shell",
            code: format!("export ANTHROPIC_BASE_URL={base}\nexport ANTHROPIC_AUTH_TOKEN={key}\nclaude\n"),
        },
        Snippet {
            title: "Codex",
            place: "~/.codex/config.toml",
            code: format!(
                "model = \"{openai}\"\nmodel_provider = \"gateway\"\n\n[model_providers.gateway]\nname = \"Gateway\"\n\
                 base_url = \"{base}/v1\"\nenv_key = \"GATEWAY_API_KEY\"\nwire_api = \"responses\"\n\n\
                 # Shell: export GATEWAY_API_KEY={key}\n"
            ),
        },
        Snippet {
            title: "Anthropic SDK (Python)",
            place: "Python",
            code: format!(
                "from anthropic import Anthropic\n\nclient = Anthropic(base_url=\"{base}\", api_key=\"{key}\")\n\
                 message = client.messages.create(\n    model=\"{claude}\",\n    max_tokens=256,\n    \
                 messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}],\n)\nprint(message.content[0].text)\n"
            ),
        },
        Snippet {
            title: "OpenAI SDK (Python)",
            place: "Python",
            code: format!(
                "from openai import OpenAI\n\nclient = OpenAI(base_url=\"{base}/v1\", api_key=\"{key}\")\n\
                 answer = client.chat.completions.create(\n    model=\"{openai}\",\n    \
                 messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}],\n)\nprint(answer.choices[0].message.content)\n"
            ),
        },
        Snippet {
            title: "OpenAI SDK (JavaScript)",
            place: "JavaScript",
            code: format!(
                "import OpenAI from 'openai';\n\nconst client = new OpenAI({{ baseURL: '{base}/v1', apiKey: '{key}' }});\n\
                 const answer = await client.chat.completions.create({{\n  model: '{openai}',\n  \
                 messages: [{{ role: 'user', content: 'Hello' }}],\n}});\nconsole.log(answer.choices[0].message.content);\n"
            ),
        },
        Snippet {
            title: "curl",
            place: "Shell",
            code: format!(
                "curl {base}/v1/messages \\\n  -H 'x-api-key: {key}' \\\n  -H 'anthropic-version: 2023-06-01' \\\n  \
                 -H 'content-type: application/json' \\\n  -d '{{\"model\":\"{claude}\",\"max_tokens\":256,\
                 \"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n"
            ),
        },
    ]
}
