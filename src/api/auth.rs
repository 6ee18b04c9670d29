//! Registration, sign-in, sign-out.

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::web::Data;
use secrecy::{ExposeSecret, SecretString};

use super::door::Extract;
use super::extract::Body;
use super::guard::{Anyone, Guarded};
use super::openapi::Operation;
use super::reply::{Created, Reply};
use crate::services::accounts::{self, Credentials, Registration, UserView, Visitor};
use crate::services::values::Done;
use crate::services::{Served, Services};
use crate::session::Client;
use crate::session::{COOKIE, no_session_cookie, session_cookie};

/// The session token a request came with.
#[derive(Debug)]
pub(super) struct OldSession(Option<SecretString>);

impl Extract for OldSession {
    async fn extract(request: &HttpRequest, _: &mut Payload) -> Served<Self> {
        Ok(Self(request.cookie(COOKIE).map(|cookie| SecretString::from(cookie.value()))))
    }

    fn describe(_: &mut Operation<'_>) {}
}

/// `POST /api/auth/register`
pub(super) async fn register(
    _: Guarded<Anyone>,
    services: Data<Services>,
    client: Client,
    old: OldSession,
    wish: Body<Registration>,
) -> Served<Created<UserView>> {
    let signed_in = accounts::register(&services, &visitor(&client, old), wish.0).await?;
    let cookie = session_cookie(signed_in.token.expose_secret(), &client);
    Ok(Created::new(signed_in.user).with_cookie(cookie))
}

/// `POST /api/auth/login`
pub(super) async fn login(
    _: Guarded<Anyone>,
    services: Data<Services>,
    client: Client,
    old: OldSession,
    credentials: Body<Credentials>,
) -> Served<Reply<UserView>> {
    let signed_in = accounts::sign_in(&services, &visitor(&client, old), credentials.0).await?;
    let cookie = session_cookie(signed_in.token.expose_secret(), &client);
    Ok(Reply::new(signed_in.user).with_cookie(cookie))
}

/// `POST /api/auth/logout`
pub(super) async fn logout(caller: Guarded<Anyone>, services: Data<Services>, client: Client) -> Served<Reply<Done>> {
    accounts::sign_out(&services, caller.who.as_ref()).await?;
    Ok(Reply::new(Done::OK).with_cookie(no_session_cookie(&client)))
}

fn visitor(client: &Client, old: OldSession) -> Visitor {
    Visitor { ip: client.ip, user_agent: client.user_agent.clone(), session: old.0, local: client.local }
}
