//! Handlers of what is sent as a file: exports and the archive.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;

use super::door::Respond;
use super::extract::Query;
use super::guard::{Admin, Guarded, SignedIn};
use super::openapi::Operation;
use super::reply::Reply;
use crate::services::archive::{self, ArchiveDeleted, ArchivePreview, ArchiveQuery};
use crate::services::export::{self, Download, ExportQuery};
use crate::services::reports::LogQuery;
use crate::services::{Served, Services};

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

/// A file sent in chunks. An error on the way breaks the connection, so that nobody takes a part for the whole.
impl Respond for Download {
    fn respond(self, request: &HttpRequest) -> HttpResponse {
        let path = request.path().to_owned();
        let parts = self.parts.map(move |part| {
            part.map_err(|error| {
                tracing::error!(path, cause = error.cause, "a download broke off");
                std::io::Error::other(error.to_string())
            })
        });
        HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, self.content_type))
            .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", self.file_name)))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header(("x-content-type-options", "nosniff"))
            .streaming(parts)
    }

    fn describe(operation: &mut Operation<'_>) {
        operation.content_type = "application/octet-stream";
    }
}
