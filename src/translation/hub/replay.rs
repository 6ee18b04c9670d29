//! A whole answer told as a stream.

use super::answer::{Answer, Block, Call};
use super::event::{Event, Opening};

/// The events that tell a whole answer, for a client that asked for a stream and an upstream that sent none.
pub fn replay(answer: &Answer) -> Vec<Event> {
    let mut events = vec![Event::Start { id: answer.id.clone() }];
    for (number, block) in answer.blocks.iter().enumerate() {
        let (opening, text, seal) = match block {
            Block::Text(text) => (Opening::Text, text, None),
            Block::Refusal(text) => (Opening::Refusal, text, None),
            Block::Thought(thought) => (Opening::Thought, &thought.text, thought.seal.clone()),
            Block::Call(Call { id, name, namespace, kind, input }) => {
                let (id, name, namespace) = (id.clone(), name.clone(), namespace.clone());
                (Opening::Call { id, name, namespace, kind: *kind }, input, None)
            }
        };
        events.push(Event::Open { block: number, opening });
        if !text.is_empty() {
            events.push(Event::More { block: number, text: text.clone() });
        }
        events.extend(seal.map(|seal| Event::Seal { block: number, seal }));
        events.push(Event::Close { block: number });
    }
    events.push(Event::Stop(answer.stop.clone()));
    events.push(Event::End);
    events
}
