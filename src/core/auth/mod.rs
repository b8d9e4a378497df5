//! Accounts and sessions: the only place that makes a [`Ctx`].
//!
//! A [`Ctx`] is a claim, not a proof: before every act the session's and the user's row are read
//! again, so that a sign-out, a deactivation or a new role takes effect at once.

mod password;
mod proof;
mod register;
mod throttle;
mod token;

pub use password::{Strength, strength};
pub(super) use password::{guest_hash, hash};
pub(super) use proof::account_key as throttle_key;
pub use register::Registration;
pub(super) use register::{by_name, check_registration, unknown};
pub(super) use token::Tokens;

use super::policy::{self, Permission, Relation};
use super::{Core, Ctx, Error, Origin, Result, Source};
use crate::model::{EventType, Field, FieldError, NewEvent, Preferences, Role, Severity, User};
use crate::store::{Reader, Session, Writer};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// A session just opened or resumed.
#[derive(Clone)]
pub struct SignedIn {
    /// For every further call.
    pub ctx: Ctx,
    /// The JWT, for the token file of a local origin.
    pub token: String,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn")
            .field("ctx", &self.ctx)
            .finish_non_exhaustive()
    }
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

impl Core {
    /// Which door to show to a source.
    ///
    /// # Errors
    /// The database's.
    pub async fn door(&self, source: Source) -> Result<Door> {
        let accounts = self.read(|reader| Ok(reader.count_users()?)).await?;
        Ok(self.door_for(source, accounts))
    }

    fn door_for(&self, source: Source, accounts: u64) -> Door {
        match (accounts, source.origin) {
            (0, Origin::Local) => Door::FirstAccount,
            (0, Origin::Tenant) => Door::NotSetUp,
            _ if self.settings().registration => Door::Open,
            _ => Door::SignInOnly,
        }
    }

    /// Signs in.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`] and [`Error::LockedOut`], neither of which tells whether the
    /// name exists.
    pub async fn sign_in(&self, source: Source, username: &str, password: &str) -> Result<SignedIn> {
        let user = self.prove(source, username, password).await?;
        let core = self.clone();
        self.write(move |writer| core.open_session(writer, user, source))
            .await
    }

    /// Goes on with a session from its token.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`].
    pub async fn resume(&self, source: Source, token: &str) -> Result<SignedIn> {
        let claims = self.tokens().read(token, self.now())?;
        let token = token.to_owned();
        let now = self.now();
        self.read(move |reader| {
            let user = live_user(reader, claims.jti, now)?;
            if user.id.to_string() != claims.sub {
                return Err(Error::NotSignedIn("the token is not one of this instance"));
            }
            let ctx = Ctx {
                user: user.id,
                username: user.username,
                role: user.role,
                session: claims.jti,
                source,
            };
            Ok(SignedIn { ctx, token })
        })
        .await
    }

    /// Ends the session; one that has ended already stays so.
    ///
    /// # Errors
    /// The database's.
    pub async fn sign_out(&self, ctx: &Ctx) -> Result<()> {
        let (ctx, now) = (ctx.clone(), self.now());
        self.write(move |writer| {
            match live_user(writer, ctx.session, now) {
                Ok(_) => {}
                Err(Error::NotSignedIn(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
            writer.revoke_session(ctx.session)?;
            writer.append_event(&auth_event(&ctx, "auth.sign_out", "signed out"))?;
            Ok(())
        })
        .await
    }

    /// Notes that a front locked itself after idle time.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn lock(&self, ctx: &Ctx) -> Result<()> {
        let (ctx, now) = (ctx.clone(), self.now());
        self.write(move |writer| {
            live_user(writer, ctx.session, now)?;
            writer.append_event(&auth_event(&ctx, "auth.lock", "was locked after idle time"))?;
            Ok(())
        })
        .await
    }

    /// Checks the user's password to unlock a front; failures count like failed sign-ins.
    ///
    /// # Errors
    /// As [`Core::sign_in`], and [`Error::NotSignedIn`] if the session ended meanwhile.
    pub async fn unlock(&self, ctx: &Ctx, password: &str) -> Result<()> {
        self.prove(ctx.source, ctx.username.as_str(), password).await?;
        let (ctx, now) = (ctx.clone(), self.now());
        self.write(move |writer| {
            live_user(writer, ctx.session, now)?;
            writer.append_event(&auth_event(&ctx, "auth.unlock", "unlocked the screen"))?;
            Ok(())
        })
        .await
    }

    /// Changes the user's own password and ends their other sessions.
    ///
    /// # Errors
    /// As [`Core::sign_in`] for the old one, [`Error::Invalid`] for the new one.
    pub async fn change_password(&self, ctx: &Ctx, old: &str, new: &str) -> Result<()> {
        let user = self.prove(ctx.source, ctx.username.as_str(), old).await?;
        if let Some(reason) = strength(new, &[user.username.as_str(), user.email.as_str()]).refusal {
            return Err(FieldError::new(Field::Password, reason).into());
        }
        let new = new.to_owned();
        let hash = self.crunch(move || hash(&new)).await?;
        self.change(
            ctx,
            Permission::ChangeAccount,
            |_, _| Ok(Relation::Own),
            move |writer, ctx, _| {
                writer.set_password_hash(ctx.user, &hash)?;
                writer.revoke_sessions_of(ctx.user, Some(ctx.session))?;
                writer.append_event(&auth_event(ctx, "auth.password", "changed their password"))?;
                Ok(())
            },
        )
        .await
    }

    /// The user's preferences.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn preferences(&self, ctx: &Ctx) -> Result<Preferences> {
        self.inspect(ctx, |reader, actor| Ok(reader.preferences(actor.id)?))
            .await
    }

    /// Keeps the user's preferences.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn set_preferences(&self, ctx: &Ctx, preferences: Preferences) -> Result<()> {
        self.change(
            ctx,
            Permission::ChangeAccount,
            |_, _| Ok(Relation::Own),
            move |writer, ctx, _| Ok(writer.set_preferences(ctx.user, &preferences)?),
        )
        .await
    }

    /// Reads in the name of a caller whose session is alive.
    pub(super) async fn inspect<T: Send + 'static>(
        &self,
        ctx: &Ctx,
        job: impl FnOnce(&Reader<'_>, &User) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (session, now) = (ctx.session, self.now());
        self.read(move |reader| {
            let actor = live_user(reader, session, now)?;
            job(reader, &actor)
        })
        .await
    }

    /// Writes in the name of a caller whose session is alive and whom the policy lets do
    /// `permission` to what `relation` finds; the check and the act are one transaction.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        ctx: &Ctx,
        permission: Permission,
        relation: impl FnOnce(&Reader<'_>, &User) -> Result<Relation> + Send + 'static,
        job: impl FnOnce(&Writer<'_>, &Ctx, &User) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (ctx, now) = (ctx.clone(), self.now());
        self.write(move |writer| {
            let actor = live_user(writer, ctx.session, now)?;
            permit(actor.role, permission, relation(writer, &actor)?)?;
            job(writer, &ctx, &actor)
        })
        .await
    }

    fn open_session(&self, writer: &Writer<'_>, user: User, source: Source) -> Result<SignedIn> {
        let now = writer.now();
        let session = Session {
            id: Uuid::new_v4(),
            user: user.id,
            source: source.describe(),
            created_at: now,
            expires_at: now
                .saturating_add(self.settings().session)
                .unwrap_or(Timestamp::MAX),
            revoked: false,
        };
        writer.insert_session(&session)?;
        let ctx = Ctx {
            user: user.id,
            username: user.username,
            role: user.role,
            session: session.id,
            source,
        };
        writer.append_event(&auth_event(&ctx, "auth.sign_in", "signed in"))?;
        let token = self
            .tokens()
            .issue(user.id.0, session.id, now, session.expires_at)?;
        Ok(SignedIn { ctx, token })
    }
}

/// Refuses what the policy does not allow.
pub(super) fn permit(role: Role, permission: Permission, relation: Relation) -> Result<()> {
    if policy::allows(role, permission, relation) {
        return Ok(());
    }
    Err(Error::NotPermitted(format!(
        "{} may not {}",
        article(role),
        permission.describe()
    )))
}

fn article(role: Role) -> &'static str {
    match role {
        Role::User => "a user",
        Role::Auditor => "an auditor",
        Role::Admin => "an admin",
    }
}

/// The user of a session that is alive.
fn live_user(reader: &Reader<'_>, session: Uuid, now: Timestamp) -> Result<User> {
    let session = reader
        .session(session)?
        .ok_or(Error::NotSignedIn("the session has ended"))?;
    if session.revoked {
        return Err(Error::NotSignedIn("the session has ended"));
    }
    if now >= session.expires_at {
        return Err(Error::NotSignedIn("the session has expired"));
    }
    match reader.user(session.user)? {
        Some(user) if user.active => Ok(user),
        _ => Err(Error::NotSignedIn("the account is deactivated")),
    }
}

fn auth_event(ctx: &Ctx, action: &'static str, what: &str) -> NewEvent {
    NewEvent::new(
        EventType::Auth,
        Severity::Info,
        action,
        &format!("{} {what}", ctx.username),
    )
    .user(ctx.user)
    .details(json!({ "source": ctx.source.describe() }))
}

/// At most this many hashes at once: each takes 19 MiB and a processor.
pub(super) const HASHES_AT_ONCE: usize = 2;

/// How long a caller waits for its turn to hash before it is told that the host is busy.
pub(super) const HASH_PATIENCE: Duration = Duration::from_secs(20);
