//! The door for people: pages rendered on the server.
//!
//! Handlers ask the same services as the JSON door. Pages work without scripts, load nothing from elsewhere and say
//! so in their Content-Security-Policy.

mod assets;
mod fields;
mod format;
mod lists;
mod notices;
mod on_disk;
mod once;
mod pages;
mod render;
mod texts;
mod upload;
mod visit;

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse};

pub use self::assets::FrontEnd;
use self::once::Tickets;
use self::render::Renderer;
use crate::redis_store::RedisForms;
use crate::services::ServiceError;
use crate::services::error::NOT_FOUND;
use crate::services::system::SystemHandle;
use crate::session::Doorstep;

/// What the pages work with.
#[derive(Clone)]
pub struct Console {
    /// Services, and who stands at the door.
    pub doorstep: Doorstep,
    /// Signs of life.
    pub system: SystemHandle,
    front_end: &'static FrontEnd,
    renderer: Renderer,
    tickets: Arc<Tickets>,
}

impl Console {
    /// Reads the embedded templates and texts; pages load this front end. `forms` are those of all instances; `None` = there are
    /// no others.
    pub fn new(doorstep: Doorstep, system: SystemHandle, front_end: &'static FrontEnd, forms: Option<RedisForms>) -> Self {
        let tickets = Arc::new(Tickets::new(forms));
        Self { doorstep, system, front_end, renderer: Renderer::new(front_end), tickets }
    }
}

/// The page that says that nothing is here.
pub async fn not_found(request: &HttpRequest) -> HttpResponse {
    match visit::Visit::extract(request).await {
        Ok(visit) => visit.failure(&ServiceError::new(&NOT_FOUND)),
        Err(refused) => refused.error_response(),
    }
}

/// Registers the pages.
pub fn routes(config: &mut ServiceConfig, console: &Console) {
    config.app_data(Data::new(console.clone()));
    config.service(web::resource("/assets/{version}/{name}").route(web::get().to(assets::serve)));
    pages::routes(config);
}
