//! Accounts and sessions: the only place that makes a [`Ctx`].

use super::{Core, Ctx, Result, Source};
use crate::model::Preferences;

/// What a person types to register.
pub struct Registration {
    /// Sign-in name.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// A session just opened or resumed.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// For every further call.
    pub ctx: Ctx,
    /// The JWT, for the token file of a local origin.
    pub token: String,
}

/// Which door a front shows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// No account exists: the next one registered is the admin.
    FirstAccount,
    /// No account exists, and this origin may not make the first.
    NotSetUp,
    /// Sign in, or register.
    Open,
    /// Sign in; registration is closed.
    SignInOnly,
}

/// How strong a password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strength {
    /// 0 (guessed at once) to 4 (very strong).
    pub score: u8,
    /// Why it is refused, if it is.
    pub refusal: Option<String>,
    /// What would make it better, if anything.
    pub advice: Option<String>,
}

/// Estimates a password as it is typed; pure. `inputs` are words an attacker would try: the
/// user's name and address. Refused below 8 characters, above 1,024 bytes and below score 2.
pub fn strength(password: &str, inputs: &[&str]) -> Strength {
    let _ = (password, inputs);
    todo!()
}

impl Core {
    /// Which door to show to a source.
    pub async fn door(&self, source: Source) -> Result<Door> {
        let _ = source;
        todo!()
    }
    /// Makes an account and signs it in. The first is the admin.
    pub async fn register(&self, source: Source, registration: Registration) -> Result<SignedIn> {
        let _ = (source, registration);
        todo!()
    }
    /// Signs in.
    pub async fn sign_in(&self, source: Source, username: &str, password: &str) -> Result<SignedIn> {
        let _ = (source, username, password);
        todo!()
    }
    /// Goes on with a session from its token.
    pub async fn resume(&self, source: Source, token: &str) -> Result<SignedIn> {
        let _ = (source, token);
        todo!()
    }
    /// Ends the session.
    pub async fn sign_out(&self, ctx: &Ctx) -> Result<()> {
        let _ = ctx;
        todo!()
    }
    /// Notes that a front locked itself after idle time.
    pub async fn lock(&self, ctx: &Ctx) -> Result<()> {
        let _ = ctx;
        todo!()
    }
    /// Checks the user's password to unlock a front; failures count like failed sign-ins.
    pub async fn unlock(&self, ctx: &Ctx, password: &str) -> Result<()> {
        let _ = (ctx, password);
        todo!()
    }
    /// Changes the user's own password and ends their other sessions.
    pub async fn change_password(&self, ctx: &Ctx, old: &str, new: &str) -> Result<()> {
        let _ = (ctx, old, new);
        todo!()
    }
    /// The user's preferences.
    pub async fn preferences(&self, ctx: &Ctx) -> Result<Preferences> {
        let _ = ctx;
        todo!()
    }
    /// Keeps the user's preferences.
    pub async fn set_preferences(&self, ctx: &Ctx, preferences: Preferences) -> Result<()> {
        let _ = (ctx, preferences);
        todo!()
    }
}
