//! Proving who somebody is: name and password against the accounts, with every failure counted.

use super::password::{self, Verdict};
use super::throttle;
use crate::core::{Core, Error, Origin, Result, Source};
use crate::model::{EventType, NewEvent, Severity, User, UserId};
use crate::store::Writer;
use jiff::Timestamp;
use serde_json::json;

/// Any password against this is wrong, after as much work as against a real hash.
const UNKNOWN_NAME_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBmaXhlZCBzYWx0$Y3ZbzXh0B0xJ0dQ0r2eB0o3Wg1n5s0m7C2v9yq4k6hE";

impl Core {
    /// Holds name and password against the accounts, books the attempt, and holds a refusal back.
    pub(super) async fn prove(&self, source: Source, username: &str, password: &str) -> Result<User> {
        let keys = throttle_keys(source, username);
        let name = username.to_owned();
        let booked = {
            let keys = keys.clone();
            self.write(move |writer| book_attempt(writer, &keys, &name))
                .await?
        };
        let Booked {
            credentials,
            failures,
            locks,
        } = booked;
        let password = password.to_owned();
        let checked = self
            .crunch(move || {
                // An unknown name costs the same hash as a known one.
                let hash = credentials
                    .as_ref()
                    .map_or(UNKNOWN_NAME_HASH, |it| it.password_hash.as_str());
                let verdict = password::verify(&password, hash);
                let renewed = match (&credentials, verdict) {
                    (Some(_), Verdict::RightButOld) => Some(password::hash(&password)?),
                    _ => None,
                };
                Ok((credentials, verdict, renewed))
            })
            .await?;
        match checked {
            (Some(credentials), Verdict::Right | Verdict::RightButOld, renewed)
                if credentials.user.active =>
            {
                let user = credentials.user;
                let id = user.id;
                self.write(move |writer| {
                    for (index, key) in keys.iter().enumerate() {
                        // The account is proved innocent; of its source only this attempt is.
                        match writer
                            .throttle(key)?
                            .and_then(throttle::unbook)
                            .filter(|_| index > 0)
                        {
                            Some(rest) => writer.set_throttle(key, &rest)?,
                            None => writer.clear_throttle(key)?,
                        }
                    }
                    if let Some(hash) = renewed {
                        writer.set_password_hash(id, &hash)?;
                    }
                    Ok::<_, Error>(())
                })
                .await?;
                Ok(user)
            }
            (credentials, ..) => {
                let user = credentials.map(|it| it.user.id);
                self.write(move |writer| {
                    log_failure(writer, source, user, failures)?;
                    locks
                        .iter()
                        .try_for_each(|lock| log_lock(writer, source, user, lock))
                })
                .await?;
                tokio::time::sleep(throttle::delay(failures)).await;
                Err(Error::WrongCredentials)
            }
        }
    }
}

/// What failures are counted under: the account first, then the source. The owner of the state
/// directory is not a source: they could reset the count anyway.
fn throttle_keys(source: Source, username: &str) -> Vec<String> {
    std::iter::once(account_key(username))
        .chain(source_key(source))
        .collect()
}

/// What failures of an account are counted under.
pub fn account_key(username: &str) -> String {
    let account: String = username.chars().take(64).collect();
    format!("account:{account}")
}

fn source_key(source: Source) -> Option<String> {
    match (source.address, source.origin) {
        (Some(address), _) => Some(format!("source:{address}")),
        (None, Origin::Tenant) => Some("source:tenant".to_owned()),
        (None, Origin::Local) => None,
    }
}

/// Books a registration, whatever becomes of it: each tells whether a name is taken and costs a
/// hash, and most make a row.
pub(super) fn book_registration(writer: &Writer<'_>, source: Source) -> Result<()> {
    let Some(key) = source_key(source).map(|key| format!("registration:{key}")) else {
        return Ok(());
    };
    let booked = throttle::book(writer.throttle(&key)?, writer.now(), throttle::REGISTRATIONS)
        .map_err(|until| Error::LockedOut { until })?;
    writer.set_throttle(&key, &booked)?;
    if let Some(until) = booked.locked_until {
        let message = format!(
            "registering from {} was locked after {} tries",
            source.describe(),
            booked.failures
        );
        let event = NewEvent::new(EventType::Auth, Severity::Warning, "auth.locked", &message);
        writer.append_event(&event.details(json!({ "source": source.describe(), "until": until })))?;
    }
    Ok(())
}

struct Booked {
    credentials: Option<crate::store::Credentials>,
    failures: u32,
    /// What this attempt locks, should it turn out wrong.
    locks: Vec<Lock>,
}

struct Lock {
    of: &'static str,
    failures: u32,
    until: Timestamp,
}

/// Books an attempt under every key, or says until when none is heard.
fn book_attempt(writer: &Writer<'_>, keys: &[String], username: &str) -> Result<Booked> {
    let credentials = writer.credentials(username)?;
    let (mut failures, mut locks) = (0, Vec::new());
    for key in keys {
        let booked = throttle::book(writer.throttle(key)?, writer.now(), throttle::SIGN_INS)
            .map_err(|until| Error::LockedOut { until })?;
        locks.extend(booked.locked_until.map(|until| Lock {
            of: if key.starts_with("account:") {
                "an account"
            } else {
                "a source"
            },
            failures: booked.failures,
            until,
        }));
        writer.set_throttle(key, &booked)?;
        failures = failures.max(booked.failures);
    }
    Ok(Booked {
        credentials,
        failures,
        locks,
    })
}

/// The name that was typed is not kept: people type passwords into the wrong field.
fn log_failure(writer: &Writer<'_>, source: Source, user: Option<UserId>, failures: u32) -> Result<()> {
    let whom = if user.is_some() {
        "a known account"
    } else {
        "an unknown name"
    };
    let mut event = NewEvent::new(
        EventType::Auth,
        Severity::Warning,
        "auth.sign_in_failed",
        &format!("failed sign-in to {whom} from {}", source.describe()),
    )
    .details(json!({ "source": source.describe(), "failures": failures }));
    if let Some(user) = user {
        event = event.user(user);
    }
    writer.append_event(&event)?;
    Ok(())
}

fn log_lock(writer: &Writer<'_>, source: Source, user: Option<UserId>, lock: &Lock) -> Result<()> {
    let message = format!("{} was locked after {} failed sign-ins", lock.of, lock.failures);
    let mut event = NewEvent::new(EventType::Auth, Severity::Warning, "auth.locked", &message)
        .details(json!({ "source": source.describe(), "until": lock.until }));
    if let Some(user) = user {
        event = event.user(user);
    }
    writer.append_event(&event)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_costs_a_whole_hash() {
        use argon2::password_hash::phc::PasswordHash;
        let parsed = PasswordHash::new(UNKNOWN_NAME_HASH).unwrap();
        assert_eq!(parsed.hash.unwrap().as_bytes().len(), 32);
        assert_eq!(password::verify("anything", UNKNOWN_NAME_HASH), Verdict::Wrong);
    }
}
