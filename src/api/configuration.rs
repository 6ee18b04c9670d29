//! Handlers of the configuration as a file.

use actix_web::web::Data;

use super::extract::{LargeBody, Query};
use super::guard::{Admin, Guarded};
use super::reply::Reply;
use crate::services::configuration::{self, ConfigDocument, ConfigImportOptions, ImportReport};
use crate::services::{Served, Services};

/// Largest configuration file, in bytes.
const CONFIG_FILE: usize = 16 << 20;

pub(super) async fn export(by: Guarded<Admin>, s: Data<Services>) -> Served<Reply<ConfigDocument>> {
    configuration::export(&s, &by.who).await.map(Reply::new)
}

pub(super) async fn import(
    by: Guarded<Admin>,
    s: Data<Services>,
    options: Query<ConfigImportOptions>,
    body: LargeBody<ConfigDocument, CONFIG_FILE>,
) -> Served<Reply<ImportReport>> {
    configuration::import(&s, &by.who, body.0, options.0).await.map(Reply::new)
}
