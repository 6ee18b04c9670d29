//! Embeddings: vectors that depend on nothing but the input and the wanted size.

use serde_json::Value;

use super::reply::{Reply, UsagePlan};
use super::route::Vendor;
use super::vendor_error::VendorError;
use super::wire::{base64, json, list};

const DEFAULT_DIMENSIONS: u64 = 1536;
const LARGEST_DIMENSIONS: u64 = 8192;

/// The answer to an embeddings request.
pub(super) fn answer(body: &Value, reply: &Reply) -> Result<String, VendorError> {
    let Some(model) = body["model"].as_str() else {
        return Err(VendorError::missing(Vendor::OpenAi, "model"));
    };
    let inputs = inputs(&body["input"]);
    if inputs.is_empty() {
        return Err(VendorError::missing(Vendor::OpenAi, "input"));
    }
    let dimensions = body["dimensions"].as_u64().unwrap_or(DEFAULT_DIMENSIONS).min(LARGEST_DIMENSIONS);
    let packed = body["encoding_format"] == "base64";
    let data = list(inputs.iter().enumerate().map(|(index, input)| {
        let vector = vector(input, dimensions);
        let embedding = if packed { json(&pack(&vector)) } else { json(&vector) };
        wire!({ "object": "embedding", "index": (index), "embedding": (raw embedding) })
    }));
    let tokens = match reply.usage_plan() {
        UsagePlan::Withheld => None,
        UsagePlan::Fixed(usage) => Some(usage.input),
        UsagePlan::Counted => Some(inputs.iter().map(|input| input.tokens).sum()),
    };
    Ok(match tokens {
        Some(tokens) => wire!({
            "object": "list",
            "data": (raw data),
            "model": (model),
            "usage": { "prompt_tokens": (tokens), "total_tokens": (tokens) },
        }),
        None => wire!({ "object": "list", "data": (raw data), "model": (model) }),
    })
}

/// One text, or one list of tokens.
struct Input {
    tokens: u64,
    seed: u32,
}

fn inputs(input: &Value) -> Vec<Input> {
    match input {
        Value::String(text) => vec![text_input(text)],
        Value::Array(items) if items.first().is_some_and(Value::is_number) => {
            vec![token_input(input)]
        }
        Value::Array(items) => items.iter().map(|item| item.as_str().map_or_else(|| token_input(item), text_input)).collect(),
        _ => Vec::new(),
    }
}

fn text_input(text: &str) -> Input {
    Input { tokens: (text.len() as u64).div_ceil(4), seed: seed(text.as_bytes()) }
}

fn token_input(tokens: &Value) -> Input {
    let count = tokens.as_array().map_or(0, Vec::len) as u64;
    Input { tokens: count, seed: seed(json(tokens).as_bytes()) }
}

fn seed(bytes: &[u8]) -> u32 {
    bytes.iter().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619))
}

/// Numbers between -1 and 1 from a small generator.
fn vector(input: &Input, dimensions: u64) -> Vec<f32> {
    let mut state = input.seed | 1;
    (0..dimensions)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0) as f32
        })
        .collect()
}

fn pack(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    base64(&bytes)
}
