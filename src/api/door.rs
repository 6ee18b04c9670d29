//! How a handler is called: the guard first, then its other inputs in order, then the handler.
//!
//! The framework's own extractors run side by side, so a stranger with a broken body would hear about the
//! body. Here nobody's body is read before the guard has let them in.

use std::future::Future;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;

use super::error::refuse;
use super::guard::{Guarded, Policy};
use super::openapi::Operation;
use crate::services::{Served, ServiceError};

/// An input of a handler.
pub trait Extract: Sized + 'static {
    /// Reads it from the request.
    fn extract(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Served<Self>>;
    /// Writes it into the route's documentation.
    fn describe(operation: &mut Operation<'_>);
}

/// An output of a handler.
pub trait Respond: 'static {
    /// Renders it.
    fn respond(self, request: &HttpRequest) -> HttpResponse;
    /// Writes it into the route's documentation.
    fn describe(operation: &mut Operation<'_>);
}

/// An async function that starts with a [`Guarded`], takes one to five inputs and may stand behind a route.
pub trait Handler<Inputs>: Clone + Send + Sync + 'static {
    /// Writes the route's documentation.
    fn describe(operation: &mut Operation<'_>);
    /// Answers one request.
    fn answer(self, request: HttpRequest, payload: Payload) -> LocalBoxFuture<'static, HttpResponse>;
}

/// What inputs are read from, one after the other.
struct Inputs<'a> {
    request: &'a HttpRequest,
    payload: Payload,
}

impl Inputs<'_> {
    async fn next<T: Extract>(&mut self) -> Served<T> {
        T::extract(self.request, &mut self.payload).await
    }
}

macro_rules! handlers {
    ($(($($input:ident $value:ident)*))+) => {$(
        impl<F, P, R, Running, $($input),*> Handler<(P, $($input,)*)> for F
        where
            F: Fn(Guarded<P>, $($input),*) -> Running + Clone + Send + Sync + 'static,
            P: Policy,
            R: Respond,
            Running: Future<Output = Served<R>> + 'static,
            $($input: Extract,)*
        {
            fn describe(operation: &mut Operation<'_>) {
                operation.permission = P::PERMISSION;
                $($input::describe(operation);)*
                R::describe(operation);
            }

            fn answer(self, request: HttpRequest, payload: Payload) -> LocalBoxFuture<'static, HttpResponse> {
                Box::pin(async move {
                    let mut inputs = Inputs { request: &request, payload };
                    let run = async {
                        let guard = Guarded::<P>::check(&request).await?;
                        $(let $value = inputs.next::<$input>().await?;)*
                        self(guard, $($value),*).await
                    };
                    match run.await {
                        Ok(answer) => answer.respond(&request),
                        Err(error) => refuse(&request, error),
                    }
                })
            }
        }
    )+};
}

handlers! { (A a) (A a B b) (A a B b C c) (A a B b C c D d) (A a B b C c D d E e) }

/// A part of the process the handler works with.
impl<T: ?Sized + 'static> Extract for Data<T> {
    async fn extract(request: &HttpRequest, _: &mut Payload) -> Served<Self> {
        let missing = || ServiceError::ill(format!("{} is not wired", std::any::type_name::<T>()));
        request.app_data::<Self>().cloned().ok_or_else(missing)
    }

    fn describe(_: &mut Operation<'_>) {}
}
