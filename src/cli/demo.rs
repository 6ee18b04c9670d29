//! `demo`: the gateway at work on one machine, with nothing from outside.
//!
//! Starts the gateway on its own directory with the scripted provider behind it, sets it up through the same
//! API an admin would use, sends one real streamed request through `/v1`, and keeps running.

mod visit;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use actors::ports::NoFaults;
use secrecy::SecretString;

use super::serve::StopSignals;
use super::{CommandError, say};
use crate::app;
use crate::config::Config;
use crate::mock_upstream::MockUpstream;

use visit::{Shown, Visit};

pub(super) async fn run(environment: impl Fn(&str) -> Option<String>) -> Result<ExitCode, CommandError> {
    let mut stop = StopSignals::listen()?;
    let provider = MockUpstream::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let config = config(environment)?;
    let (setup_code, data_dir) = (config.setup_code.clone(), config.data_dir.clone());
    let running = app::start(config, Arc::new(NoFaults)).await?;
    let visit = Visit::new(running.listening, setup_code);
    let shown = visit.tour(&provider.base_url(), &data_dir.join("demo.json")).await.map_err(CommandError::Other)?;
    // It runs on where nobody reads what it says.
    let _unread = show(running.listening, &data_dir.display().to_string(), &shown);
    stop.wait(true).await;
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The environment's, but for its databases: the demo has its own directory.
fn config(environment: impl Fn(&str) -> Option<String>) -> Result<Config, CommandError> {
    let ignored = ["DATABASE_URL", "REDIS_URL", "APP_SECRET", "APP_SECRET_PREVIOUS"];
    let is_ignored = |name: &str| ignored.contains(&name.strip_suffix("_FILE").unwrap_or(name));
    let mut config = Config::read(|name| environment(name).filter(|_| !is_ignored(name)))?;
    config.data_dir = config.data_dir.join("demo");
    if config.setup_code.is_none() && config.listens_beyond_loopback() {
        let code = crate::secrets::random_base62(16).map_err(|error| CommandError::Other(error.to_string()))?;
        config.setup_code = Some(SecretString::from(code));
    }
    // The usual port, or any free one while something else has it.
    if environment("PORT").is_none() && TcpListener::bind(config.listen).is_err() {
        config.listen.set_port(0);
    }
    Ok(config)
}

fn show(listening: SocketAddr, data_dir: &str, shown: &Shown) -> std::io::Result<()> {
    let site = format!("http://{listening}");
    say(&format!("api-proxy {} is running on {site} (data in {data_dir})\n", env!("CARGO_PKG_VERSION")))?;
    say("A streamed request went through the whole road:")?;
    say(&format!("  answer   {}", shown.answer))?;
    say(&format!("  tokens   {} in, {} out", shown.tokens_in, shown.tokens_out))?;
    say(&format!("  cost     ${}\n", shown.cost))?;
    say("Try it yourself:")?;
    say(&format!("  curl -N {site}/v1/messages -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' \\"))?;
    say(&format!("    -H 'x-api-key: {}' \\", shown.key))?;
    say(
        "    -d '{\"model\":\"claude-haiku-4-5\",\"max_tokens\":128,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'\n",
    )?;
    say(&format!("Key      {}", shown.key))?;
    say(&format!("Console  {site}/sign-in"))?;
    for login in &shown.logins {
        say(&format!("  sign in as {} with password {}", login.account, login.password))?;
    }
    say("\nStop with Ctrl-C.")
}
