//! Session tokens: JWTs pinned to HMAC-SHA-256. A token only names a session; the session's row
//! decides whether it is alive.

use crate::core::{Error, Result};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const ISSUER: &str = "twarga";
/// Clocks of one host agree; this much leeway is for a leap or a small correction.
const LEEWAY_SECONDS: i64 = 30;

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The user's row, as text (RFC 7519).
    pub sub: String,
    /// The session.
    pub jti: Uuid,
    nbf: i64,
    exp: i64,
}

/// Signs and reads the tokens of one state directory.
pub struct Tokens {
    audience: String,
    signing: EncodingKey,
    /// Newest first; the first belongs to `signing`. Older ones are read until their tokens end.
    reading: Vec<DecodingKey>,
}

impl Tokens {
    /// Tokens for `instance` under `keys`, newest first. At least one key.
    pub fn new(instance: Uuid, keys: &[Vec<u8>]) -> Option<Self> {
        Some(Self {
            audience: instance.to_string(),
            signing: EncodingKey::from_secret(keys.first()?),
            reading: keys.iter().map(|key| DecodingKey::from_secret(key)).collect(),
        })
    }

    /// A token for a session.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be signed.
    pub fn issue(&self, user: i64, session: Uuid, now: Timestamp, expires: Timestamp) -> Result<String> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: self.audience.clone(),
            sub: user.to_string(),
            jti: session,
            nbf: now.as_second(),
            exp: expires.as_second(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(|error| Error::Internal(format!("signing a token: {error}")))
    }

    /// What a token says, if it is ours and its time is now.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`].
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Claims> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The times are held to the clock that the core was given, below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = self
            .reading
            .iter()
            .find_map(|key| jsonwebtoken::decode::<Claims>(token, key, &validation).ok())
            .ok_or(Error::NotSignedIn("the token is not one of this instance"))?
            .claims;
        if now.as_second() < claims.nbf - LEEWAY_SECONDS {
            return Err(Error::NotSignedIn(
                "the token is from the future: check the clock",
            ));
        }
        if now.as_second() >= claims.exp {
            return Err(Error::NotSignedIn("the session has expired"));
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_good_for_its_time_its_instance_and_its_key() {
        let instance = Uuid::from_u128(1);
        let session = Uuid::from_u128(7);
        let old = Tokens::new(instance, &[b"old key".to_vec()]).unwrap();
        let token = old.issue(42, session, at(1000), at(2000)).unwrap();

        assert_eq!(old.read(&token, at(1500)).unwrap().jti, session);
        assert_eq!(old.read(&token, at(1500)).unwrap().sub, "42");
        assert!(old.read(&token, at(2000)).is_err(), "expired");
        assert!(old.read(&token, at(900)).is_err(), "not yet");

        let rotated = Tokens::new(instance, &[b"new key".to_vec(), b"old key".to_vec()]).unwrap();
        assert!(
            rotated.read(&token, at(1500)).is_ok(),
            "an older key is still read"
        );
        let foreign = Tokens::new(Uuid::from_u128(2), &[b"old key".to_vec()]).unwrap();
        assert!(foreign.read(&token, at(1500)).is_err(), "another instance's");
    }

    #[test]
    fn another_algorithm_is_refused() {
        let instance = Uuid::from_u128(1);
        let tokens = Tokens::new(instance, &[b"key".to_vec()]).unwrap();
        let claims = serde_json::json!({
            "iss": "twarga", "aud": instance.to_string(), "sub": "1",
            "jti": Uuid::from_u128(7), "nbf": 1000, "exp": 2000,
        });
        let header = Header::new(Algorithm::HS512);
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(b"key")).unwrap();
        assert!(tokens.read(&token, at(1500)).is_err());
        let good = jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &EncodingKey::from_secret(b"key"),
        );
        assert!(tokens.read(&good.unwrap(), at(1500)).is_ok());
        let [_, body, _] = token.split('.').collect::<Vec<_>>()[..] else {
            panic!("three parts")
        };
        assert!(
            tokens
                .read(&format!("eyJhbGciOiJub25lIn0.{body}."), at(1500))
                .is_err(),
            "alg none"
        );
    }
}
