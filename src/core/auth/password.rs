//! Passwords: how strong one must be, and how it is kept.

use crate::core::{Error, Result};
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};

/// Least length, in characters (the user's document and NIST SP 800-63B).
const MIN_CHARS: usize = 8;
/// Most bytes that are hashed, so that nobody makes the program hash megabytes.
const MAX_BYTES: usize = 1024;
/// Least score of the estimate: below, it is guessed in under 10^6 tries.
const MIN_SCORE: u8 = 2;
/// The estimator takes time by length; what stands behind this adds nothing to its verdict.
const ESTIMATED_CHARS: usize = 72;

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
    let start: String = password.chars().take(ESTIMATED_CHARS).collect();
    let estimate = zxcvbn::zxcvbn(&start, inputs);
    let score = u8::from(estimate.score());
    let feedback = estimate.feedback();
    let advice = feedback
        .and_then(|it| it.suggestions().first())
        .map(ToString::to_string);
    let refusal = if password.chars().count() < MIN_CHARS {
        Some(format!("at least {MIN_CHARS} characters"))
    } else if password.len() > MAX_BYTES {
        Some(format!("at most {MAX_BYTES} bytes"))
    } else if score < MIN_SCORE {
        let warning = feedback.and_then(|it| it.warning()).map(|it| it.to_string());
        Some(
            warning
                .or_else(|| advice.clone())
                .unwrap_or_else(|| "too easy to guess".to_owned()),
        )
    } else {
        None
    };
    Strength {
        score,
        refusal,
        advice,
    }
}

/// The parameters of new hashes: OWASP's least for argon2id (19 MiB, 2 passes, 1 lane).
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// Hashes a password with a fresh salt, into PHC form. Takes about 24 ms: not for a worker.
///
/// # Errors
/// [`Error::Internal`] if the system gives no randomness.
pub fn hash(password: &str) -> Result<String> {
    hasher()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::Internal(format!("hashing a password: {error}")))
}

/// What a password was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does not belong to the hash.
    Wrong,
    /// It does.
    Right,
    /// It does, but the hash is of weaker parameters than today's and should be made anew.
    RightButOld,
}

/// Holds a password to a hash in PHC form. Takes as long as [`hash`].
pub fn verify(password: &str, hash: &str) -> Verdict {
    let Ok(parsed) = PasswordHash::new(hash) else {
        return Verdict::Wrong;
    };
    if password.len() > MAX_BYTES || hasher().verify_password(password.as_bytes(), &parsed).is_err() {
        return Verdict::Wrong;
    }
    let today = Params::default();
    let old = Params::try_from(&parsed).map_or(true, |params| {
        params.m_cost() < today.m_cost()
            || params.t_cost() < today.t_cost()
            || params.p_cost() < today.p_cost()
    });
    if old || parsed.algorithm != Algorithm::Argon2id.ident() {
        Verdict::RightButOld
    } else {
        Verdict::Right
    }
}

/// Bytes of a guest hash's salt: 16 characters once written. Every libc reads no more of it
/// (crypt(5)), so a longer one, as the crate's own, makes a hash that no guest accepts.
const GUEST_SALT: usize = 12;

/// Hash for a guest's account (`$6$…`, SHA-512 crypt: what `/etc/shadow` of every image reads).
///
/// # Errors
/// [`Error::Internal`] if the system gives no randomness.
pub fn guest_hash(password: &str) -> Result<String> {
    let mut salt = [0u8; GUEST_SALT];
    getrandom::fill(&mut salt).map_err(|error| Error::Internal(format!("no randomness: {error}")))?;
    sha_crypt::ShaCrypt::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map(|hash| hash.as_str().to_owned())
        .map_err(|error| Error::Internal(format!("hashing a guest's password: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = hash("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(verify("correct horse battery", &hash), Verdict::Right);
        assert_eq!(verify("correct horse batterz", &hash), Verdict::Wrong);
        assert_eq!(verify("correct horse battery", "not a hash"), Verdict::Wrong);
    }

    #[test]
    fn a_weaker_hash_is_right_but_old() {
        let params = Params::new(8 * 1024, 1, 1, None).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = weak.hash_password(b"correct horse").unwrap().to_string();
        assert_eq!(verify("correct horse", &hash), Verdict::RightButOld);
    }

    #[test]
    fn strength_says_why() {
        assert_eq!(
            strength("kurz", &[]).refusal.as_deref(),
            Some("at least 8 characters")
        );
        assert!(strength("password1", &[]).refusal.is_some());
        assert!(strength("alice-twarga", &["alice-twarga"]).refusal.is_some());
        assert_eq!(strength("tall ginger otter sings", &["alice"]).refusal, None);
        assert!(strength(&"x9Q!".repeat(400), &[]).refusal.is_some());
    }

    #[test]
    fn a_guest_hash_is_sha512_crypt_with_a_salt_that_a_libc_reads_whole() {
        let hash = guest_hash("tall ginger otter").unwrap();
        let fields: Vec<&str> = hash.split('$').collect();
        assert_eq!((fields[1], fields[2]), ("6", "rounds=5000"), "{hash}");
        assert_eq!(fields[3].len(), 16, "{hash}");
        assert_ne!(hash, guest_hash("tall ginger otter").unwrap(), "salted");
    }
}
