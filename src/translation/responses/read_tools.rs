//! Reads a request's tools and how they are to be used.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::wire::{self, kind_of};
use crate::translation::hub::{CannotCarry, Choice, Request, Tool, ToolKind};
use crate::translation::json::parse_at;

/// What was offered, wherever it stood.
#[derive(Debug, Default)]
pub struct Offered {
    /// Where the client's tools stand among the request's, by namespace and name.
    places: HashMap<(Option<String>, String), usize>,
    hosted: bool,
}

impl Offered {
    /// Reads a list of tools that stands at `path`.
    ///
    /// # Errors
    /// Names a tool that is not as the API has it.
    pub fn add_all(&mut self, path: &str, tools: Vec<Value>, request: &mut Request) -> Result<(), CannotCarry> {
        for (place, tool) in tools.into_iter().enumerate() {
            self.add(&format!("{path}[{place}]"), tool, None, request)?;
        }
        Ok(())
    }

    fn add(&mut self, path: &str, tool: Value, namespace: Option<&str>, request: &mut Request) -> Result<(), CannotCarry> {
        let kind = match kind_of(&tool) {
            "function" => ToolKind::Function,
            "custom" => ToolKind::Custom,
            "namespace" if namespace.is_none() => {
                let space: wire::Namespace = parse_at(path, tool)?;
                for (place, inner) in space.tools.into_iter().enumerate() {
                    self.add(&format!("{path}.tools[{place}]"), inner, Some(&space.name), request)?;
                }
                return Ok(());
            }
            "" => return Err(CannotCarry::new(format_args!("{path}.type"), "Field required")),
            hosted => {
                request.left_out.note(&format!("tools.{hosted}"));
                self.hosted = true;
                return Ok(());
            }
        };
        let tool = read_tool(parse_at(path, tool)?, kind, namespace);
        let place = *self.places.entry((tool.namespace.clone(), tool.name.clone())).or_insert(request.tools.len());
        match request.tools.get_mut(place) {
            Some(known) => *known = tool,
            None => request.tools.push(tool),
        }
        Ok(())
    }

    /// Whether there is a tool left to call.
    ///
    /// # Errors
    /// When OpenAI's own tools alone were offered.
    pub fn check(&self) -> Result<(), CannotCarry> {
        if self.hosted && self.places.is_empty() {
            let problem = "The tools offered are run by OpenAI itself, and this model's channel speaks another protocol";
            return Err(CannotCarry::new("tools", problem));
        }
        Ok(())
    }
}

fn read_tool(tool: wire::Tool, kind: ToolKind, namespace: Option<&str>) -> Tool {
    let schema = tool.parameters.filter(|schema| !schema.is_null());
    Tool {
        name: tool.name,
        namespace: namespace.map(str::to_owned),
        description: tool.description.filter(|text| !text.is_empty()),
        kind,
        schema: schema.unwrap_or_else(|| json!({"type": "object", "properties": {}})),
        strict: tool.strict.filter(|_| kind == ToolKind::Function),
        grammar: tool.format.filter(|format| kind == ToolKind::Custom && kind_of(format) == "grammar"),
    }
}

/// Reads `tool_choice`.
///
/// # Errors
/// When it forces one of OpenAI's own tools, or is not as the API has it.
pub fn choice(choice: Value, request: &mut Request) -> Result<Option<Choice>, CannotCarry> {
    match choice {
        Value::Null => return Ok(None),
        Value::String(mode) => {
            return match mode.as_str() {
                "auto" => Ok(Some(Choice::Auto)),
                "none" => Ok(Some(Choice::None)),
                "required" => Ok(Some(Choice::Required)),
                _ => Err(CannotCarry::new("tool_choice", "Input should be 'none', 'auto', 'required' or an object")),
            };
        }
        _ => {}
    }
    let choice: wire::ToolChoice = parse_at("tool_choice", choice)?;
    match choice.kind.as_str() {
        "function" | "custom" => {
            let name = choice.name.ok_or_else(|| CannotCarry::new("tool_choice.name", "Field required"))?;
            let namespace = choice.namespace.or_else(|| namespace_of(&name, request));
            Ok(Some(Choice::Named { name, namespace }))
        }
        "allowed_tools" => allowed(choice, request).map(Some),
        _ => Err(CannotCarry::new(
            "tool_choice",
            "This tool is run by OpenAI itself; this model's channel cannot be made to use it",
        )),
    }
}

fn allowed(choice: wire::ToolChoice, request: &mut Request) -> Result<Choice, CannotCarry> {
    let required = match choice.mode.as_deref() {
        Some("required") => true,
        Some("auto") | None => false,
        Some(_) => return Err(CannotCarry::new("tool_choice.mode", "Input should be 'auto' or 'required'")),
    };
    let tools = choice.tools.unwrap_or_default();
    let mut names = Vec::with_capacity(tools.len());
    let mut spaces = HashSet::new();
    for tool in tools {
        match (tool.kind.as_str(), tool.name) {
            ("function" | "custom", Some(name)) => names.push(name),
            ("namespace", Some(space)) => {
                spaces.insert(space);
            }
            (hosted, _) => request.left_out.note(&format!("tools.{hosted}")),
        }
    }
    // A namespace stands for all its tools.
    let inside = |known: &&Tool| known.namespace.as_ref().is_some_and(|space| spaces.contains(space));
    names.extend(request.tools.iter().filter(inside).map(|known| known.name.clone()));
    if names.is_empty() {
        let problem = "None of the tools allowed can be used on this model: its channel speaks another protocol";
        return Err(CannotCarry::new("tool_choice.tools", problem));
    }
    Ok(Choice::Allowed { required, names })
}

/// The namespace of a tool that is named without it.
fn namespace_of(name: &str, request: &Request) -> Option<String> {
    let mut found = request.tools.iter().filter(|tool| tool.name == name);
    let first = found.next()?;
    if found.any(|other| other.namespace.is_none()) { None } else { first.namespace.clone() }
}
