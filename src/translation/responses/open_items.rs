//! A stream's output items, as far as they have been told: which block each part is, and how much of it is out.

use std::sync::Arc;

use super::read_items::thought;
use super::wire::{OutputItem, OutputPart, Thinking};
use crate::translation::hub::{Event, InputUnwrapper, Opening, ToolKind, ToolNames};
use crate::translation::lenient::told_bytes;

/// A part of an item that is a block of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// A message's part of this number.
    Spoken(usize),
    /// A thought, all parts in one.
    Thought,
    /// A call.
    Call,
}

/// A block that has been opened.
#[derive(Debug)]
struct Told {
    item: usize,
    slot: Slot,
    /// Bytes of it that the upstream has told; of a thought, bytes of the part at hand.
    bytes: usize,
    /// Of a thought: whether raw thinking is told rather than its summary, and the part at hand.
    raw: bool,
    part: usize,
    /// Of a custom tool's call that the provider makes like a function's.
    unwrapper: Option<InputUnwrapper>,
    /// Whether it is a function's call, whose arguments are an object even when nothing is said.
    is_function: bool,
    closed: bool,
}

/// All blocks of a stream, by number.
#[derive(Debug)]
pub struct OpenItems {
    names: Arc<ToolNames>,
    told: Vec<Told>,
    has_calls: bool,
}

impl OpenItems {
    /// None yet.
    pub fn new(names: Arc<ToolNames>) -> Self {
        Self { names, told: Vec::new(), has_calls: false }
    }

    /// Whether any block was opened.
    pub fn any(&self) -> bool {
        !self.told.is_empty()
    }

    /// Whether any block is a call.
    pub fn has_calls(&self) -> bool {
        self.has_calls
    }

    /// The item that was opened last, for events that name none.
    pub fn latest(&self) -> usize {
        self.told.last().map_or(0, |told| told.item)
    }

    /// A piece of text or of a refusal.
    pub fn spoken(&mut self, item: usize, part: usize, is_refusal: bool, piece: &str, out: &mut Vec<Event>) {
        if piece.is_empty() {
            return;
        }
        let opening = if is_refusal { Opening::Refusal } else { Opening::Text };
        let block = self.find_or_open(item, Slot::Spoken(part), || opening, out);
        self.more(block, piece, out);
    }

    /// A text or refusal as a whole: what is missing of it is told.
    pub fn spoken_whole(&mut self, item: usize, part: usize, is_refusal: bool, whole: &str, out: &mut Vec<Event>) {
        let bytes = self.find(item, Slot::Spoken(part)).map_or(0, |block| self.told[block].bytes);
        self.spoken(item, part, is_refusal, whole.get(bytes..).unwrap_or_default(), out);
    }

    /// A message's part is at its end.
    pub fn part_done(&mut self, item: usize, number: usize, part: OutputPart, out: &mut Vec<Event>) {
        let Some((is_refusal, whole)) = part.spoken() else { return };
        self.spoken_whole(item, number, is_refusal, &whole, out);
        if let Some(block) = self.find(item, Slot::Spoken(number)) {
            self.close(block, out);
        }
    }

    /// A piece of a thought's part. Parts are told one below the other; where both raw thinking and its summary come,
    /// the one that comes first is told.
    pub fn thought(&mut self, item: usize, raw: bool, part: usize, piece: &str, out: &mut Vec<Event>) {
        if piece.is_empty() {
            return;
        }
        let known = self.find_open(item, Slot::Thought);
        let block = self.find_or_open(item, Slot::Thought, || Opening::Thought, out);
        let told = &mut self.told[block];
        if known.is_none() {
            (told.raw, told.part) = (raw, part);
        } else if told.raw != raw || part < told.part {
            return;
        }
        if part > told.part {
            (told.part, told.bytes) = (part, 0);
            push_more(block, "\n\n".to_owned(), out);
        }
        self.more(block, piece, out);
    }

    /// A thought's part as a whole: what is missing of it is told.
    pub fn thought_whole(&mut self, item: usize, raw: bool, part: usize, whole: &str, out: &mut Vec<Event>) {
        let told = self.find(item, Slot::Thought).map(|block| &self.told[block]);
        let bytes = told.filter(|told| told.part == part && told.raw == raw).map_or(0, |told| told.bytes);
        self.thought(item, raw, part, whole.get(bytes..).unwrap_or_default(), out);
    }

    /// A piece of a call's arguments or input.
    pub fn called(&mut self, item: usize, piece: &str, out: &mut Vec<Event>) {
        if let Some(block) = self.find(item, Slot::Call) {
            self.more(block, piece, out);
        }
    }

    /// A call's arguments or input as a whole: what is missing of it is told.
    pub fn called_whole(&mut self, item: usize, whole: &str, out: &mut Vec<Event>) {
        if let Some(block) = self.find(item, Slot::Call) {
            let missing = whole.get(self.told[block].bytes..).unwrap_or_default();
            self.more(block, missing, out);
        }
    }

    /// An item opens. Only calls are told at once: their names come with it.
    pub fn added(&mut self, place: usize, item: &OutputItem, out: &mut Vec<Event>) {
        let is_custom = match item.kind() {
            "custom_tool_call" => true,
            "function_call" => false,
            _ => return,
        };
        let Some(name) = item.name.as_deref().filter(|name| !name.is_empty()) else { return };
        if self.find_open(place, Slot::Call).is_some() {
            return;
        }
        let tool = self.names.client(name);
        let id = item.call_id.clone().or_else(|| item.id.clone()).unwrap_or_default();
        let wrapped = !is_custom && tool.kind == ToolKind::Custom;
        let kind = if is_custom { ToolKind::Custom } else { tool.kind };
        let opening = Opening::Call { id, name: tool.name, namespace: tool.namespace, kind };
        let block = self.find_or_open(place, Slot::Call, || opening, out);
        self.told[block].unwrapper = wrapped.then(InputUnwrapper::default);
        self.told[block].is_function = kind == ToolKind::Function;
        self.has_calls = true;
    }

    /// An item is at its end: whatever it holds that was not told is told, and its blocks close.
    pub fn done(&mut self, place: usize, item: OutputItem, out: &mut Vec<Event>) {
        match item.kind() {
            "message" => {
                for (number, part) in item.content.into_iter().flatten().enumerate() {
                    self.part_done(place, number, part, out);
                }
            }
            "reasoning" => self.thought_done(place, item, out),
            "function_call" | "custom_tool_call" => {
                self.added(place, &item, out);
                self.called_whole(place, &item.arguments.or(item.input).unwrap_or_default(), out);
            }
            _ => {}
        }
        for block in 0..self.told.len() {
            if self.told[block].item == place {
                self.close(block, out);
            }
        }
    }

    fn thought_done(&mut self, place: usize, mut item: OutputItem, out: &mut Vec<Event>) {
        if self.find(place, Slot::Thought).is_some_and(|block| self.told[block].closed) {
            return;
        }
        let (summary, content) = (item.summary(), item.content_words());
        let raw = summary.iter().all(|part| part.text.is_empty());
        for (number, part) in if raw { &content } else { &summary }.iter().enumerate() {
            self.thought_whole(place, raw, number, &part.text, out);
        }
        let encrypted_content = item.encrypted_content;
        let whole = Thinking { id: item.id, summary: Some(summary), content: None, encrypted_content };
        if let Some(seal) = thought(whole).and_then(|thought| thought.seal) {
            let block = self.find_or_open(place, Slot::Thought, || Opening::Thought, out);
            out.push(Event::Seal { block, seal });
        }
    }

    /// The stream is at its end.
    pub fn close_all(&mut self, out: &mut Vec<Event>) {
        for block in 0..self.told.len() {
            self.close(block, out);
        }
    }

    fn find(&self, item: usize, slot: Slot) -> Option<usize> {
        self.told.iter().rposition(|told| told.item == item && told.slot == slot)
    }

    /// The block of a part that is still going on. Some providers number all items alike: what comes after a part's
    /// end is another one.
    fn find_open(&self, item: usize, slot: Slot) -> Option<usize> {
        self.find(item, slot).filter(|block| !self.told[*block].closed)
    }

    fn find_or_open(&mut self, item: usize, slot: Slot, opening: impl FnOnce() -> Opening, out: &mut Vec<Event>) -> usize {
        if let Some(block) = self.find_open(item, slot) {
            return block;
        }
        let block = self.told.len();
        self.told.push(Told { item, slot, bytes: 0, raw: false, part: 0, unwrapper: None, is_function: false, closed: false });
        out.push(Event::Open { block, opening: opening() });
        block
    }

    fn more(&mut self, block: usize, piece: &str, out: &mut Vec<Event>) {
        let told = &mut self.told[block];
        if piece.is_empty() || told.closed {
            return;
        }
        told.bytes += told_bytes(piece);
        let text = told.unwrapper.as_mut().map_or_else(|| piece.to_owned(), |unwrapper| unwrapper.feed(piece));
        push_more(block, text, out);
    }

    fn close(&mut self, block: usize, out: &mut Vec<Event>) {
        let told = &mut self.told[block];
        if told.closed {
            return;
        }
        told.closed = true;
        if let Some(mut unwrapper) = told.unwrapper.take() {
            push_more(block, unwrapper.finish(), out);
        } else if told.is_function && told.bytes == 0 {
            push_more(block, "{}".to_owned(), out);
        }
        out.push(Event::Close { block });
    }
}

fn push_more(block: usize, text: String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::More { block, text });
    }
}
