//! The OpenAPI 3.1 document, put together from the handlers' signatures.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::door::Respond;
use super::error::ErrorBody;
use super::guard::Permission;
use crate::session::COOKIE;

/// One route while its handler describes it.
#[derive(Debug)]
pub struct Operation<'a> {
    /// Who may use it.
    pub permission: Permission,
    /// The body it takes.
    pub body: Option<Schema>,
    /// The query fields it takes, one schema per group.
    pub query: Vec<Schema>,
    /// The status of a good answer.
    pub status: u16,
    /// The body of a good answer.
    pub answer: Option<Schema>,
    /// The content type of a good answer.
    pub content_type: &'static str,
    /// Makes schemas of inputs.
    pub input: &'a mut SchemaGenerator,
    /// Makes schemas of outputs.
    pub output: &'a mut SchemaGenerator,
}

/// Collects operations into a document.
pub(super) struct Builder {
    paths: Map<String, Value>,
    input: SchemaGenerator,
    output: SchemaGenerator,
}

impl Default for Builder {
    fn default() -> Self {
        let settings = || SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into());
        Self {
            paths: Map::new(),
            input: settings().for_deserialize().into_generator(),
            output: settings().for_serialize().into_generator(),
        }
    }
}

impl Builder {
    /// Adds a route; `describe` is its handler's. Returns who may use it.
    pub(super) fn add(&mut self, method: &Method, path: &str, summary: &str, describe: fn(&mut Operation<'_>)) -> Permission {
        let mut operation = Operation {
            permission: Permission::Anyone,
            body: None,
            query: Vec::new(),
            status: 200,
            answer: None,
            content_type: "application/json",
            input: &mut self.input,
            output: &mut self.output,
        };
        describe(&mut operation);
        let permission = operation.permission;
        let value = render(method, path, summary, operation);
        let item = self.paths.entry(path.to_owned()).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(method.as_str().to_lowercase(), value);
        }
        permission
    }

    /// The document.
    pub(super) fn finish(mut self) -> Document {
        let error = self.output.subschema_for::<ErrorBody>();
        let mut schemas = self.input.take_definitions(true);
        schemas.extend(self.output.take_definitions(true));
        let document = json!({
            "openapi": "3.1.0",
            "info": { "title": "api-proxy", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "GPL-3.0-only" } },
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "responses": { "error": { "description": "Refused", "content": { "application/json": { "schema": error } } } },
                "securitySchemes": {
                    "session": { "type": "apiKey", "in": "cookie", "name": COOKIE },
                    "adminToken": { "type": "http", "scheme": "bearer" },
                },
            },
        });
        Document(Bytes::from(document.to_string()))
    }
}

fn render(method: &Method, path: &str, summary: &str, operation: Operation<'_>) -> Value {
    let mut parameters: Vec<Value> = path.split(['{', '}']).skip(1).step_by(2).map(path_parameter).collect();
    parameters.extend(operation.query.iter().flat_map(query_parameters));
    let answer = json!({ "description": "Done", "content": { operation.content_type: { "schema": operation.answer.unwrap_or_default() } } });
    let mut value = json!({
        "operationId": operation_id(method, path),
        "summary": summary,
        "tags": [path.split('/').nth(2).unwrap_or_default()],
        "parameters": parameters,
        "responses": { operation.status.to_string(): answer, "default": { "$ref": "#/components/responses/error" } },
        "x-permission": permission_name(operation.permission),
    });
    if operation.permission != Permission::Anyone {
        value["security"] = json!([{ "session": [] }, { "adminToken": [] }]);
    }
    if let Some(body) = operation.body {
        value["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": body } } });
    }
    value
}

fn path_parameter(name: &str) -> Value {
    let kind = if name == "id" { "integer" } else { "string" };
    json!({ "name": name.split(':').next(), "in": "path", "required": true, "schema": { "type": kind } })
}

fn query_parameters(schema: &Schema) -> Vec<Value> {
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    fields.iter().map(|(name, field)| json!({ "name": name, "in": "query", "schema": field })).collect()
}

fn operation_id(method: &Method, path: &str) -> String {
    let words = path.split(['/', '{', '}', '-', '.', ':']).filter(|word| !word.is_empty() && *word != "api");
    std::iter::once(method.as_str().to_lowercase()).chain(words.map(str::to_owned)).collect::<Vec<_>>().join("_")
}

fn permission_name(permission: Permission) -> &'static str {
    match permission {
        Permission::Anyone => "anyone",
        Permission::SignedIn => "signed_in",
        Permission::Admin => "admin",
        Permission::SuperAdmin => "super_admin",
    }
}

/// The finished document.
#[derive(Clone, Debug)]
pub(super) struct Document(Bytes);

impl Respond for Document {
    fn respond(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().content_type("application/json").body(self.0)
    }

    fn describe(_: &mut Operation<'_>) {}
}
