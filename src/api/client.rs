//! The client as an input of handlers.

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::web::Data;

use super::ApiContext;
use super::door::Extract;
use super::openapi::Operation;
use crate::services::Served;
use crate::session::Client;

impl Extract for Client {
    async fn extract(request: &HttpRequest, payload: &mut Payload) -> Served<Self> {
        let context = Data::<ApiContext>::extract(request, payload).await?;
        Ok(Self::of(request, &context.0.proxies))
    }

    fn describe(_: &mut Operation<'_>) {}
}
