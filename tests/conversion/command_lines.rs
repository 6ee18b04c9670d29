//! Claude Code and Codex, headless, at work on a scripted task: they write a file with one tool, read it with another
//! and tell what was in it. Each has a home of its own, and nothing but the gateway to talk to.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::provider::node_modules;
use crate::world::{KEY, Kind, MAKERS, World, finish};

/// What the session writes into `made.txt`.
const MADE: &str = "made by the session";

/// Longer than any session takes; one that hangs is ended.
const SECONDS: &str = "120";

/// A prompt that makes the provider think, call a tool, call another, and tell what that said.
fn task(writes: &str, reads: &str) -> String {
    let turns = ["think I shall write a file first.", writes, "---", reads, "---", "report", "say All done."];
    format!("Please do this.\n<<<\n{}\n>>>", turns.join("\n"))
}

fn call(tool: &str, arguments: &serde_json::Value) -> String {
    format!("call {tool} {arguments}")
}

/// A program of the SDKs' folder with an environment of its own, in which only this machine can be reached.
fn program(name: &str, home: &Path, project: &Path) -> Command {
    let mut command = Command::new("timeout");
    command
        .arg(SECONDS)
        .arg(node_modules().join(".bin").join(name))
        .current_dir(project)
        .stdin(std::process::Stdio::null())
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "127.0.0.1");
    command
}

/// Runs the session; the file was written, and the answer tells what the last tool read.
async fn works(world: &World, project: &Path, command: Command) {
    let output = finish(command).await;
    let told = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let requests = world.provider.requests().await;
    let refused: Vec<_> = requests.iter().filter_map(|request| request.get("refused")).collect();
    assert!(refused.is_empty(), "the provider refused {refused:?}\n{told}");
    assert!(output.status.success(), "{}\n{told}", output.status);
    let made = std::fs::read_to_string(project.join("made.txt")).unwrap_or_default();
    assert_eq!(made.trim(), MADE, "{told}");
    let answer = last_words(&output);
    assert!(answer.contains(MADE) && answer.ends_with("All done."), "{told}");
}

/// The final text: `result` of Claude Code's one object, or the last message among Codex's lines.
fn last_words(output: &Output) -> String {
    let lines = String::from_utf8_lossy(&output.stdout);
    let values = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut texts = values.filter_map(|value| {
        let text = value["result"].as_str().or_else(|| value["item"]["text"].as_str());
        text.map(str::to_owned)
    });
    texts.next_back().unwrap_or_default()
}

/// Sessions of Claude Code: with a model that thinks by budget, and with one that adapts and gets its instructions in
/// the middle of the conversation.
async fn claude_code(kind: Kind) {
    let world = World::start(kind).await;
    for model in ["claude-sonnet-4-5", "claude-opus-4-8"] {
        if kind != Kind::Claude {
            world.leads("claude", model).await;
        }
        claude_code_with(&world, model).await;
    }
    world.ends().await;
}

/// Sessions of Claude Code with models of makers that refuse a tool turn without what they attached to it.
async fn claude_code_with_makers() {
    let world = World::start(Kind::Chat).await;
    for upstream in MAKERS {
        let model = format!("claude-sonnet-4-5-{upstream}");
        world.leads_to("claude", &model, upstream).await;
        claude_code_with(&world, &model).await;
    }
    world.ends().await;
}

async fn claude_code_with(world: &World, model: &str) {
    let (home, project) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let writes = json!({"command": format!("echo {MADE} > made.txt"), "description": "Write a file"});
    let reads =
        [call("Read", &json!({"file_path": project.path().join("made.txt")})), call("Bash", &json!({"command": "cat made.txt"}))];
    let mut command = program("claude", home.path(), project.path());
    command
        .args(["-p", &task(&call("Bash", &writes), &reads.join("\n")), "--model", model])
        .args(["--output-format", "json", "--permission-mode", "bypassPermissions", "--max-turns", "8"])
        .env("ANTHROPIC_BASE_URL", &world.url)
        .env("ANTHROPIC_API_KEY", KEY)
        .env("IS_SANDBOX", "1")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_AUTOUPDATER", "1");
    works(world, project.path(), command).await;
}

/// Sessions of Codex: with a model whose tools come as an item of the input and run a program, with one that has the
/// freeform patch tool, and with one that Codex does not know.
async fn codex(kind: Kind) {
    let world = World::start(kind).await;
    let program_of = |command: &str| {
        let source = format!("const done = await tools.exec_command({}); text(done.output);", json!({"cmd": command}));
        call("exec", &json!({"input": source}))
    };
    let echo = format!("echo {MADE} > made.txt");
    let patch = format!("*** Begin Patch\n*** Add File: made.txt\n+{MADE}\n*** End Patch");
    let cat = call("exec_command", &json!({"cmd": "cat made.txt"}));
    let sessions = [
        ("gpt-6.1-sol", program_of(&echo), program_of("cat made.txt")),
        ("gpt-5.5", call("apply_patch", &json!({"input": patch})), cat.clone()),
        ("some-model", call("exec_command", &json!({"cmd": echo})), cat),
    ];
    for (model, writes, reads) in sessions {
        world.leads("openai", model).await;
        codex_with(&world, model, &writes, &reads).await;
    }
    world.ends().await;
}

/// Sessions of Codex with models of makers that refuse a tool turn without what they attached to it.
async fn codex_with_makers() {
    let world = World::start(Kind::Chat).await;
    let echo = call("exec_command", &json!({"cmd": format!("echo {MADE} > made.txt")}));
    let cat = call("exec_command", &json!({"cmd": "cat made.txt"}));
    for model in MAKERS {
        codex_with(&world, model, &echo, &cat).await;
    }
    world.ends().await;
}

async fn codex_with(world: &World, model: &str, writes: &str, reads: &str) {
    let (home, project) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(home.path().join(".codex")).unwrap();
    std::fs::write(home.path().join(".codex/config.toml"), config(model, &world.url)).unwrap();
    let mut command = program("codex", home.path(), project.path());
    command
        .args(["exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"])
        .arg(task(writes, reads))
        .env("GATEWAY_KEY", KEY);
    works(world, project.path(), command).await;
}

fn config(model: &str, url: &str) -> String {
    format!(
        "model = \"{model}\"\nmodel_provider = \"gateway\"\ncheck_for_update_on_startup = false\n\n\
         [analytics]\nenabled = false\n\n\
         [model_providers.gateway]\nname = \"gateway\"\nbase_url = \"{url}/v1\"\nenv_key = \"GATEWAY_KEY\"\n\
         wire_api = \"responses\"\n"
    )
}

mod claude_code_works {
    use super::{Kind, claude_code, claude_code_with_makers};

    #[actix_web::test]
    async fn with_models_that_want_their_thoughts_back() {
        claude_code_with_makers().await;
    }

    #[actix_web::test]
    async fn on_a_claude_channel() {
        claude_code(Kind::Claude).await;
    }

    #[actix_web::test]
    async fn on_a_chat_completions_channel() {
        claude_code(Kind::Chat).await;
    }

    #[actix_web::test]
    async fn on_a_responses_channel() {
        claude_code(Kind::Responses).await;
    }
}

mod codex_works {
    use super::{Kind, codex, codex_with_makers};

    #[actix_web::test]
    async fn with_models_that_want_their_thoughts_back() {
        codex_with_makers().await;
    }

    #[actix_web::test]
    async fn on_a_claude_channel() {
        codex(Kind::Claude).await;
    }

    #[actix_web::test]
    async fn on_a_chat_completions_channel() {
        codex(Kind::Chat).await;
    }

    #[actix_web::test]
    async fn on_a_responses_channel() {
        codex(Kind::Responses).await;
    }
}
