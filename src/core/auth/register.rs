//! Making an account.

use super::password::{self, strength};
use super::{Door, SignedIn, proof};
use crate::core::credits;
use crate::core::{Core, Error, Result, Source};
use crate::model::{Email, EventType, Field, FieldError, NewEvent, Role, Severity, Username};
use crate::store::{self, NewUser};
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
            let id = writer.insert_user(&NewUser {
                username: username.clone(),
                email,
                password_hash,
                role,
            })?;
            credits::open_account(writer, &core.settings().credits, id)?;
            writer.append_event(
                &NewEvent::new(
                    EventType::Auth,
                    Severity::Info,
                    "auth.register",
                    &format!("{username} registered as {role}"),
                )
                .user(id)
                .details(json!({ "source": source.describe() })),
            )?;
            let user = writer.user(id)?.ok_or(store::Error::Missing("user"))?;
            core.open_session(writer, user, source)
        })
        .await
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
