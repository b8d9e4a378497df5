//! Digests of images, as publishers print them: hexadecimal, told apart by their length.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A digest of known length.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512([u8; 64]),
}

impl Digest {
    /// From 64 or 128 hexadecimal digits, either case; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        match text.len() {
            64 => bytes(text).map(Self::Sha256),
            128 => bytes(text).map(Self::Sha512),
            _ => None,
        }
    }

    /// The algorithm's name: `sha256`, `sha512`.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::Sha512(_) => "sha512",
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }

    /// Hexadecimal, lower case.
    pub fn to_hex(self) -> String {
        self.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut found = [0; N];
    for (byte, pair) in found.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(found)
}

/// `sha256:68656c6c…`
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.to_hex())
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
        let named = text.split_once(':');
        let digest = named.and_then(|(algorithm, hex)| {
            Self::from_hex(hex).filter(|digest| digest.algorithm() == algorithm)
        });
        digest.ok_or_else(|| serde::de::Error::custom("no digest: `sha256:` or `sha512:` and its digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_length_says_which_digest_it_is() {
        let zeros = |count| Digest::from_hex(&"0".repeat(count));
        assert_eq!(zeros(64), Some(Digest::Sha256([0; 32])));
        assert_eq!(zeros(128), Some(Digest::Sha512([0; 64])));
        for count in [0, 1, 40, 63, 65, 96, 127, 129] {
            assert_eq!(zeros(count), None, "{count}");
        }
        assert_eq!(Digest::from_hex(&"g".repeat(64)), None);
        assert_eq!(Digest::from_hex(&"é".repeat(32)), None, "64 bytes, no digits");
    }

    #[test]
    fn a_stored_digest_must_be_what_it_is_called() {
        let hex = "0a".repeat(32);
        let read = |text: String| serde_json::from_value::<Digest>(text.into());
        assert_eq!(read(format!("sha256:{hex}")).unwrap(), Digest::Sha256([10; 32]));
        for text in [hex.clone(), format!("sha512:{hex}"), format!("md5:{hex}")] {
            assert!(read(text).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_digest_comes_back_from_its_digits(bytes in any::<[u8; 32]>(), upper in any::<bool>()) {
            let digest = Digest::Sha256(bytes);
            let hex = digest.to_hex();
            let hex = if upper { hex.to_uppercase() } else { hex };
            prop_assert_eq!(Digest::from_hex(&hex), Some(digest));
            let json = serde_json::to_string(&digest).unwrap();
            prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            Digest::from_hex(&text);
        }
    }
}
