//! The permission in the handler's signature: `Guarded<Admin>` cannot be had by anybody less.

use actix_web::HttpRequest;
use actix_web::web::Data;
use actors::vocabulary::Role;

use super::ApiContext;
use crate::services::error::NOT_SIGNED_IN;
use crate::services::{Actor, Served, ServiceError};
use crate::session;

/// Who may use a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Anybody, signed in or not.
    #[default]
    Anyone,
    /// Any active account.
    SignedIn,
    /// Admins and super admins.
    Admin,
    /// Super admins.
    SuperAdmin,
}

/// A level of permission as a type.
pub trait Policy: 'static {
    /// The same as a value.
    const PERMISSION: Permission;
    /// What the handler learns about the caller.
    type Who;
    /// Lets the caller in, or not.
    ///
    /// # Errors
    /// `not_signed_in` or `forbidden`.
    fn admit(actor: Option<Actor>) -> Served<Self::Who>;
}

/// Anybody; the handler learns who it is if they are signed in.
#[derive(Debug)]
pub struct Anyone;
/// Any active account.
#[derive(Debug)]
pub struct SignedIn;
/// Admins and super admins.
#[derive(Debug)]
pub struct Admin;
/// Super admins.
#[derive(Debug)]
pub struct SuperAdmin;

impl Policy for Anyone {
    const PERMISSION: Permission = Permission::Anyone;
    type Who = Option<Actor>;
    fn admit(actor: Option<Actor>) -> Served<Option<Actor>> {
        Ok(actor)
    }
}

macro_rules! policies {
    ($($policy:ident: $role:ident),+) => {$(
        impl Policy for $policy {
            const PERMISSION: Permission = Permission::$policy;
            type Who = Actor;
            fn admit(actor: Option<Actor>) -> Served<Actor> {
                let actor = actor.ok_or_else(|| ServiceError::new(&NOT_SIGNED_IN))?;
                actor.require(Role::$role)?;
                Ok(actor)
            }
        }
    )+};
}

policies!(SignedIn: User, Admin: Admin, SuperAdmin: SuperAdmin);

/// Proof that the caller passed the policy.
#[derive(Debug)]
pub struct Guarded<P: Policy> {
    /// The caller.
    pub who: P::Who,
}

impl<P: Policy> Guarded<P> {
    /// Finds out who calls and whether that is enough.
    ///
    /// # Errors
    /// `not_signed_in`, `forbidden`, `cross_site`, or an ill database.
    pub async fn check(request: &HttpRequest) -> Served<Self> {
        let context = request.app_data::<Data<ApiContext>>().ok_or_else(|| ServiceError::ill("the door is not wired"))?;
        let actor = session::actor(request, &context.0).await?;
        P::admit(actor).map(|who| Self { who })
    }
}
