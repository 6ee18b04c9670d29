//! The table of routes: routed and documented in one stroke.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};

use super::ApiContext;
use super::door::Handler;
use super::error::refuse;
use super::guard::{Anyone, Guarded, Permission};
use super::openapi::{Builder, Document};
use crate::services::error::{NOT_FOUND, WRONG_METHOD};
use crate::services::{Served, ServiceError};

const ROOT: &str = "/api";

/// Collects routes. Every route passes through here and so stands in the document.
#[derive(Default)]
pub struct RouteTable {
    entries: Vec<Entry>,
    document: Builder,
}

struct Entry {
    info: RouteInfo,
    route: Box<dyn Fn() -> Route + Send + Sync>,
}

/// A route as the table knows it.
#[derive(Clone, Debug)]
pub struct RouteInfo {
    /// Its method.
    pub method: Method,
    /// Its whole path, with `{names}` for what varies.
    pub path: String,
    /// Who may use it.
    pub permission: Permission,
}

macro_rules! methods {
    ($($name:ident $method:ident),+) => {$(
        #[doc = concat!("Adds a ", stringify!($method), " route. `path` is the part below `/api`.")]
        pub fn $name<H: Handler<I>, I>(&mut self, path: &str, summary: &str, handler: H) -> &mut Self {
            self.add(Method::$method, path, summary, handler)
        }
    )+};
}

impl RouteTable {
    methods!(get GET, post POST, patch PATCH, delete DELETE);

    fn add<H: Handler<I>, I>(&mut self, method: Method, path: &str, summary: &str, handler: H) -> &mut Self {
        let path = format!("{ROOT}{path}");
        let permission = self.document.add(&method, &path, summary, H::describe);
        let of_method = method.clone();
        let route = move || {
            let handler = handler.clone();
            let answer = move |request: HttpRequest, payload: web::Payload| handler.clone().answer(request, payload.into_inner());
            web::method(of_method.clone()).to(answer)
        };
        self.entries.push(Entry { info: RouteInfo { method, path, permission }, route: Box::new(route) });
        self
    }

    /// The finished table, with the document's own route.
    pub fn build(mut self) -> Routes {
        self.get("/openapi.json", "This document", document);
        self.entries.sort_by(|a, b| specificity(&a.info.path).cmp(&specificity(&b.info.path)));
        Routes(Arc::new(Table { entries: self.entries, document: self.document.finish() }))
    }
}

/// Orders paths so that a fixed segment is tried before one that varies.
fn specificity(path: &str) -> Vec<(bool, &str)> {
    path.split('/').map(|segment| (segment.starts_with('{'), segment)).collect()
}

async fn document(_: Guarded<Anyone>, document: Data<Document>) -> Served<Document> {
    Ok(document.get_ref().clone())
}

/// All routes of the door. Cheap to clone, one clone per worker.
#[derive(Clone)]
pub struct Routes(Arc<Table>);

struct Table {
    entries: Vec<Entry>,
    document: Document,
}

impl Routes {
    /// Every route there is.
    pub fn all(&self) -> impl Iterator<Item = &RouteInfo> {
        self.0.entries.iter().map(|entry| &entry.info)
    }

    /// Routes everything below `/api`: `App::new().configure(|config| routes.configure(config, &context))`.
    pub fn configure(&self, config: &mut ServiceConfig, context: &ApiContext) {
        config.app_data(Data::new(context.clone()));
        config.app_data(Data::new(context.0.services.clone()));
        config.app_data(Data::new(self.0.document.clone()));
        for same_path in self.0.entries.chunk_by(|a, b| a.info.path == b.info.path) {
            let Some(first) = same_path.first() else { continue };
            let resource = web::resource(&first.info.path).default_service(web::to(wrong_method));
            config.service(same_path.iter().fold(resource, |resource, entry| resource.route((entry.route)())));
        }
        config.service(web::scope(ROOT).default_service(web::to(not_found)));
    }
}

async fn wrong_method(request: HttpRequest) -> HttpResponse {
    refuse(&request, ServiceError::new(&WRONG_METHOD))
}

async fn not_found(request: HttpRequest) -> HttpResponse {
    refuse(&request, ServiceError::new(&NOT_FOUND))
}
