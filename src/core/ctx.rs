//! Who is asking, and from where. Every core operation takes a [`Ctx`], and only
//! [`super::auth`] can make one.

use crate::model::{Role, UserId, Username};
use std::net::IpAddr;
use uuid::Uuid;

/// Where a request comes from: decides what it may name and override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Whoever owns the state directory.
    Local,
    /// A colleague let in through a forced command: no files, no overrides, no token file.
    Tenant,
}

/// A source of sign-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its kind.
    pub origin: Origin,
    /// The address an SSH client came from, if one did.
    pub address: Option<IpAddr>,
}

impl Source {
    /// For logs, throttles and session lists: `local`, `tenant 192.0.2.7`.
    pub fn describe(&self) -> String {
        let kind = match self.origin {
            Origin::Local => "local",
            Origin::Tenant => "tenant",
        };
        match self.address {
            Some(address) => format!("{kind} {address}"),
            None => kind.to_owned(),
        }
    }
}

/// A signed-in user at one origin.
#[derive(Clone, Debug)]
pub struct Ctx {
    pub(in crate::core) user: UserId,
    pub(in crate::core) username: Username,
    pub(in crate::core) role: Role,
    pub(in crate::core) session: Uuid,
    pub(in crate::core) source: Source,
}

impl Ctx {
    /// The user's row.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// The user's name.
    pub fn username(&self) -> &Username {
        &self.username
    }

    /// The user's role at sign-in. The core asks the database again before every change.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Where the user is.
    pub fn source(&self) -> Source {
        self.source
    }
}
