//! Output items of earlier responses that a request refers to by their ids, and whole responses that it goes on from.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::translation::hub::CannotCarry;

/// Responses that a conversation may go back.
const MOST_RESPONSES: usize = 2_000;
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

/// Puts what was said up to the response that a request goes on from before its `input`, which is a list afterwards.
/// `lookup` knows the records that [`record`] makes.
///
/// # Errors
/// When one of the responses it goes back to is not remembered.
pub fn go_on(body: &mut Value, lookup: &dyn Fn(&str) -> Option<Value>) -> Result<(), CannotCarry> {
    const FIELD: &str = "previous_response_id";
    let mut next = body.get(FIELD).and_then(Value::as_str).map(str::to_owned);
    if next.is_none() {
        return Ok(());
    }
    let (mut turns, mut room) = (Vec::new(), MOST_RECALLED_BYTES);
    while let Some(id) = next {
        let lost = || {
            let problem = "The gateway does not remember this response; send the whole conversation in `input` (responses are \
                remembered for a while, unless `store` is false)";
            CannotCarry::new(FIELD, problem)
        };
        let mut known = lookup(&id).filter(|known| known.get("input").is_some()).ok_or_else(lost)?;
        room = room.checked_sub(known.to_string().len()).ok_or_else(|| {
            CannotCarry::new(FIELD, "The conversation has grown too long to be continued; send what matters of it in `input`")
        })?;
        next = known.get(FIELD).and_then(Value::as_str).map(str::to_owned);
        turns.push((listed(known["input"].take()), listed(known["output"].take())));
        if turns.len() > MOST_RESPONSES {
            return Err(lost());
        }
    }
    let said = turns.into_iter().rev().flat_map(|(input, output)| input.into_iter().chain(output));
    let own = listed(body["input"].take());
    body["input"] = said.chain(own).collect();
    Ok(())
}

/// `input` as a list of items.
fn listed(input: Value) -> Vec<Value> {
    match input {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        text => vec![json!({"type": "message", "role": "user", "content": text})],
    }
}

/// What is remembered of a request so that a later one can go on from its response, but for the output; `None` where the
/// client wants nothing stored.
pub fn record(body: &Value) -> Option<Value> {
    if body.get("store") == Some(&Value::Bool(false)) {
        return None;
    }
    let previous = body.get("previous_response_id").cloned().unwrap_or_default();
    Some(json!({"previous_response_id": previous, "input": body.get("input").cloned().unwrap_or_default()}))
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
    fn a_conversation_is_put_together_from_its_turns() {
        let said = |text: &str| json!({"type": "message", "role": "user", "content": text});
        let lookup = |id: &str| match id {
            "resp_1" => Some(json!({"previous_response_id": null, "input": "a", "output": [said("b")]})),
            "resp_2" => Some(json!({"previous_response_id": "resp_1", "input": [said("c")], "output": [said("d")]})),
            "resp_3" => Some(json!({"previous_response_id": "gone", "input": "x", "output": []})),
            "msg_1" => Some(said("no response")),
            _ => None,
        };
        let mut body = json!({"previous_response_id": "resp_2", "input": "e"});
        go_on(&mut body, &lookup).unwrap();
        assert_eq!(body["input"], json!(["a", "b", "c", "d", "e"].map(said)));
        for lost in ["resp_3", "msg_1", "gone"] {
            let mut body = json!({"previous_response_id": lost, "input": "e"});
            assert_eq!(go_on(&mut body, &lookup).unwrap_err().field, "previous_response_id");
        }
        let mut alone = json!({"input": "e"});
        go_on(&mut alone, &lookup).unwrap();
        assert_eq!(alone, json!({"input": "e"}));
        assert_eq!(record(&json!({"input": "e", "store": false})), None);
    }

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
