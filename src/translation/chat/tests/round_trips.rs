//! What is written for an upstream reads back as what was meant.

use actors::vocabulary::Protocol;
use proptest::prelude::*;
use serde_json::json;

use super::{call, from, result, said, text};
use crate::translation::chat::{read_request, write_request};
use crate::translation::hub::{
    Block, Choice, Document, Effort, Format, Image, Item, Part, Reasoning, Request, Source, Tool, ToolKind, Voice,
};

fn words() -> impl Strategy<Value = String> {
    "[a-zé🦀\"\\\\\n]{1,9}"
}

fn part() -> impl Strategy<Value = Part> {
    let base64 = |media_type: &str| Source::Base64 { media_type: media_type.to_owned(), data: "AAAA".to_owned() };
    let image = |source| Part::Image(Image { source, detail: Some("low".to_owned()) });
    let document = |source, name: Option<&str>| Part::Document(Document { source, name: name.map(str::to_owned) });
    prop_oneof![
        words().prop_map(Part::Text),
        Just(image(base64("image/png"))),
        Just(image(Source::Url("https://e.org/a.png".to_owned()))),
        Just(document(base64("application/pdf"), Some("a.pdf"))),
        Just(document(Source::FileId("file-1".to_owned()), None)),
    ]
}

/// An item of what this protocol and the hub say alike; consecutive words of the assistant are texts.
fn item() -> impl Strategy<Value = Item> {
    let voice = prop_oneof![Just(Voice::System), Just(Voice::Developer)];
    let texts = proptest::collection::vec(words(), 1..3);
    prop_oneof![
        (voice, texts).prop_map(|(voice, texts)| Item::Instruction { voice, texts }),
        proptest::collection::vec(part(), 1..4).prop_map(Item::User),
        words().prop_map(|words| said(&words)),
        words().prop_map(|words| result("c", ToolKind::Function, vec![text(&words)])),
    ]
}

fn tool(name: &str) -> Tool {
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let description = Some("does".to_owned());
    Tool {
        name: name.to_owned(),
        namespace: None,
        description,
        kind: ToolKind::Function,
        schema,
        strict: Some(true),
        grammar: None,
    }
}

fn request() -> impl Strategy<Value = Request> {
    let choices = vec![
        Choice::Auto,
        Choice::None,
        Choice::Required,
        Choice::Named { name: "f".to_owned(), namespace: None },
        Choice::Allowed { required: true, names: vec!["g".to_owned()] },
    ];
    let items = proptest::collection::vec(item(), 0..6);
    let settings = (proptest::sample::select(choices), proptest::bool::ANY, 1..9i64, proptest::collection::vec(words(), 0..4));
    (items, settings, proptest::bool::ANY).prop_map(|(items, (choice, parallel, limit, stop), json_alone)| {
        let mut request = from(Protocol::ChatCompletions, items);
        request.items.push(call("c", "f", ToolKind::Function, "{\"a\":1}"));
        request.tools = vec![tool("f"), tool("g")];
        request.choice = Some(choice);
        request.parallel_calls = Some(parallel);
        request.stream = parallel;
        request.max_output = Some(limit);
        request.temperature = json!(0.5).as_number().cloned();
        request.stop = stop;
        request.reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
        let name = Some("n".to_owned());
        let schema = Format::JsonSchema { name, description: None, schema: json!({"type": "object"}), strict: Some(false) };
        request.format = Some(if json_alone { Format::JsonObject } else { schema });
        request.user = Some("u".to_owned());
        request
    })
}

proptest! {
    #[test]
    fn there_and_back_is_where_it_began(request in request()) {
        let written = write_request(request.clone(), "gpt-5-chat-latest").unwrap();
        prop_assert!(written.left_out.is_empty());
        prop_assert_eq!(read_request(written.body.to_string().as_bytes()).unwrap(), request);
    }

    #[test]
    fn a_bodys_bytes_may_be_anything(body in "\\PC*", at in 0usize..400, byte in proptest::num::u8::ANY) {
        let _ = read_request(body.as_bytes());
        let items = vec![Item::Assistant(Block::Refusal("no".to_owned())), result("c", ToolKind::Function, vec![])];
        let written = write_request(from(Protocol::Messages, items), "gpt-5").unwrap();
        let mut bytes = written.body.to_string().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read_request(&bytes);
    }
}
