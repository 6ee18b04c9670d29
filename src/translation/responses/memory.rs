//! Output items of earlier responses that a request refers to by their ids.

use serde_json::Value;

/// Replaces the `item_reference` items of a request's `input` by the items that `lookup` knows by their ids. Items
/// it does not know stay, and the request's reader refuses them.
pub fn resolve(body: &mut Value, lookup: &dyn Fn(&str) -> Option<Value>) {
    let Some(items) = body.get_mut("input").and_then(Value::as_array_mut) else { return };
    for item in items.iter_mut().filter(|item| is_reference(item)) {
        if let Some(known) = item.get("id").and_then(Value::as_str).and_then(lookup) {
            *item = known;
        }
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
