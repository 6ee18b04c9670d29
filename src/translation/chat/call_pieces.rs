//! Tool calls of a stream, put together from pieces the way providers really send them.

use serde_json::{Map, Value};

use super::answer::{arguments_text, attached, made_call_id};
use super::{opaque, wire};
use crate::translation::hub::{Event, InputUnwrapper, Opening, Seal, ToolKind, ToolNames, short};

/// The calls of one stream. All stay open to its end: pieces of an earlier one may follow those of a later one.
#[derive(Debug, Default)]
pub(super) struct CallPieces {
    calls: Vec<PartialCall>,
}

#[derive(Debug, Default)]
struct PartialCall {
    index: Option<usize>,
    id: String,
    name: String,
    /// Arguments that came before the name.
    early: String,
    /// What the provider attached to it.
    extra: Map<String, Value>,
    opened: Option<Opened>,
}

#[derive(Debug)]
struct Opened {
    block: usize,
    /// For custom tools: gets the input out of the arguments.
    unwrapper: Option<InputUnwrapper>,
    is_empty: bool,
}

/// What is known of the answer that the calls belong to.
pub(super) struct Context<'a> {
    pub names: &'a ToolNames,
    pub answer_id: &'a str,
    pub created: Option<i64>,
    /// The number of the next block that opens.
    pub next_block: &'a mut usize,
}

impl CallPieces {
    /// Takes a piece; gives what it opens and adds.
    pub(super) fn piece(&mut self, mut piece: wire::CallPiece, context: &mut Context<'_>, out: &mut Vec<Event>) {
        let extra = piece.take_extra();
        let function = piece.function.unwrap_or_default();
        let (id, name) = (piece.id.unwrap_or_default(), function.name.unwrap_or_default());
        let at = self.find(piece.index, &id, &name);
        let at = at.unwrap_or_else(|| {
            self.calls.push(PartialCall { index: piece.index, ..PartialCall::default() });
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(at) else { return };
        // Some providers repeat both in every piece.
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        call.extra.extend(extra);
        call.early.push_str(&arguments_text(function.arguments));
        if !call.name.is_empty() && (!call.id.is_empty() || !call.early.is_empty()) {
            call.open(at, context, out);
            call.give(out);
        }
    }

    /// The call a piece belongs to; `None` when it begins one.
    fn find(&self, index: Option<usize>, id: &str, name: &str) -> Option<usize> {
        let with_id = || self.calls.iter().rposition(|call| !id.is_empty() && call.id == id);
        match index {
            Some(index) => {
                let Some(at) = self.calls.iter().rposition(|call| call.index == Some(index)) else {
                    // More of a call whose own index could not be read.
                    let unnumbered = || self.calls.iter().rposition(|call| call.index.is_none());
                    return if id.is_empty() && name.is_empty() { unnumbered() } else { None };
                };
                // Some providers give each of several whole calls the index 0.
                let is_another = !id.is_empty() && !name.is_empty() && !self.calls.get(at)?.id.is_empty();
                if is_another && self.calls.get(at)?.id != id { with_id() } else { Some(at) }
            }
            None if !id.is_empty() => with_id(),
            None if name.is_empty() => self.calls.len().checked_sub(1),
            None => None,
        }
    }

    /// Whether a call has no name by now: nobody can run it.
    pub(super) fn has_nameless(&self) -> bool {
        self.calls.iter().any(|call| call.name.is_empty())
    }

    /// Closes all calls; those that never got a name open before.
    pub(super) fn close(&mut self, context: &mut Context<'_>, out: &mut Vec<Event>) {
        for (at, mut call) in std::mem::take(&mut self.calls).into_iter().enumerate() {
            call.open(at, context, out);
            call.give(out);
            let Some(opened) = call.opened else { continue };
            let last = match opened.unwrapper {
                Some(mut unwrapper) => unwrapper.finish(),
                None if opened.is_empty => "{}".to_owned(),
                None => String::new(),
            };
            more(opened.block, last, out);
            out.push(Event::Close { block: opened.block });
            // What came behind the call's beginning.
            if !call.extra.is_empty() {
                let (call_id, extra) = (short(&call.id).unwrap_or(call.id), call.extra);
                let seal = Seal::Call { maker: String::new(), call_id, own_id: None, extra };
                opaque::sealed(seal, context.next_block, out);
            }
        }
    }
}

impl PartialCall {
    fn open(&mut self, at: usize, context: &mut Context<'_>, out: &mut Vec<Event>) {
        if self.opened.is_some() {
            return;
        }
        if self.id.is_empty() {
            self.id = made_call_id(context.answer_id, context.created, at);
        }
        let tool = context.names.client(&self.name);
        let mut given = self.id.clone();
        if let Some(seal) = attached(&mut given, std::mem::take(&mut self.extra)) {
            opaque::sealed(seal, context.next_block, out);
        }
        let block = *context.next_block;
        *context.next_block += 1;
        let unwrapper = (tool.kind == ToolKind::Custom).then(InputUnwrapper::default);
        self.opened = Some(Opened { block, unwrapper, is_empty: true });
        let opening = Opening::Call { id: given, name: tool.name, namespace: tool.namespace, kind: tool.kind };
        out.push(Event::Open { block, opening });
    }

    /// Gives the arguments that came.
    fn give(&mut self, out: &mut Vec<Event>) {
        let Some(opened) = &mut self.opened else { return };
        let arguments = std::mem::take(&mut self.early);
        if arguments.is_empty() {
            return;
        }
        opened.is_empty = false;
        let text = match &mut opened.unwrapper {
            Some(unwrapper) => unwrapper.feed(&arguments),
            None => arguments,
        };
        more(opened.block, text, out);
    }
}

fn more(block: usize, text: String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::More { block, text });
    }
}
