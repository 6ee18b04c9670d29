//! The routes of the console, read from its source: whoever adds one cannot forget to tell the tests.

use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::visit::Visit;
use syn::{Expr, ExprLit, ExprMethodCall, Lit};

/// A route as the source registers it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub path: String,
    /// `get`, `post`, `head`.
    pub method: String,
}

/// Every route that `src/console/pages` registers.
pub fn routes() -> Vec<Route> {
    let mut found = Found::default();
    let mut files = Vec::new();
    sources(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/console/pages"), &mut files);
    for file in files {
        found.file = file.display().to_string();
        found.visit_file(&syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap());
    }
    found.routes.sort();
    found.routes
}

/// The paths that are opened.
pub fn opened() -> Vec<String> {
    routes().into_iter().filter(|route| route.method == "get").map(|route| route.path).collect()
}

/// The paths that forms are sent to.
pub fn sent_to() -> Vec<String> {
    routes().into_iter().filter(|route| route.method == "post").map(|route| route.path).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[derive(Default)]
struct Found {
    file: String,
    routes: Vec<Route>,
}

impl Visit<'_> for Found {
    /// `.route("/path", web::get()…)` of the configuration, or `web::resource("/path").route(web::get()…)`.
    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        syn::visit::visit_expr_method_call(self, call);
        if call.method != "route" {
            return;
        }
        let arguments: Vec<&Expr> = call.args.iter().collect();
        let (path, handler) = match arguments[..] {
            [path, handler] => (text(path), handler),
            [handler] => (resource(&call.receiver), handler),
            _ => (None, &*call.receiver),
        };
        let unread = || panic!("{}: write the path and the method of this route out: {}", self.file, call.to_token_stream());
        let path = path.unwrap_or_else(unread);
        let handler = handler.to_token_stream().to_string();
        let method = ["get", "post", "head"].iter().find(|method| handler.starts_with(&format!("web :: {method} ()")));
        let method = method
            .map_or_else(|| panic!("{}: {path}: neither get nor post: {handler}", self.file), |method| (*method).to_owned());
        self.routes.push(Route { path, method });
    }
}

fn text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// The path of the resource that a chain of calls begins with.
fn resource(chain: &Expr) -> Option<String> {
    match chain {
        Expr::MethodCall(call) => resource(&call.receiver),
        Expr::Call(call) if call.func.to_token_stream().to_string() == "web :: resource" => text(call.args.first()?),
        _ => None,
    }
}
