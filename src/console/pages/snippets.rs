//! What to write where, so that a client uses a key: ready to copy.

use serde::Serialize;

use crate::console::visit::Visit;
use crate::session;

/// The models that sample calls ask for.
const CLAUDE_MODEL: &str = "claude-sonnet-4-5";
const OPENAI_MODEL: &str = "gpt-5-mini";

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

/// Where clients find this gateway.
pub(super) fn base_url(visit: &Visit) -> String {
    session::site::address(&visit.request, &visit.console.doorstep)
}

/// What stands for the key in calls that nobody's key is filled into.
pub(super) const KEY: &str = "YOUR_API_KEY";

/// Calls of this model in its provider's own protocol.
pub(super) fn calls(base: &str, provider: &str, model: &str) -> Vec<Snippet> {
    // A JSON text is a Python and a JavaScript text, too.
    let name = serde_json::Value::from(model).to_string();
    let (curl, python, script) = match provider {
        "claude" => messages(base, KEY, &name),
        _ if model.contains("embedding") => embeddings(base, KEY, &name),
        _ => chat(base, KEY, &name),
    };
    let snippet = |title, place, code| Snippet { title, place, code };
    vec![snippet("curl", "Shell", curl), snippet("Python", "Python", python), snippet("JavaScript", "JavaScript", script)]
}

/// A body inside a shell's single quotes.
fn quoted(body: &str) -> String {
    body.replace('\'', "'\\''")
}

fn messages(base: &str, key: &str, model: &str) -> (String, String, String) {
    let body = quoted(&format!(
        "{{\n    \"model\": {model},\n    \"max_tokens\": 256,\n    \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]\n  }}"
    ));
    (
        format!(
            "curl {base}/v1/messages \\\n  -H 'x-api-key: {key}' \\\n  -H 'anthropic-version: 2023-06-01' \\\n  \
             -H 'content-type: application/json' \\\n  -d '{body}'\n"
        ),
        format!(
            "from anthropic import Anthropic\n\nclient = Anthropic(base_url=\"{base}\", api_key=\"{key}\")\n\
             message = client.messages.create(\n    model={model},\n    max_tokens=256,\n    \
             messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}],\n)\nprint(message.content[0].text)\n"
        ),
        format!(
            "import Anthropic from '@anthropic-ai/sdk';\n\nconst client = new Anthropic({{ baseURL: '{base}', apiKey: '{key}' }});\n\
             const message = await client.messages.create({{\n  model: {model},\n  max_tokens: 256,\n  \
             messages: [{{ role: 'user', content: 'Hello' }}],\n}});\nconsole.log(message.content[0].text);\n"
        ),
    )
}

fn chat(base: &str, key: &str, model: &str) -> (String, String, String) {
    let body =
        quoted(&format!("{{\n    \"model\": {model},\n    \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]\n  }}"));
    (
        format!(
            "curl {base}/v1/chat/completions \\\n  -H 'authorization: Bearer {key}' \\\n  \
             -H 'content-type: application/json' \\\n  -d '{body}'\n"
        ),
        format!(
            "from openai import OpenAI\n\nclient = OpenAI(base_url=\"{base}/v1\", api_key=\"{key}\")\n\
             answer = client.chat.completions.create(\n    model={model},\n    \
             messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}],\n)\nprint(answer.choices[0].message.content)\n"
        ),
        format!(
            "import OpenAI from 'openai';\n\nconst client = new OpenAI({{ baseURL: '{base}/v1', apiKey: '{key}' }});\n\
             const answer = await client.chat.completions.create({{\n  model: {model},\n  \
             messages: [{{ role: 'user', content: 'Hello' }}],\n}});\nconsole.log(answer.choices[0].message.content);\n"
        ),
    )
}

fn embeddings(base: &str, key: &str, model: &str) -> (String, String, String) {
    let body = quoted(&format!("{{\n    \"model\": {model},\n    \"input\": \"Hello\"\n  }}"));
    (
        format!(
            "curl {base}/v1/embeddings \\\n  -H 'authorization: Bearer {key}' \\\n  \
             -H 'content-type: application/json' \\\n  -d '{body}'\n"
        ),
        format!(
            "from openai import OpenAI\n\nclient = OpenAI(base_url=\"{base}/v1\", api_key=\"{key}\")\n\
             answer = client.embeddings.create(model={model}, input=\"Hello\")\nprint(answer.data[0].embedding)\n"
        ),
        format!(
            "import OpenAI from 'openai';\n\nconst client = new OpenAI({{ baseURL: '{base}/v1', apiKey: '{key}' }});\n\
             const answer = await client.embeddings.create({{ model: {model}, input: 'Hello' }});\n\
             console.log(answer.data[0].embedding);\n"
        ),
    )
}

/// The set-ups with this key.
pub(super) fn with_key(base: &str, key: &str) -> Vec<Snippet> {
    let (curl, anthropic, _) = messages(base, key, &format!("{CLAUDE_MODEL:?}"));
    let (_, openai, script) = chat(base, key, &format!("{OPENAI_MODEL:?}"));
    let claude_code = format!("export ANTHROPIC_BASE_URL={base}\nexport ANTHROPIC_AUTH_TOKEN={key}\nclaude\n");
    let codex = format!(
        "model = \"{OPENAI_MODEL}\"\nmodel_provider = \"gateway\"\n\n[model_providers.gateway]\nname = \"Gateway\"\n\
         base_url = \"{base}/v1\"\nenv_key = \"GATEWAY_API_KEY\"\nwire_api = \"responses\"\n\n\
         # Shell: export GATEWAY_API_KEY={key}\n"
    );
    let snippet = |title, place, code| Snippet { title, place, code };
    vec![
        snippet("Claude Code", "Shell", claude_code),
        snippet("Codex", "~/.codex/config.toml", codex),
        snippet("Anthropic SDK (Python)", "Python", anthropic),
        snippet("OpenAI SDK (Python)", "Python", openai),
        snippet("OpenAI SDK (JavaScript)", "JavaScript", script),
        snippet("curl", "Shell", curl),
    ]
}
