//! Users' SSH keys: a new machine lets in every key of its owner.

use super::policy::{Permission, Relation};
use super::{Core, Ctx, Error, Result};
use crate::model::ssh_key::{self, Checked};
use crate::model::{EventType, Field, FieldError, NewEvent, Severity, SshKey, SshKeyId, User, UserId, text};
use crate::store::{NewSshKey, Reader, Writer};
use serde_json::json;

/// Most keys of one user.
pub(super) const MAX_KEYS: usize = 50;
/// Longest name of a key, characters.
const LONGEST_NAME: usize = 64;

impl Core {
    /// The caller's own keys, oldest first.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn ssh_keys(&self, ctx: &Ctx) -> Result<Vec<SshKey>> {
        self.inspect(ctx, |reader, actor| Ok(reader.ssh_keys(actor.id)?))
            .await
    }

    /// Adds keys to the caller's own: public keys in OpenSSH form, one a line, all or none. Empty
    /// lines and lines that begin with `#` are passed over. A single key may be given a `name`;
    /// else its comment is its name, or its kind where it has none.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong with a key, [`Error::Conflict`] for one that the
    /// caller has or one too many, [`Error::NotPermitted`].
    pub async fn add_ssh_keys(&self, ctx: &Ctx, text: &str, name: Option<&str>) -> Result<Vec<SshKey>> {
        let keys = read(text, name)?;
        self.change(
            ctx,
            Permission::AddKey,
            |_, _| Ok(Relation::Own),
            move |writer, _, actor| keys.iter().map(|key| add(writer, actor, key)).collect(),
        )
        .await
    }

    /// Removes one of the caller's own keys, by its number or its fingerprint. Machines that were
    /// made with it go on to let it in. Returns what it was.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for somebody else's.
    pub async fn remove_ssh_key(&self, ctx: &Ctx, which: &str) -> Result<SshKey> {
        let which = which.trim().to_owned();
        self.change(
            ctx,
            Permission::ChangeAccount,
            |_, _| Ok(Relation::Own),
            move |writer, _, actor| {
                let key = find(writer, actor.id, &which)?;
                writer.remove_ssh_key(actor.id, key.id)?;
                log(writer, actor, &key, "key.removed", "removed")?;
                Ok(key)
            },
        )
        .await
    }
}

/// The keys of a text, each with the name it will have.
fn read(text: &str, name: Option<&str>) -> Result<Vec<Checked>> {
    let lines: Vec<_> = ssh_key::lines(text).collect();
    let refuse = |reason: &str| Err(FieldError::new(Field::SshKey, reason).into());
    if lines.is_empty() {
        return refuse("there is no key; paste a public one such as `ssh-ed25519 AAAA… name`");
    }
    // A private key has many lines, none of which says by itself what it is.
    if text.contains("PRIVATE KEY-----") {
        ssh_key::inspect(text)?;
    }
    if lines.len() > MAX_KEYS {
        return refuse(&format!("at most {MAX_KEYS} keys"));
    }
    match (name, lines.as_slice()) {
        (Some(_), [_, _, ..]) => refuse("a name is for one key, and there are more"),
        (Some(name), [line]) => {
            check_name(name)?;
            Ok(vec![ssh_key::inspect(line)?.named(name)?])
        }
        _ => lines
            .iter()
            .enumerate()
            .map(|(index, line)| {
                named_by_itself(line).map_err(|error| match lines.len() {
                    1 => error.into(),
                    _ => FieldError::new(error.field, format!("key {}: {}", index + 1, error.reason)).into(),
                })
            })
            .collect(),
    }
}

fn named_by_itself(line: &str) -> std::result::Result<Checked, FieldError> {
    let key = ssh_key::inspect(line)?;
    let name = match key.comment() {
        "" => key.kind(),
        comment => text::visible_within(comment, LONGEST_NAME),
    };
    key.named(&name)
}

fn check_name(name: &str) -> std::result::Result<(), FieldError> {
    let length = name.chars().count();
    if name.trim() != name || !(1..=LONGEST_NAME).contains(&length) || text::visible(name) != name {
        let rule = format!("1 to {LONGEST_NAME} characters that show, without blanks around them");
        return Err(FieldError::new(Field::Name, rule));
    }
    Ok(())
}

fn add(writer: &Writer<'_>, actor: &User, key: &Checked) -> Result<SshKey> {
    let fingerprint = key.fingerprint();
    if let Some(had) = writer.ssh_key_by_fingerprint(actor.id, &fingerprint)? {
        let sentence = format!(
            "you have this key already: {} {fingerprint} (key {})",
            had.name, had.id
        );
        return Err(Error::Conflict(sentence));
    }
    if writer.count_ssh_keys(actor.id)? >= MAX_KEYS as u64 {
        let sentence = format!("you have {MAX_KEYS} SSH keys, and more are not kept; remove one first");
        return Err(Error::Conflict(sentence));
    }
    let id = writer.insert_ssh_key(&NewSshKey {
        user: actor.id,
        name: key.comment(),
        public_key: key.line(),
        fingerprint: &fingerprint,
    })?;
    let key = writer
        .ssh_key(actor.id, id)?
        .ok_or(crate::store::Error::Missing("SSH key"))?;
    log(writer, actor, &key, "key.added", "added")?;
    Ok(key)
}

/// A key by number, or by fingerprint with or without its `SHA256:`.
fn find(reader: &Reader<'_>, user: UserId, which: &str) -> Result<SshKey> {
    let found = match which.parse() {
        Ok(id) => reader.ssh_key(user, SshKeyId(id))?,
        Err(_) => {
            let bare = which.strip_prefix("SHA256:").unwrap_or(which);
            reader.ssh_key_by_fingerprint(user, &format!("SHA256:{bare}"))?
        }
    };
    found.ok_or_else(|| Error::NotFound {
        what: "SSH key",
        name: text::visible_within(which, 80),
    })
}

fn log(writer: &Writer<'_>, actor: &User, key: &SshKey, action: &'static str, verb: &str) -> Result<()> {
    let message = format!(
        "{} {verb} the SSH key {} {}",
        actor.username, key.name, key.fingerprint
    );
    let event = NewEvent::new(EventType::Auth, Severity::Info, action, &message)
        .user(actor.id)
        .details(json!({ "key": key.id, "fingerprint": key.fingerprint }));
    writer.append_event(&event)?;
    Ok(())
}
