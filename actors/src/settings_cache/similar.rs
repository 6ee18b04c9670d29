//! Names of models that differ by case or by a vendor in front (`openai/gpt-5`), as routers and catalogues write them.

use std::collections::HashMap;

/// The known names by how they read without case, and without case and vendor.
#[derive(Debug, Default)]
pub(super) struct SimilarNames {
    by_spelling: HashMap<String, Found>,
    by_last_part: HashMap<String, Found>,
}

/// The names that read alike.
#[derive(Debug)]
enum Found {
    One(String),
    Several,
}

impl SimilarNames {
    /// Indexes the names.
    pub(super) fn of<'n>(names: impl Iterator<Item = &'n String>) -> Self {
        let mut similar = Self::default();
        for name in names {
            let spelling = name.to_lowercase();
            note(&mut similar.by_last_part, last_part(&spelling).to_owned(), name);
            note(&mut similar.by_spelling, spelling, name);
        }
        similar
    }

    /// The one known name that reads like `asked`; `None` where there is none, or more than one.
    pub(super) fn only_one_like(&self, asked: &str) -> Option<&str> {
        let spelling = asked.to_lowercase();
        let found = self.by_spelling.get(&spelling).or_else(|| self.by_last_part.get(last_part(&spelling)))?;
        match found {
            Found::One(name) => Some(name),
            Found::Several => None,
        }
    }
}

fn note(index: &mut HashMap<String, Found>, spelling: String, name: &str) {
    index.entry(spelling).and_modify(|found| *found = Found::Several).or_insert_with(|| Found::One(name.to_owned()));
}

/// The name behind its vendor.
fn last_part(name: &str) -> &str {
    name.rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], asked: &str) -> Option<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        SimilarNames::of(names.iter()).only_one_like(asked).map(str::to_owned)
    }

    #[test]
    fn a_name_is_found_by_case_and_vendor_where_it_is_the_only_one() {
        for (names, asked, expected) in [
            (vec!["gpt-5", "o3"], "GPT-5", Some("gpt-5")),
            (vec!["gpt-5"], "openai/gpt-5", Some("gpt-5")),
            (vec!["openai/gpt-5"], "gpt-5", Some("openai/gpt-5")),
            (vec!["deepseek-ai/DeepSeek-V3"], "deepseek-v3", Some("deepseek-ai/DeepSeek-V3")),
            (vec!["a/b/gpt-5"], "c/GPT-5", Some("a/b/gpt-5")),
            (vec!["gpt-5", "openai/gpt-5"], "GPT-5", Some("gpt-5")),
            (vec!["gpt-5", "openai/gpt-5"], "azure/gpt-5", None),
            (vec!["GPT-5", "gpt-5"], "Gpt-5", None),
            (vec!["gpt-5"], "gpt-5-mini", None),
            (vec!["gpt-5"], "openai/", None),
            (vec![], "gpt-5", None),
        ] {
            assert_eq!(found(&names, asked).as_deref(), expected, "{asked} among {names:?}");
        }
    }
}
