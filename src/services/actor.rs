//! Who acts.

use std::net::IpAddr;

use actors::vocabulary::{Role, UserId};

use super::error::{NOT_ALLOWED, Served, ServiceError};

/// How somebody proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A session, by its id.
    Session(i64),
    /// An admin token, by its id.
    Token(i64),
}

/// Somebody signed in. The role is the one the account has now.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The account.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Where from.
    pub ip: Option<IpAddr>,
    /// By which credential.
    pub via: Via,
}

impl Actor {
    /// Whether everything but super admins is theirs to administer.
    pub fn is_admin(&self) -> bool {
        self.role >= Role::Admin
    }

    /// Refuses anybody below `role`.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn require(&self, role: Role) -> Served<()> {
        if self.role >= role { Ok(()) } else { Err(ServiceError::new(&NOT_ALLOWED)) }
    }

    /// For the audit log.
    pub fn by(&self) -> By {
        By { id: Some(self.id), name: self.name.clone(), ip: self.ip }
    }
}

/// Whose name stands in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The account; `None` for the process itself.
    pub id: Option<UserId>,
    /// Its name.
    pub name: String,
    /// Where from.
    pub ip: Option<IpAddr>,
}

impl By {
    /// The operator at the command line.
    pub fn command_line() -> Self {
        Self { id: None, name: "command line".to_owned(), ip: None }
    }
}
