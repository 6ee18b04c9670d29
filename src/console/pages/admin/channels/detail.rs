//! One channel: its health now, its last 24 hours, its tests and failures.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use minijinja::context;

use super::channel_id;
use crate::console::lists;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::Served;
use crate::services::catalogue::Reach;
use crate::services::channels::{self, CircuitChange, UpstreamsHandle};

/// `GET /admin/channels/{id}`
pub(super) async fn page(
    Admin(SignedIn { visit, .. }): Admin,
    path: Path<String>,
    upstreams: Data<UpstreamsHandle>,
) -> HttpResponse {
    show(&visit, &path, &upstreams).await.unwrap_or_else(|error| visit.failure(&error))
}

async fn show(visit: &Visit, path: &Path<String>, upstreams: &UpstreamsHandle) -> Served<HttpResponse> {
    let id = channel_id(path);
    let doings = channels::doings(visit.services(), &*upstreams.0, id).await?;
    let asked = lists::asked(visit);
    let tests = channels::test_logs(visit.services(), id, &asked).await?;
    let reach = Reach::load(visit.services()).await?;
    let values = context! {
        idle => reach.idle_channels().iter().any(|channel| channel.id == id.0),
        list => lists::view(&asked, &tests),
        tests => shown(&tests),
        now => visit.services().now(),
        ..shown(&doings)
    };
    Ok(visit.page(StatusCode::OK, "channels/detail.html", values))
}

/// `POST /admin/channels/{id}/circuit`
pub(super) async fn close_circuit(
    Admin(SignedIn { visit, actor }): Admin,
    path: Path<String>,
    upstreams: Data<UpstreamsHandle>,
) -> HttpResponse {
    let (id, change) = (channel_id(&path), CircuitChange { state: "closed".to_owned() });
    match channels::change_circuit(visit.services(), &*upstreams.0, &actor, id, change).await {
        Ok(()) => visit.to(&format!("/admin/channels/{}?done=closed", id.0)).finish(),
        Err(error) => visit.failure(&error),
    }
}
