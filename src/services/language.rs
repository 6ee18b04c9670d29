//! The two languages messages are written in.

/// A language we speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese.
    Zh,
}

impl Language {
    /// The best of our languages for an `Accept-Language` header; English when it names none of them.
    pub fn accepted(header: &str) -> Self {
        let mut best = (0.0_f32, Self::En);
        for choice in header.split(',') {
            let mut parts = choice.split(';');
            let Some(language) = parts.next().and_then(Self::of_tag) else { continue };
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(Ok(1.0), str::parse).unwrap_or(0.0);
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }

    /// The language of a tag such as `zh-CN`; `*` is English.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let tag = tag.trim().to_ascii_lowercase();
        match tag.split(['-', '_']).next() {
            Some("zh") => Some(Self::Zh),
            Some("en" | "*") => Some(Self::En),
            _ => None,
        }
    }

    /// `en` or `zh`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_language_we_speak_wins() {
        assert_eq!(Language::accepted("zh-CN,zh;q=0.9,en;q=0.8"), Language::Zh);
        assert_eq!(Language::accepted("fr, en;q=0.4, zh;q=0.6"), Language::Zh);
        assert_eq!(Language::accepted("en-GB, zh;q=0.9"), Language::En);
        assert_eq!(Language::accepted("de"), Language::En);
        assert_eq!(Language::accepted("zh;q=0"), Language::En);
        assert_eq!(Language::accepted(""), Language::En);
    }
}
