//! Output items of earlier responses that a request refers to by their ids.

use std::collections::HashSet;

use serde_json::Value;

/// Most bytes of JSON that references bring into one request: the default limit of a whole body. A reference is short,
/// what it stands for may be long.
const MOST_RECALLED_BYTES: usize = 32 << 20;

/// Replaces the `item_reference` items of a request's `input` by the items that `lookup` knows by their ids. Items
/// it does not know stay, and the request's reader refuses them; so do a second reference to the same item (the API
/// refuses those, too) and what would make the request too large.
pub fn resolve(body: &mut Value, lookup: &dyn Fn(&str) -> Option<Value>) {
    let Some(items) = body.get_mut("input").and_then(Value::as_array_mut) else { return };
    let mut recalled = HashSet::new();
    let mut room = MOST_RECALLED_BYTES;
    for item in items.iter_mut().filter(|item| is_reference(item)) {
        let Some(id) = item.get("id").and_then(Value::as_str).map(str::to_owned) else { continue };
        if recalled.contains(&id) {
            continue;
        }
        let Some(known) = lookup(&id) else { continue };
        let Some(left) = room.checked_sub(known.to_string().len()) else { return };
        (room, *item) = (left, known);
        recalled.insert(id);
    }
}

/// Whether an input item is a reference; its `type` may be left out.
pub fn is_reference(item: &Value) -> bool {
    match item.get("type").and_then(Value::as_str) {
        Some(kind) => kind == "item_reference",
        None => item.get("role").is_none() && item.get("id").is_some_and(Value::is_string),
    }
}

/// The output items of a response with their ids, for [`resolve`].
pub fn output_items(response: &Value) -> Vec<(String, Value)> {
    let items = response.get("output").and_then(Value::as_array);
    let known = |item: &Value| Some((item.get("id")?.as_str().filter(|id| !id.is_empty())?.to_owned(), item.clone()));
    items.into_iter().flatten().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_do_not_multiply_what_they_stand_for() {
        let long = "x".repeat(MOST_RECALLED_BYTES / 3);
        let lookup = |id: &str| (id != "gone").then(|| json!({"type": "message", "role": "user", "id": id, "content": long}));
        let reference = |id: &str| json!({"type": "item_reference", "id": id});
        let ids = ["a", "a", "gone", "b", "c", "d"];
        let mut body = json!({"input": ids.map(reference)});
        resolve(&mut body, &lookup);
        let input = body["input"].as_array().unwrap();
        let resolved: Vec<bool> = input.iter().map(|item| !is_reference(item)).collect();
        assert_eq!(resolved, [true, false, false, true, false, false]);
    }
}
