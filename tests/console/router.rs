//! The routes of the console, read from its source: whoever adds one cannot forget to tell the tests.

use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::visit::Visit;
use syn::{Expr, ExprClosure, ExprForLoop, ExprLit, ExprMethodCall, Lit};

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
    /// Where `at("/path")` puts a path: the areas of the loop around it, or the one that the closure names.
    areas: Vec<String>,
    routes: Vec<Route>,
}

impl Found {
    /// The paths that an expression stands for; none if it is neither written out nor `at("…")`.
    fn paths(&self, expression: &Expr) -> Vec<String> {
        match expression {
            Expr::Reference(reference) => self.paths(&reference.expr),
            Expr::Call(call) if call.func.to_token_stream().to_string() == "at" => {
                let end = call.args.first().and_then(text);
                self.areas.iter().filter_map(|area| Some(format!("{area}{}", end.as_ref()?))).collect()
            }
            _ => text(expression).into_iter().collect(),
        }
    }
}

impl Visit<'_> for Found {
    /// `for area in ["/console/…", "/admin/…"]`
    fn visit_expr_for_loop(&mut self, around: &ExprForLoop) {
        if let Expr::Array(areas) = &*around.expr {
            self.areas = areas.elems.iter().filter_map(text).collect();
        }
        syn::visit::visit_expr_for_loop(self, around);
    }

    /// `|path| format!("/admin/users{path}")`, or `"{area}/keys{path}"` in a loop over areas.
    fn visit_expr_closure(&mut self, closure: &ExprClosure) {
        if let Expr::Macro(format) = &*closure.body
            && let Ok(pattern) = format.mac.parse_body::<syn::LitStr>()
            && let Some(start) = pattern.value().strip_suffix("{path}")
        {
            self.areas = match start.strip_prefix("{area}") {
                Some(room) => self.areas.iter().map(|area| format!("{area}{room}")).collect(),
                None => vec![start.to_owned()],
            };
        }
        syn::visit::visit_expr_closure(self, closure);
    }

    /// `.route("/path", web::get()…)` of the configuration, or `web::resource("/path").route(web::get()…)`.
    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        syn::visit::visit_expr_method_call(self, call);
        if call.method != "route" {
            return;
        }
        let arguments: Vec<&Expr> = call.args.iter().collect();
        let (paths, handler) = match arguments[..] {
            [path, handler] => (self.paths(path), handler),
            [handler] => (resource(&call.receiver).into_iter().collect(), handler),
            _ => (Vec::new(), &*call.receiver),
        };
        assert!(!paths.is_empty(), "{}: write the path of this route out: {}", self.file, call.to_token_stream());
        let handler = handler.to_token_stream().to_string();
        let method = ["get", "post", "head"].iter().find(|method| handler.starts_with(&format!("web :: {method} ()")));
        let method = method.unwrap_or_else(|| panic!("{}: {paths:?}: neither get nor post: {handler}", self.file));
        self.routes.extend(paths.into_iter().map(|path| Route { path, method: (*method).to_owned() }));
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
