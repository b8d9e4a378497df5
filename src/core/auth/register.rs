//! Making an account.

use super::password::{self, strength};
use super::{Door, SignedIn, proof};
use crate::core::credits;
use crate::core::{Core, Error, Result, Source};
use crate::model::{Email, EventType, Field, FieldError, NewEvent, Role, Severity, User, Username, text};
use crate::store::{self, NewUser, Reader, Writer};
use serde_json::json;

/// What a person types to register.
pub struct Registration {
    /// Sign-in name.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

impl Core {
    /// Makes an account and signs it in. The first is the admin.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every field that was refused, [`Error::NotPermitted`] if
    /// registration is closed to the source, [`Error::Conflict`] if name or address is taken,
    /// [`Error::LockedOut`] after too many from one source.
    pub async fn register(&self, source: Source, registration: Registration) -> Result<SignedIn> {
        let (username, email) = check_registration(&registration)?;
        let password = registration.password;
        self.write(move |writer| proof::book_registration(writer, source))
            .await?;
        let password_hash = self.crunch(move || password::hash(&password)).await?;
        let core = self.clone();
        self.write(move |writer| {
            let role = match core.door_for(source, writer.count_users()?) {
                Door::FirstAccount => Role::Admin,
                Door::Open => Role::User,
                Door::NotSetUp => {
                    return Err(Error::NotPermitted(
                        "the first account is made on the host itself: run `twarga` there".to_owned(),
                    ));
                }
                Door::SignInOnly => {
                    return Err(Error::NotPermitted(
                        "registration is closed; ask an admin".to_owned(),
                    ));
                }
            };
            let user = core.insert_account(
                writer,
                &NewUser {
                    username: username.clone(),
                    email,
                    password_hash,
                    role,
                },
            )?;
            writer.append_event(
                &NewEvent::new(
                    EventType::Auth,
                    Severity::Info,
                    "auth.register",
                    &format!("{username} registered as {role}"),
                )
                .user(user.id)
                .details(json!({ "source": source.describe() })),
            )?;
            core.open_session(writer, user, source)
        })
        .await
    }

    /// Makes an account with the credits that it begins with.
    pub(in crate::core) fn insert_account(&self, writer: &Writer<'_>, new: &NewUser) -> Result<User> {
        let id = writer.insert_user(new)?;
        credits::open_account(writer, &self.settings().credits, id)?;
        Ok(writer.user(id)?.ok_or(store::Error::Missing("user"))?)
    }
}

/// An account by its name.
pub fn by_name(reader: &Reader<'_>, name: &str) -> Result<User> {
    reader.user_by_name(name)?.ok_or_else(|| unknown(name))
}

/// There is no account of that name, or none that the caller may see.
pub fn unknown(name: &str) -> Error {
    Error::NotFound {
        what: "user",
        name: text::visible_within(name, 80),
    }
}

/// Name and address of a registration whose every field can be accepted.
pub fn check_registration(registration: &Registration) -> Result<(Username, Email)> {
    let Registration {
        username,
        email,
        password,
    } = registration;
    let name = Username::parse(username);
    let address = Email::parse(email);
    let refusal = strength(password, &[username, email]).refusal;
    let refusal = refusal.map(|reason| FieldError::new(Field::Password, reason));
    match (name, address, refusal) {
        (Ok(name), Ok(address), None) => Ok((name, address)),
        (name, address, refusal) => Err(Error::Invalid(
            name.err()
                .into_iter()
                .chain(address.err())
                .chain(refusal)
                .collect(),
        )),
    }
}
