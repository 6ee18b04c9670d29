//! Rust files as tokens: what they import, which crates they name, how many lines hold code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

/// One Rust file, read and parsed.
pub struct Source {
    /// From the workspace's root.
    pub path: String,
    /// Without items of `#[cfg(test)]`.
    pub items: Vec<syn::Item>,
}

impl Source {
    /// Parses the text of a file.
    pub fn parse(path: String, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path} does not parse: {error}"));
        let items = file.items.into_iter().filter(|item| !is_test(item)).collect();
        Self { path, items }
    }

    /// All its tokens, those of inline tests left out.
    pub fn tokens(&self) -> TokenStream {
        self.items.iter().map(ToTokens::to_token_stream).collect()
    }

    /// The room a file of `src/` belongs to: its first folder, or its own name.
    pub fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|room| *room != "lib")
    }

    /// Whether the file is in one of `places`: a room, or a path below `src/` without its ending.
    pub fn is_in(&self, places: &[&str]) -> bool {
        let Some(inside) = self.path.strip_prefix("src/") else {
            return places.contains(&"actors") && self.path.starts_with("actors/");
        };
        places.iter().any(|place| inside.strip_prefix(place).is_some_and(|rest| rest.starts_with(['/', '.'])))
    }
}

fn is_test(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.to_token_stream().to_string().replace(' ', "").contains("(test)")
    })
}

/// The workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` whose name ends so.
pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// From the workspace's root.
pub fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

/// All Rust files below these folders.
pub fn sources(folders: &[&str]) -> Vec<Source> {
    let paths: Vec<PathBuf> = folders.iter().flat_map(|folder| files(folder, ".rs")).collect();
    assert!(!paths.is_empty(), "no sources in {folders:?}: tidy looks in the wrong place");
    paths.iter().map(|path| Source::parse(relative(path), &std::fs::read_to_string(path).unwrap())).collect()
}

/// The first names after `root ::`, also inside `root::{a, b::c}` and inside macro calls.
pub fn names_after(root: &str, tokens: TokenStream, found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => names_after(root, group.stream(), found),
            TokenTree::Ident(name) if name == root && is_path_separator(&tokens, at + 1) => {
                match tokens.get(at + 3) {
                    Some(TokenTree::Ident(name)) => _ = found.insert(name.to_string()),
                    Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Brace => {
                        found.extend(firsts(list.stream()));
                    }
                    _ => {}
                };
            }
            _ => {}
        }
    }
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    is_colon(at) && is_colon(at + 1)
}

/// The first name of each entry of a `use` list.
fn firsts(list: TokenStream) -> Vec<String> {
    let mut names = Vec::new();
    let mut starts = true;
    for token in list {
        match token {
            TokenTree::Ident(name) if starts => names.push(name.to_string()),
            TokenTree::Punct(mark) if mark.as_char() == ',' => {
                starts = true;
                continue;
            }
            _ => {}
        }
        starts = false;
    }
    names
}

/// Whether a crate is named: `name::…`, where no path leads to it, or `use name`.
pub fn names_crate(name: &str, tokens: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => names_crate(name, group.stream()),
        TokenTree::Ident(found) if found == name => {
            let within_path = at >= 2 && is_path_separator(&tokens, at - 2);
            let after_use = at >= 1 && matches!(&tokens[at - 1], TokenTree::Ident(word) if word == "use");
            after_use || (is_path_separator(&tokens, at + 1) && !within_path)
        }
        _ => false,
    })
}

/// The lines that hold code: at least one token that is not a doc comment.
fn code_lines(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_doc = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '#')
            && matches!(tokens.peek(), Some(TokenTree::Group(group)) if starts_with(&group.stream(), "doc"));
        if is_doc {
            tokens.next();
            continue;
        }
        match token {
            TokenTree::Group(group) => {
                lines.extend([group.span_open().start().line, group.span_close().end().line]);
                code_lines(group.stream(), lines);
            }
            other => lines.extend(other.span().start().line..=other.span().end().line),
        }
    }
}

fn starts_with(tokens: &TokenStream, word: &str) -> bool {
    matches!(tokens.clone().into_iter().next(), Some(TokenTree::Ident(first)) if first == word)
}

/// How many lines hold code.
pub fn count_code_lines(tokens: TokenStream) -> usize {
    let mut lines = BTreeSet::new();
    code_lines(tokens, &mut lines);
    lines.len()
}
