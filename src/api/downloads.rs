//! Handlers of what is sent as a file: exports and the archive.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::door::Respond;
use super::extract::Query;
use super::guard::{Admin, Guarded, SignedIn};
use super::openapi::Operation;
use super::reply::Reply;
use crate::services::archive::{self, ArchiveDeleted, ArchivePreview, ArchiveQuery};
use crate::services::export::{self, Download, ExportQuery};
use crate::services::reports::LogQuery;
use crate::services::{Served, Services};
use crate::session::download;

pub(super) async fn export(
    by: Guarded<SignedIn>,
    s: Data<Services>,
    query: Query<ExportQuery>,
    filter: Query<LogQuery>,
) -> Served<Download> {
    export::export(&s, &by.who, query.0, filter.0).await
}

pub(super) async fn preview(by: Guarded<Admin>, s: Data<Services>, query: Query<ArchiveQuery>) -> Served<Reply<ArchivePreview>> {
    archive::preview(&s, &by.who, &query.0).await.map(Reply::new)
}

pub(super) async fn archive(by: Guarded<Admin>, s: Data<Services>, query: Query<ArchiveQuery>) -> Served<Download> {
    archive::download(&s, &by.who, &query.0).await
}

pub(super) async fn delete(by: Guarded<Admin>, s: Data<Services>, query: Query<ArchiveQuery>) -> Served<Reply<ArchiveDeleted>> {
    archive::delete(&s, &by.who, &query.0).await.map(Reply::new)
}

impl Respond for Download {
    fn respond(self, request: &HttpRequest) -> HttpResponse {
        download::send(self, request)
    }

    fn describe(operation: &mut Operation<'_>) {
        operation.content_type = "application/octet-stream";
    }
}
