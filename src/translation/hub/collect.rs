//! A stream's events put together again: for clients that asked for a whole answer, and for tests.

use super::answer::{Answer, Block, Call, Thought};
use super::event::{Event, Opening};

/// Puts a stream's events together into the answer they tell.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    answer: Answer,
}

impl Collector {
    /// Takes an event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Start { id } => self.answer.id.clone_from(id),
            Event::Open { opening, .. } => self.answer.blocks.push(opened(opening)),
            Event::More { block, text } => match self.answer.blocks.get_mut(*block) {
                Some(Block::Text(all) | Block::Refusal(all)) => all.push_str(text),
                Some(Block::Thought(thought)) => thought.text.push_str(text),
                Some(Block::Call(call)) => call.input.push_str(text),
                None => {}
            },
            Event::Seal { block, seal } => {
                if let Some(Block::Thought(thought)) = self.answer.blocks.get_mut(*block) {
                    thought.seal = Some(seal.clone());
                }
            }
            Event::Stop(stop) => self.answer.stop = stop.clone(),
            Event::Close { .. } | Event::Error { .. } | Event::End => {}
        }
    }

    /// The answer so far.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }
}

fn opened(opening: &Opening) -> Block {
    match opening {
        Opening::Text => Block::Text(String::new()),
        Opening::Refusal => Block::Refusal(String::new()),
        Opening::Thought => Block::Thought(Thought::default()),
        Opening::Call { id, name, namespace, kind } => Block::Call(Call {
            id: id.clone(),
            name: name.clone(),
            namespace: namespace.clone(),
            kind: *kind,
            input: String::new(),
        }),
    }
}
