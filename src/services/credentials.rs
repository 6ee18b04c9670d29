//! From a session cookie or an admin token to the account behind it.

use std::net::IpAddr;

use super::{Actor, Served, Services};

/// The active account whose session this is.
///
/// # Errors
/// When the database is ill.
pub async fn by_session(_services: &Services, _token: &str, _ip: Option<IpAddr>) -> Served<Option<Actor>> {
    Ok(None)
}

/// The active account whose admin token this is, with the role it has now.
///
/// # Errors
/// When the database is ill.
pub async fn by_token(_services: &Services, _token: &str, _ip: Option<IpAddr>) -> Served<Option<Actor>> {
    Ok(None)
}
