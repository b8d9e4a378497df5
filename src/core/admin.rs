//! Accounts, as admins govern them. What ends an account's sessions ends its consoles, too.

use super::auth::{by_name, check_registration, hash, permit, strength, throttle_key};
use super::policy::{Permission, Relation};
use super::{Core, Ctx, Error, Registration, Result};
use crate::model::{Credits, EventType, Field, FieldError, NewEvent, Role, Severity, User};
use crate::store::{NewUser, Reader, SessionCount, Writer};
use jiff::Timestamp;
use serde_json::json;

/// An account and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account.
    pub user: User,
    /// Its credits.
    pub balance: Credits,
    /// Its machines, whatever their status.
    pub machines: u32,
    /// Sessions that are alive, and the last sign-in.
    pub sessions: SessionCount,
    /// Until when too many failed sign-ins lock it.
    pub locked_until: Option<Timestamp>,
}

impl Core {
    /// Every account, by name (admins, auditors).
    ///
    /// # Errors
    /// [`Error::NotPermitted`], the database's.
    pub async fn accounts(&self, ctx: &Ctx) -> Result<Vec<Account>> {
        let now = self.now();
        self.inspect(ctx, move |reader, actor| {
            permit(actor.role, Permission::SeeAccounts, Relation::Others)?;
            reader
                .users()?
                .into_iter()
                .map(|user| account(reader, user, now))
                .collect()
        })
        .await
    }

    /// Makes an account in somebody's name.
    ///
    /// # Errors
    /// As [`Core::register`], and [`Error::NotPermitted`].
    pub async fn create_account(&self, ctx: &Ctx, registration: Registration, role: Role) -> Result<User> {
        let (username, email) = check_registration(&registration)?;
        let password_hash = self.hash_for(ctx, registration.password).await?;
        let core = self.clone();
        self.govern(ctx, move |writer, actor| {
            let user = core.insert_account(
                writer,
                &NewUser {
                    username: username.clone(),
                    email,
                    password_hash,
                    role,
                },
            )?;
            let what = format!("made an account for {username} as {role}");
            log(writer, actor, &user, "account.created", &what)?;
            Ok(user)
        })
        .await
    }

    /// Gives an account another role, which ends its sessions.
    ///
    /// # Errors
    /// [`Error::Conflict`] for one's own account and for the last active admin's,
    /// [`Error::NotFound`], [`Error::NotPermitted`].
    pub async fn set_role(&self, ctx: &Ctx, username: &str, role: Role) -> Result<User> {
        let name = username.to_owned();
        self.govern(ctx, move |writer, actor| {
            let user = others(writer, actor, &name)?;
            if user.role == role {
                return Ok(user);
            }
            keep_an_admin(writer, &user)?;
            writer.set_user_role(user.id, role)?;
            writer.revoke_sessions_of(user.id, None)?;
            let what = format!("made {} {role}, who was {}", user.username, user.role);
            log(writer, actor, &user, "account.role", &what)?;
            Ok(User { role, ..user })
        })
        .await
    }

    /// Deactivates an account, which ends its sessions, or lets it in again.
    ///
    /// # Errors
    /// As [`Core::set_role`].
    pub async fn set_active(&self, ctx: &Ctx, username: &str, active: bool) -> Result<User> {
        let name = username.to_owned();
        self.govern(ctx, move |writer, actor| {
            let user = others(writer, actor, &name)?;
            if user.active == active {
                return Ok(user);
            }
            if !active {
                keep_an_admin(writer, &user)?;
                writer.revoke_sessions_of(user.id, None)?;
            }
            writer.set_user_active(user.id, active)?;
            let (action, verb) = match active {
                true => ("account.activated", "activated"),
                false => ("account.deactivated", "deactivated"),
            };
            log(writer, actor, &user, action, &format!("{verb} {}", user.username))?;
            Ok(User { active, ..user })
        })
        .await
    }

    /// Gives an account another password, which ends its sessions and its lock.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a weak one, [`Error::NotFound`], [`Error::NotPermitted`].
    pub async fn reset_password(&self, ctx: &Ctx, username: &str, password: String) -> Result<User> {
        let name = username.to_owned();
        if let Some(reason) = strength(&password, &[username]).refusal {
            return Err(FieldError::new(Field::Password, reason).into());
        }
        let password_hash = self.hash_for(ctx, password).await?;
        self.govern(ctx, move |writer, actor| {
            let user = by_name(writer, &name)?;
            writer.set_password_hash(user.id, &password_hash)?;
            writer.revoke_sessions_of(user.id, None)?;
            writer.clear_throttle(&throttle_key(&name))?;
            let what = format!("gave {} another password", user.username);
            log(writer, actor, &user, "account.password", &what)?;
            Ok(user)
        })
        .await
    }

    /// Takes away the lock that failed sign-ins put on an account.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotPermitted`].
    pub async fn unlock_account(&self, ctx: &Ctx, username: &str) -> Result<User> {
        let name = username.to_owned();
        self.govern(ctx, move |writer, actor| {
            let user = by_name(writer, &name)?;
            writer.clear_throttle(&throttle_key(&name))?;
            let what = format!("unlocked {}", user.username);
            log(writer, actor, &user, "account.unlocked", &what)?;
            Ok(user)
        })
        .await
    }

    /// Ends all sessions of an account.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotPermitted`].
    pub async fn end_sessions(&self, ctx: &Ctx, username: &str) -> Result<User> {
        let name = username.to_owned();
        self.govern(ctx, move |writer, actor| {
            let user = by_name(writer, &name)?;
            writer.revoke_sessions_of(user.id, None)?;
            let what = format!("ended {}'s sessions", user.username);
            log(writer, actor, &user, "account.sessions_ended", &what)?;
            Ok(user)
        })
        .await
    }

    /// Does what governs accounts.
    async fn govern<T: Send + 'static>(
        &self,
        ctx: &Ctx,
        job: impl FnOnce(&Writer<'_>, &User) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.change(
            ctx,
            Permission::ManageAccounts,
            |_, _| Ok(Relation::Others),
            move |writer, _, actor| job(writer, actor),
        )
        .await
    }

    /// Hashes a password for somebody who may set others'. Asked before: a hash is dear.
    async fn hash_for(&self, ctx: &Ctx, password: String) -> Result<String> {
        self.inspect(ctx, |_, actor| {
            permit(actor.role, Permission::ManageAccounts, Relation::Others)
        })
        .await?;
        self.crunch(move || hash(&password)).await
    }
}

fn account(reader: &Reader<'_>, user: User, now: Timestamp) -> Result<Account> {
    let throttle = reader.throttle(&throttle_key(user.username.as_str()))?;
    Ok(Account {
        balance: reader.balance(user.id)?.amount,
        machines: reader.usage(user.id)?.vms,
        sessions: reader.count_sessions(user.id, now)?,
        locked_until: throttle
            .and_then(|it| it.locked_until)
            .filter(|until| *until > now),
        user,
    })
}

/// Somebody else's account: who locks themselves out cannot let themselves in again.
fn others(reader: &Reader<'_>, actor: &User, name: &str) -> Result<User> {
    let user = by_name(reader, name)?;
    if user.id == actor.id {
        let sentence = "this is your own account; another admin has to do it";
        return Err(Error::Conflict(sentence.to_owned()));
    }
    Ok(user)
}

/// Refuses to lose the last active admin.
fn keep_an_admin(reader: &Reader<'_>, user: &User) -> Result<()> {
    let is_admin = |it: &User| it.role == Role::Admin && it.active;
    let others = reader.users()?;
    if is_admin(user) && !others.iter().any(|it| it.id != user.id && is_admin(it)) {
        let sentence = format!("{} is the last active admin", user.username);
        return Err(Error::Conflict(sentence));
    }
    Ok(())
}

fn log(writer: &Writer<'_>, actor: &User, user: &User, action: &'static str, what: &str) -> Result<()> {
    let message = format!("{} {what}", actor.username);
    let event = NewEvent::new(EventType::Auth, Severity::Info, action, &message)
        .user(actor.id)
        .details(json!({ "account": user.id }));
    writer.append_event(&event)?;
    Ok(())
}
