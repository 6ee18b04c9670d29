//! Two lists of what a key may have: its owner's and an admin's. Both are kept, and both must allow.

use ipnet::IpNet;

/// The owner's list and the admin's; an empty list allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing<T> {
    /// The owner's.
    pub owner: Vec<T>,
    /// The admin's.
    pub admin: Vec<T>,
}

impl<T: Clone + PartialEq> Narrowing<T> {
    /// Whether each of the lists has an entry that fits, or none at all.
    pub fn allows(&self, fits: impl Fn(&T) -> bool) -> bool {
        [&self.owner, &self.admin].into_iter().all(|list| list.is_empty() || list.iter().any(&fits))
    }

    /// Both lists as one: what each entry of one has in common with each of the other.
    fn met(&self, meet: impl Fn(&T, &T) -> Option<T>) -> Option<Vec<T>> {
        if self.owner.is_empty() || self.admin.is_empty() {
            return Some([self.owner.as_slice(), &self.admin].concat());
        }
        let mut common = Vec::new();
        for one in self.owner.iter().flat_map(|owner| self.admin.iter().filter_map(|admin| meet(owner, admin))) {
            if !common.contains(&one) {
                common.push(one);
            }
        }
        (!common.is_empty()).then_some(common)
    }
}

impl Narrowing<String> {
    /// The models both lists allow (empty = all); `None` when there are none.
    pub fn in_common(&self) -> Option<Vec<String>> {
        self.met(|one, other| [one, other].into_iter().find(|narrow| covers(one, narrow) && covers(other, narrow)).cloned())
    }
}

impl Narrowing<IpNet> {
    /// The networks both lists allow (empty = all); `None` when there are none.
    pub fn in_common(&self) -> Option<Vec<IpNet>> {
        self.met(|one, other| [one, other].into_iter().find(|narrow| one.contains(*narrow) && other.contains(*narrow)).copied())
    }
}

/// Whether an entry of a model list names `model`; a trailing `*` matches any ending.
pub fn names_model(entry: &str, model: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(start) => model.starts_with(start),
        None => entry == model,
    }
}

/// Whether one entry of a model list allows all that another does.
fn covers(wide: &str, narrow: &str) -> bool {
    wide == narrow || wide.strip_suffix('*').is_some_and(|start| narrow.strip_suffix('*').unwrap_or(narrow).starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(owner: &[&str], admin: &[&str]) -> Narrowing<String> {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Narrowing { owner: list(owner), admin: list(admin) }
    }

    #[test]
    fn both_lists_must_allow_and_an_empty_one_allows_everything() {
        let allows = |lists: &Narrowing<String>, model: &str| lists.allows(|entry| names_model(entry, model));
        assert!(allows(&models(&[], &[]), "gpt-5"));
        let both = models(&["claude-*", "gpt-5"], &["claude-haiku-*", "o3"]);
        assert!(allows(&both, "claude-haiku-4-5"));
        for outside in ["claude-opus-4", "gpt-5", "o3", "claude-"] {
            assert!(!allows(&both, outside), "{outside}");
        }
    }

    #[test]
    fn what_model_lists_have_in_common() {
        for (owner, admin, common) in [
            (vec![], vec![], Some(vec![])),
            (vec!["a"], vec![], Some(vec!["a"])),
            (vec![], vec!["b"], Some(vec!["b"])),
            (vec!["a", "b"], vec!["b", "c"], Some(vec!["b"])),
            (vec!["claude-*"], vec!["claude-haiku-*", "claude-opus-4", "gpt-5"], Some(vec!["claude-haiku-*", "claude-opus-4"])),
            (vec!["claude-haiku-4-5"], vec!["*"], Some(vec!["claude-haiku-4-5"])),
            (vec!["ab*"], vec!["ab"], Some(vec!["ab"])),
            (vec!["ab"], vec!["ab*"], Some(vec!["ab"])),
            (vec!["ab*"], vec!["ab*"], Some(vec!["ab*"])),
            (vec!["a"], vec!["b"], None),
            (vec!["ab*"], vec!["ac*"], None),
        ] {
            let common = common.map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(models(&owner, &admin).in_common(), common, "{owner:?} and {admin:?}");
        }
    }

    #[test]
    fn what_networks_have_in_common() {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
        let common = |owner: &[&str], admin: &[&str]| Narrowing { owner: nets(owner), admin: nets(admin) }.in_common();
        assert_eq!(common(&[], &["10.0.0.0/8"]), Some(nets(&["10.0.0.0/8"])));
        assert_eq!(common(&["10.1.0.0/16", "::1/128"], &["10.0.0.0/8"]), Some(nets(&["10.1.0.0/16"])));
        assert_eq!(common(&["10.0.0.0/8"], &["10.1.2.3/32", "192.0.2.0/24"]), Some(nets(&["10.1.2.3/32"])));
        assert_eq!(common(&["10.0.0.0/8"], &["192.0.2.0/24"]), None);
    }
}
