//! Tests of one stored channel and of all.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use minijinja::context;

use super::channel_id;
use crate::console::fields::Fields;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::Served;
use crate::services::channels::{self, ChannelTest, TestRequest, UpstreamsHandle};

/// `GET /admin/channels/test`
pub(super) async fn ask(Admin(SignedIn { visit, .. }): Admin, upstreams: Data<UpstreamsHandle>) -> HttpResponse {
    match channels::status(visit.services(), &*upstreams.0).await {
        Ok(status) => {
            let enabled: Vec<_> = status.channels.iter().filter(|channel| channel.enabled).collect();
            visit.page(StatusCode::OK, "channels/test.html", context! { waiting => shown(&enabled) })
        }
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/channels/test`: shows what was found when all have answered.
pub(super) async fn all(Admin(SignedIn { visit, .. }): Admin, upstreams: Data<UpstreamsHandle>) -> HttpResponse {
    match channels::test_all(visit.services(), &*upstreams.0).await {
        Ok(found) => visit.page(StatusCode::OK, "channels/test.html", context! { found => shown(&found.results) }),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/channels/{id}/test {part}`: as a row for the page that tests all, else on the channel's page.
pub(super) async fn one(
    Admin(SignedIn { visit, .. }): Admin,
    path: Path<String>,
    fields: Fields,
    upstreams: Data<UpstreamsHandle>,
) -> HttpResponse {
    let found = test(&visit, &path, &upstreams).await;
    match found {
        Ok(found) if fields.text("part") == "row" => {
            visit.page(StatusCode::OK, "channels/test_row.html", context! { test => shown(&found) })
        }
        Ok(found) if found.result.reachable => visit.to(&format!("/admin/channels/{}?done=reached", found.channel_id)).finish(),
        Ok(found) => visit.to(&format!("/admin/channels/{}?done=unreached", found.channel_id)).finish(),
        Err(error) => visit.failure(&error),
    }
}

async fn test(visit: &Visit, path: &Path<String>, upstreams: &UpstreamsHandle) -> Served<ChannelTest> {
    let id = channel_id(path);
    let channel = channels::one(visit.services(), id).await?;
    let result = channels::test(visit.services(), &*upstreams.0, id, TestRequest::default()).await?;
    Ok(ChannelTest { channel_id: channel.id, name: channel.name, result })
}
