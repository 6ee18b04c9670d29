//! Stop sequences for upstreams that have none: the answer's text ends before the first of them.

use super::answer::{Answer, Block, Stop};
use super::event::{Event, Opening};

/// Cuts an answer at its client's stop sequences. It looks at text alone, each block by itself, never at thinking or
/// at what tools are called with.
#[derive(Debug, Default)]
pub struct Cutter {
    stops: Vec<String>,
    /// Open blocks.
    open: Vec<OpenBlock>,
    /// Whether the answer is cut; nothing more is told of it but its end.
    cut: bool,
}

#[derive(Debug)]
struct OpenBlock {
    block: usize,
    /// The end of a text that may be the beginning of a stop sequence; `None` for what is no text.
    held: Option<String>,
}

impl Cutter {
    /// For these stop sequences; empty ones stop nothing.
    pub fn new(mut stops: Vec<String>) -> Self {
        stops.retain(|stop| !stop.is_empty());
        Self { stops, ..Self::default() }
    }

    /// Whether the answer was cut and its end is still to be told.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Cuts a whole answer.
    pub fn answer(&self, answer: &mut Answer) {
        if self.stops.is_empty() {
            return;
        }
        let found = answer.blocks.iter().enumerate().find_map(|(place, block)| match block {
            Block::Text(text) => self.find(text).map(|(at, stop)| (place, at, stop.to_owned())),
            _ => None,
        });
        let Some((place, at, stop)) = found else { return };
        answer.blocks.truncate(place + 1);
        if let Some(Block::Text(text)) = answer.blocks.last_mut() {
            text.truncate(at);
        }
        answer.blocks.retain(|block| !matches!(block, Block::Text(text) if text.is_empty()));
        answer.stop = Stop::StopSequence(Some(stop));
    }

    /// Cuts a stream: gives what is to be told of its events. After the cut that is nothing; [`Self::end`] tells the end.
    pub fn events(&mut self, events: Vec<Event>) -> Vec<Event> {
        if self.stops.is_empty() {
            return events;
        }
        let mut told = Vec::with_capacity(events.len());
        for event in events {
            if self.cut {
                // What was generated before and is told late (a proof, an error) has no place any more.
                break;
            }
            self.event(event, &mut told);
        }
        told
    }

    fn event(&mut self, event: Event, told: &mut Vec<Event>) {
        match event {
            Event::Open { block, opening } => {
                let held = (opening == Opening::Text).then(String::new);
                self.open.push(OpenBlock { block, held });
                told.push(Event::Open { block, opening });
            }
            Event::More { block, text } => match self.held(block) {
                Some(held) => {
                    let text = std::mem::take(held) + &text;
                    self.text(block, text, told);
                }
                None => told.push(Event::More { block, text }),
            },
            Event::Close { block } => {
                let rest = self.held(block).map(std::mem::take).unwrap_or_default();
                more(block, rest, told);
                self.open.retain(|open| open.block != block);
                told.push(Event::Close { block });
            }
            other => told.push(other),
        }
    }

    fn held(&mut self, block: usize) -> Option<&mut String> {
        self.open.iter_mut().find(|open| open.block == block)?.held.as_mut()
    }

    fn text(&mut self, block: usize, mut text: String, told: &mut Vec<Event>) {
        if let Some((at, stop)) = self.find(&text) {
            let stop = stop.to_owned();
            text.truncate(at);
            more(block, text, told);
            told.extend(self.open.drain(..).map(|open| Event::Close { block: open.block }));
            told.push(Event::Stop(Stop::StopSequence(Some(stop))));
            self.cut = true;
            return;
        }
        let rest = text.split_off(text.len() - self.beginning(&text));
        more(block, text, told);
        if let Some(held) = self.held(block) {
            *held = rest;
        }
    }

    /// The stop sequence that is complete first, and where it begins; of several that end there, the longest.
    fn find(&self, text: &str) -> Option<(usize, &str)> {
        let found = self.stops.iter().filter_map(|stop| Some((text.find(stop.as_str())?, stop.as_str())));
        found.min_by_key(|(at, stop)| (at + stop.len(), *at))
    }

    /// Bytes at the end of a text that may be the beginning of a stop sequence.
    fn beginning(&self, text: &str) -> usize {
        let of = |stop: &String| {
            let longest = stop.len().saturating_sub(1).min(text.len());
            let fits = |length: &usize| {
                let at = text.len() - length;
                text.is_char_boundary(at) && stop.is_char_boundary(*length) && stop.starts_with(&text[at..])
            };
            (1..=longest).rev().find(fits).unwrap_or(0)
        };
        self.stops.iter().map(of).max().unwrap_or(0)
    }
}

fn more(block: usize, text: String, told: &mut Vec<Event>) {
    if !text.is_empty() {
        told.push(Event::More { block, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translation::hub::{Collector, replay};
    use proptest::prelude::*;

    fn cutter(stops: &[&str]) -> Cutter {
        Cutter::new(stops.iter().map(|stop| (*stop).to_owned()).collect())
    }

    fn answer(blocks: Vec<Block>) -> Answer {
        Answer { blocks, ..Answer::default() }
    }

    /// What is told of a text that comes in pieces.
    fn in_pieces(stops: &[&str], pieces: &[&str]) -> Answer {
        let mut cutter = cutter(stops);
        let mut events = vec![Event::Open { block: 0, opening: Opening::Text }];
        events.extend(pieces.iter().map(|text| Event::More { block: 0, text: (*text).to_owned() }));
        events.extend([Event::Close { block: 0 }, Event::Stop(Stop::End), Event::End]);
        let mut collector = Collector::default();
        for event in events {
            cutter.events(vec![event]).iter().for_each(|event| collector.take(event));
        }
        let mut answer = collector.answer().clone();
        answer.blocks.retain(|block| !matches!(block, Block::Text(text) if text.is_empty()));
        answer
    }

    #[test]
    fn text_ends_before_the_first_stop_sequence() {
        let stop = |text: &str| Stop::StopSequence(Some(text.to_owned()));
        let cut = in_pieces(&["\nObservation:", "END"], &["Thought\nObs", "erva", "tion: 42 END"]);
        assert_eq!((cut.blocks, cut.stop), (vec![Block::Text("Thought".to_owned())], stop("\nObservation:")));
        let whole = in_pieces(&["\nObservation:"], &["a\nObs", "erve\nObser"]);
        assert_eq!((whole.blocks, whole.stop), (vec![Block::Text("a\nObserve\nObser".to_owned())], Stop::End));
        assert_eq!(in_pieces(&["ab"], &["ab"]).blocks, []);
        assert_eq!(in_pieces(&["abc", "b"], &["xabc"]).stop, stop("b"));
    }

    #[test]
    fn thinking_and_calls_are_not_looked_at() {
        use crate::translation::hub::{Call, Thought, ToolKind};
        let call = Call {
            id: "c".to_owned(),
            name: "f".to_owned(),
            namespace: None,
            kind: ToolKind::Function,
            input: "STOP".to_owned(),
        };
        let blocks = vec![
            Block::Thought(Thought { text: "STOP".to_owned(), seal: None }),
            Block::Text("Hello".to_owned()),
            Block::Call(call),
        ];
        let mut whole = answer(blocks);
        let before = whole.clone();
        cutter(&["STOP"]).answer(&mut whole);
        assert_eq!(whole, before);
        let mut collector = Collector::default();
        cutter(&["STOP"]).events(replay(&before)).iter().for_each(|event| collector.take(event));
        assert_eq!(*collector.answer(), before);
    }

    proptest! {
        #[test]
        fn pieces_are_cut_like_the_whole(text in "[abé]{0,12}", cuts in proptest::collection::vec(0usize..13, 0..5),
            stops in proptest::collection::vec("[abé]{1,4}", 1..4)) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let chars: Vec<char> = text.chars().collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (chars.len() + 1)).collect();
            cuts.extend([0, chars.len()]);
            cuts.sort_unstable();
            let pieces: Vec<String> = cuts.windows(2).map(|pair| chars[pair[0]..pair[1]].iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).filter(|piece| !piece.is_empty()).collect();
            let mut whole = answer(if text.is_empty() { Vec::new() } else { vec![Block::Text(text.clone())] });
            cutter(&stops).answer(&mut whole);
            prop_assert_eq!(in_pieces(&stops, &pieces), whole);
        }
    }
}
