//! Digests of files, as publishers give them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// What a file's bytes must hash to, or do hash to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-256, FIPS 180-4.
    Sha256([u8; 32]),
    /// SHA-512, FIPS 180-4.
    Sha512([u8; 64]),
}

/// A text that is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 (SHA-256) or 128 (SHA-512) hexadecimal digits")]
pub struct NoDigest;

impl Digest {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }

    /// The digits alone, lower case.
    pub fn to_hex(self) -> String {
        self.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Name of the function, as in `sha512:…`.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::Sha512(_) => "sha512",
        }
    }
}

/// Hexadecimal digits in either case, bare or after `sha256:` or `sha512:`; which function it is
/// follows from the length, and a prefix must agree.
impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let (prefix, digits) = match text.split_once(':') {
            Some((prefix, digits)) => (Some(prefix), digits),
            None => (None, text),
        };
        let digest = match digits.len() {
            64 => Self::Sha256(bytes_of(digits)?),
            128 => Self::Sha512(bytes_of(digits)?),
            _ => return Err(NoDigest),
        };
        if prefix.is_some_and(|prefix| prefix != digest.algorithm()) {
            return Err(NoDigest);
        }
        Ok(digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.algorithm())?;
        self.bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn bytes_of<const LENGTH: usize>(digits: &str) -> Result<[u8; LENGTH], NoDigest> {
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Ok(bytes)
}

fn value(digit: u8) -> Result<u8, NoDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(NoDigest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_length_says_which_function_it_is() {
        let short: Digest = "0A".repeat(32).parse().unwrap();
        let long: Digest = "ff".repeat(64).parse().unwrap();
        assert_eq!(short, Digest::Sha256([10; 32]));
        assert_eq!(long, Digest::Sha512([255; 64]));
        assert_eq!(short.to_string(), format!("sha256:{}", "0a".repeat(32)));
    }

    #[test]
    fn a_prefix_must_agree() {
        assert!(format!("sha512:{}", "0a".repeat(32)).parse::<Digest>().is_err());
        assert!(format!("md5:{}", "0a".repeat(16)).parse::<Digest>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(bytes in any::<[u8; 32]>()) {
            let digest = Digest::Sha256(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        }

        #[test]
        fn no_text_is_too_odd(text in any::<String>()) {
            let _ = text.parse::<Digest>();
        }
    }
}
