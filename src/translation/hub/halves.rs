//! Characters whose halves come in two pieces of a block.

use super::event::Event;
use crate::translation::lenient::{join, settled};

/// Joins the halves of a stream's characters, block by block.
#[derive(Debug, Default)]
pub struct Halves {
    /// Blocks whose last piece ended with half a character.
    waiting: Vec<(usize, u32)>,
}

impl Halves {
    /// The events with whole characters; what is left alone becomes U+FFFD.
    pub fn joined(&mut self, events: Vec<Event>) -> Vec<Event> {
        let mut out = Vec::with_capacity(events.len());
        for event in events {
            match event {
                Event::More { block, text } => {
                    let mut waiting = self.take(block);
                    let text = join(&mut waiting, text);
                    self.waiting.extend(waiting.map(|half| (block, half)));
                    if !text.is_empty() {
                        out.push(Event::More { block, text });
                    }
                }
                Event::Close { block } => {
                    if self.take(block).is_some() {
                        out.push(Event::More { block, text: char::REPLACEMENT_CHARACTER.to_string() });
                    }
                    out.push(Event::Close { block });
                }
                Event::Error { message, status } => out.push(Event::Error { message: settled(message), status }),
                other => out.push(other),
            }
        }
        out
    }

    fn take(&mut self, block: usize) -> Option<u32> {
        let at = self.waiting.iter().position(|(waiting, _)| *waiting == block)?;
        Some(self.waiting.swap_remove(at).1)
    }
}
