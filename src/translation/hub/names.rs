//! Tool names and call ids, fitted to what the upstream accepts and found again in its answer.

use std::collections::HashMap;

use super::call_ids::{CallIds, IdRule};
use super::request::{Request, ToolKind};
use super::seal::maker;

/// Longest tool name every provider takes (OpenAI: 64; Anthropic: 128).
const MOST_NAME_BYTES: usize = 64;

/// A tool as the client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolName {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// How the client wants it called.
    pub kind: ToolKind,
}

/// The client's tools by the names the upstream knows them by.
#[derive(Clone, Debug, Default)]
pub struct ToolNames {
    client: HashMap<String, ToolName>,
    upstream: HashMap<(Option<String>, String), String>,
    answering: Option<String>,
    ids: CallIds,
}

impl ToolNames {
    /// Names for all tools of a request, those of its history included: namespaces are flattened, characters and
    /// lengths that providers refuse are replaced, and no two tools share a name. The ids of its calls follow `rule`.
    pub fn of(request: &Request, rule: IdRule, model: &str) -> Self {
        let mut names = Self { ids: CallIds::of(request, rule, &maker(model)), ..Self::default() };
        for tool in &request.tools {
            names.add(&tool.name, tool.namespace.as_deref(), tool.kind);
        }
        for call in request.calls() {
            names.add(&call.name, call.namespace.as_deref(), call.kind);
        }
        names
    }

    /// Names for tools of which nothing else matters: name, namespace, kind.
    #[cfg(test)]
    pub fn of_tools(tools: &[(&str, Option<&str>, ToolKind)]) -> Self {
        let mut names = Self::default();
        tools.iter().for_each(|(name, namespace, kind)| names.add(name, *namespace, *kind));
        names
    }

    fn add(&mut self, name: &str, namespace: Option<&str>, kind: ToolKind) {
        let key = (namespace.map(str::to_owned), name.to_owned());
        if self.upstream.contains_key(&key) {
            return;
        }
        let flat = namespace.map_or_else(|| name.to_owned(), |space| format!("{}__{name}", space.trim_end_matches("__")));
        let mut fitted = fitted(&flat, MOST_NAME_BYTES);
        // Counted up: a tag alone would come again, and a client may have given that very name to a tool of its own.
        let mut tries = self.client.len();
        while self.client.contains_key(&fitted) {
            fitted = tagged(&fitted, &format!("{flat}/{tries}"), MOST_NAME_BYTES);
            tries += 1;
        }
        let client = ToolName { name: name.to_owned(), namespace: namespace.map(str::to_owned), kind };
        self.client.insert(fitted.clone(), client);
        self.upstream.insert(key, fitted);
    }

    /// Names a tool of the gateway's own, whose arguments are the answer's text. Its name is told apart from the
    /// client's tools and given back.
    pub fn answer_through(&mut self, name: &str) -> String {
        let mut own = name.to_owned();
        while self.client.contains_key(&own) {
            own.push('_');
        }
        self.answering = Some(own.clone());
        own
    }

    /// Whether a call of this tool is the answer itself: text, no call.
    pub fn is_answer(&self, upstream: &str) -> bool {
        self.answering.as_deref() == Some(upstream)
    }

    /// What the upstream is told for a call's id.
    pub fn upstream_id(&self, id: &str) -> String {
        self.ids.upstream(id).to_owned()
    }

    /// The client's own id for one that the upstream repeats.
    pub fn client_id<'a>(&'a self, id: &'a str) -> &'a str {
        self.ids.client(id)
    }

    /// What the upstream calls a tool of the client's.
    pub fn upstream(&self, name: &str, namespace: Option<&str>) -> String {
        let key = (namespace.map(str::to_owned), name.to_owned());
        self.upstream.get(&key).cloned().unwrap_or_else(|| fitted(name, MOST_NAME_BYTES))
    }

    /// What the client calls a tool of the upstream's; a name nobody offered stays as it is.
    pub fn client(&self, upstream: &str) -> ToolName {
        self.client.get(upstream).cloned().unwrap_or_else(|| ToolName {
            name: upstream.to_owned(),
            namespace: None,
            kind: ToolKind::Function,
        })
    }
}

/// `text` where it fits; else cleaned, cut, and told apart by a digest of the whole.
fn fitted(text: &str, most: usize) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !text.is_empty() && text.len() <= most && text.bytes().all(fits) {
        return text.to_owned();
    }
    let clean: String = text.chars().map(|c| if c.is_ascii() && fits(c as u8) { c } else { '_' }).collect();
    tagged(&clean, text, most)
}

/// `clean`, cut to make room for eight hexadecimal digits of a digest of `whole` (FNV-1a, stable over versions).
fn tagged(clean: &str, whole: &str, most: usize) -> String {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for byte in whole.bytes() {
        digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let kept = &clean[..clean.len().min(most - 9)];
    format!("{kept}_{:08x}", digest & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translation::hub::Tool;
    use actors::vocabulary::Protocol;
    use serde_json::json;

    fn tool(name: &str, namespace: Option<&str>, kind: ToolKind) -> Tool {
        let (name, namespace) = (name.to_owned(), namespace.map(str::to_owned));
        Tool { name, namespace, description: None, kind, schema: json!({"type": "object"}), strict: None, grammar: None }
    }

    #[test]
    fn names_fit_and_are_found_again() {
        let long = "mcp__".to_owned() + &"x".repeat(90);
        let tools = vec![
            tool("plain", None, ToolKind::Custom),
            tool(&long, None, ToolKind::Function),
            tool("read", Some("files"), ToolKind::Function),
            tool("files__read", None, ToolKind::Function),
        ];
        let names = ToolNames::of(&Request { tools, ..Request::new(Protocol::Responses) }, IdRule::OpenAi, "m");
        assert_eq!(names.upstream("plain", None), "plain");
        assert_eq!(names.client("plain").kind, ToolKind::Custom);
        assert_eq!(names.upstream("read", Some("files")), "files__read");
        let other = names.upstream("files__read", None);
        assert_ne!(other, "files__read");
        assert_eq!(names.client(&other).name, "files__read");
        let short = names.upstream(&long, None);
        assert!(short.len() <= 64, "{short}");
        assert_eq!(names.client(&short).name, long);
        assert_eq!(names.client("unknown").name, "unknown");
    }

    #[test]
    fn names_chosen_to_collide_are_told_apart() {
        let long = "x".repeat(80);
        let taken = fitted(&long, MOST_NAME_BYTES);
        // What the second try is going to be called when two tools stand before it.
        let next = tagged(&taken, &format!("{long}/2"), MOST_NAME_BYTES);
        let tools = [&taken, &next, &long].map(|name| tool(name, None, ToolKind::Function));
        let names = ToolNames::of(&Request { tools: tools.into(), ..Request::new(Protocol::Messages) }, IdRule::Claude, "m");
        let own = names.upstream(&long, None);
        assert!(own.len() <= MOST_NAME_BYTES && own != taken && own != next, "{own}");
        assert_eq!(names.client(&own).name, long);
    }
}
