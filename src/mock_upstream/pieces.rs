//! A text and the fragments it is streamed in.

use std::borrow::Cow;

/// How many bytes of filler go into one piece of a padded stream.
const FILLER_PIECE: usize = 1024;

/// A text as the fragments it is streamed in; long ones are made as they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pieces {
    /// These fragments.
    List(Vec<String>),
    /// The same fragment so many times.
    Repeated {
        /// How many pieces.
        count: usize,
        /// What each of them says.
        text: String,
    },
    /// So many bytes of meaningless letters, in pieces of a kilobyte.
    Filler(usize),
}

impl Pieces {
    /// A text cut into words; each keeps the white space before it.
    pub fn words(text: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut start = 0;
        let mut inside_word = false;
        for (at, letter) in text.char_indices() {
            if letter.is_whitespace() && inside_word {
                words.push(text[start..at].to_owned());
                start = at;
            }
            inside_word = !letter.is_whitespace();
        }
        if start < text.len() {
            words.push(text[start..].to_owned());
        }
        Self::List(words)
    }

    /// A text cut into two halves, as tool arguments are streamed.
    pub(super) fn halves(text: &str) -> Self {
        let middle = text.floor_char_boundary(text.len() / 2);
        let halves = [&text[..middle], &text[middle..]];
        Self::List(halves.into_iter().filter(|half| !half.is_empty()).map(str::to_owned).collect())
    }

    /// How many pieces there are.
    pub fn len(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Repeated { count, .. } => *count,
            Self::Filler(bytes) => bytes.div_ceil(FILLER_PIECE),
        }
    }

    /// Whether there is no piece at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One piece, `None` behind the last.
    pub(super) fn get(&self, at: usize) -> Option<Cow<'_, str>> {
        if at >= self.len() {
            return None;
        }
        match self {
            Self::List(list) => list.get(at).map(|piece| Cow::Borrowed(piece.as_str())),
            Self::Repeated { text, .. } => Some(Cow::Borrowed(text)),
            Self::Filler(bytes) => Some(Cow::Owned("x".repeat((bytes - at * FILLER_PIECE).min(FILLER_PIECE)))),
        }
    }

    /// All pieces in one string.
    pub fn whole(&self) -> String {
        match self {
            Self::List(list) => list.concat(),
            Self::Repeated { count, text } => text.repeat(*count),
            Self::Filler(bytes) => "x".repeat(*bytes),
        }
    }
}
