//! Publishers' lists of digests. Four forms are in use:
//!
//! ```text
//! 68656c6c…  name            GNU's, with two spaces, or ` *` for binary (Ubuntu, Debian, openSUSE)
//! SHA256 (name) = 68656c6c…  BSD's (CentOS, Rocky, AlmaLinux, Fedora)
//! 68656c6c…                  one file's digest alone (Alpine)
//! -----BEGIN PGP SIGNED …    any of them inside a clear-signed envelope (Fedora)
//! ```
//!
//! This only reads. Whether the list is to be believed is the caller's matter: who checked a
//! clear signature gives [`Sums::parse`] what the checker printed, or the envelope itself, whose
//! inside is all that counts then.

use crate::model::Digest;
use crate::model::text::visible_within;
use std::collections::HashMap;

/// Longest list, bytes. The longest one known has 60 KiB.
pub const MAX_SUMS: usize = 4 << 20;

const BEGIN_MESSAGE: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";

/// A list of digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Of files that have a name.
    named: HashMap<String, Named>,
    /// Of the file that the list goes with.
    alone: Option<Digest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Named {
    digest: Digest,
    /// Another line disagrees: none of them is believed.
    disputed: bool,
}

/// A line of a list.
enum Line<'a> {
    Nothing,
    Named(&'a str, Digest),
    Alone(Digest),
}

impl Sums {
    /// Reads a list. Lines of other digests (MD5, SHA-1) and comments are passed over.
    ///
    /// # Errors
    /// In words: it is too long, no text, its envelope is broken, a line has a digest of a wrong
    /// length, or it has no digest at all.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_SUMS {
            return Err(format!(
                "the list of digests is longer than {} MiB",
                MAX_SUMS >> 20
            ));
        }
        let text =
            std::str::from_utf8(bytes).map_err(|_| "the list of digests is no UTF-8 text".to_owned())?;
        let mut sums = Self::default();
        for line in inside(text)?.lines() {
            match read(line.trim_end())? {
                Line::Nothing => {}
                Line::Named(name, digest) => sums.add(name, digest),
                Line::Alone(digest) if sums.alone.is_none_or(|it| it == digest) => {
                    sums.alone = Some(digest);
                }
                Line::Alone(_) => return Err("the list has two digests without a name".to_owned()),
            }
        }
        if sums.named.is_empty() && sums.alone.is_none() {
            return Err("the list has no SHA-256 and no SHA-512 digest".to_owned());
        }
        Ok(sums)
    }

    /// The digest of the file called `name`.
    ///
    /// `own` says that the list was published for this file alone (`NAME.sha256`): such a list may
    /// have no name, or the name that the file had before "latest" pointed at it.
    ///
    /// # Errors
    /// In words: it has none, or two that differ.
    pub fn digest_of(&self, name: &str, own: bool) -> Result<Digest, String> {
        let shown = visible_within(name, 100);
        let found = self.named.get(name).or_else(|| self.only().filter(|_| own));
        match found {
            Some(named) if named.disputed => Err(format!("the list has two digests of {shown}")),
            Some(named) => Ok(named.digest),
            None => (self.alone.filter(|_| own)).ok_or_else(|| format!("the list has no digest of {shown}")),
        }
    }

    /// The one entry of a list that has no other.
    fn only(&self) -> Option<&Named> {
        let mut entries = self.named.values();
        entries
            .next()
            .filter(|_| entries.next().is_none() && self.alone.is_none())
    }

    fn add(&mut self, name: &str, digest: Digest) {
        // `./name` and `name` are one file; a folder is another.
        let name = name.strip_prefix("./").unwrap_or(name);
        let entry = (self.named.entry(name.to_owned())).or_insert(Named {
            digest,
            disputed: false,
        });
        // A list may have both lengths of one file: the longer counts.
        match (entry.digest, digest) {
            (Digest::Sha256(_), Digest::Sha512(_)) => entry.digest = digest,
            (Digest::Sha512(_), Digest::Sha256(_)) => {}
            (known, digest) => entry.disputed |= known != digest,
        }
    }
}

/// What a clear-signed envelope holds; a text without one is itself.
fn inside(text: &str) -> Result<String, String> {
    let mut lines = text.lines().map(str::trim_end);
    if !text.lines().any(|line| line.trim_end() == BEGIN_MESSAGE) {
        return Ok(text.to_owned());
    }
    if lines.next() != Some(BEGIN_MESSAGE) {
        return Err("something stands before the list's signed part".to_owned());
    }
    // Armor headers (`Hash: SHA256`) end with an empty line.
    let mut signed = String::with_capacity(text.len());
    for line in lines.by_ref().skip_while(|line| !line.is_empty()).skip(1) {
        if line == BEGIN_SIGNATURE {
            return Ok(signed);
        }
        if line == BEGIN_MESSAGE {
            break;
        }
        signed.push_str(line.strip_prefix("- ").unwrap_or(line));
        signed.push('\n');
    }
    Err("the list's signed part does not end".to_owned())
}

fn read(line: &str) -> Result<Line<'_>, String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(Line::Nothing);
    }
    if let Some((algorithm, rest)) = line.split_once(" (") {
        return bsd(algorithm, rest);
    }
    let (hex, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    if !hex.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(Line::Nothing);
    }
    let name = rest.trim_start_matches([' ', '\t']);
    let name = name.strip_prefix('*').unwrap_or(name);
    match hex.parse::<Digest>().ok() {
        Some(digest) if name.is_empty() => Ok(Line::Alone(digest)),
        Some(digest) => Ok(Line::Named(name, digest)),
        // MD5, SHA-1, SHA-224, SHA-384: true digests, and not what is looked for.
        None if matches!(hex.len(), 32 | 40 | 56 | 96) => Ok(Line::Nothing),
        None => Err(format!("a digest of the list has {} digits", hex.len())),
    }
}

/// `SHA256 (name) = digest`, after the first ` (`.
fn bsd<'a>(algorithm: &str, rest: &'a str) -> Result<Line<'a>, String> {
    let (wanted, digits) = match algorithm {
        "SHA256" => ("sha256", 64),
        "SHA512" => ("sha512", 128),
        _ => return Ok(Line::Nothing),
    };
    let Some((name, hex)) = rest.rsplit_once(") = ") else {
        return Ok(Line::Nothing);
    };
    let digest = hex
        .parse::<Digest>()
        .ok()
        .filter(|digest| digest.algorithm() == wanted);
    let digest = digest.ok_or_else(|| {
        let shown = visible_within(name, 100);
        format!("the list's {algorithm} digest of {shown} is not {digits} hexadecimal digits")
    })?;
    Ok(Line::Named(name, digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(byte: u8) -> String {
        format!("{byte:02x}").repeat(32)
    }

    fn of(list: &str, name: &str) -> Result<Digest, String> {
        Sums::parse(list.as_bytes())?.digest_of(name, false)
    }

    fn sha256(byte: u8) -> Result<Digest, String> {
        Ok(Digest::Sha256([byte; 32]))
    }

    #[test]
    fn gnu_lists_are_read() {
        let list = format!("{} *a.img\n{}  b.img\r\n{}\t./c d.img\n", hex(1), hex(2), hex(3));
        assert_eq!(of(&list, "a.img"), sha256(1));
        assert_eq!(of(&list, "b.img"), sha256(2));
        assert_eq!(of(&list, "c d.img"), sha256(3));
        assert!(of(&list, "img").unwrap_err().contains("no digest of img"));
        let long = format!("{}  a.qcow2\n", "05".repeat(64));
        assert_eq!(of(&long, "a.qcow2"), Ok(Digest::Sha512([5; 64])));
    }

    #[test]
    fn bsd_lists_are_read() {
        let list = format!(
            "# a (1).qcow2: 645988352 bytes\nMD5 (a (1).qcow2) = 00\nSHA256 (a (1).qcow2) = {}\n",
            hex(7)
        );
        assert_eq!(of(&list, "a (1).qcow2"), sha256(7));
    }

    #[test]
    fn of_a_clear_signed_list_only_the_signed_part_counts() {
        let envelope = |signed: &str| {
            format!(
                "{BEGIN_MESSAGE}\nHash: SHA256\n\n{signed}{BEGIN_SIGNATURE}\n\niQIz\n-----END PGP SIGNATURE-----\n"
            )
        };
        let good = envelope(&format!("# f: 5 bytes\n- SHA256 (f) = {}\n", hex(9)));
        assert_eq!(of(&good, "f"), sha256(9));
        let after = format!("{good}SHA256 (g) = {}\n", hex(8));
        assert!(of(&after, "g").is_err(), "behind the signature");
        let before = format!("SHA256 (g) = {}\n{good}", hex(8));
        assert!(of(&before, "g").unwrap_err().contains("before"));
        let header = good.replace("Hash: SHA256", &format!("SHA256 (g) = {}", hex(8)));
        assert!(of(&header, "g").is_err(), "among the headers");
        let twice = format!("{BEGIN_MESSAGE}\n\nSHA256 (f) = {}\n{good}", hex(8));
        assert!(of(&twice, "f").unwrap_err().contains("does not end"));
        let endless = good.replace(BEGIN_SIGNATURE, "");
        assert!(of(&endless, "f").unwrap_err().contains("does not end"));
    }

    #[test]
    fn a_list_for_one_file_needs_not_its_name() {
        let own = |list: String| Sums::parse(list.as_bytes()).unwrap().digest_of("latest", true);
        assert_eq!(own(hex(4) + "\n"), sha256(4));
        assert_eq!(own(format!("SHA256 (dated) = {}\n", hex(4))), sha256(4));
        let two = format!("{}  a\n{}  b\n", hex(4), hex(5));
        assert!(own(two).is_err(), "which of them?");
        let alone = Sums::parse(hex(4).as_bytes()).unwrap();
        assert!(
            alone.digest_of("latest", false).is_err(),
            "another file's, perhaps"
        );
    }

    #[test]
    fn two_digests_of_one_name_are_refused_unless_they_agree() {
        let two = |a: u8, b: u8| of(&format!("{}  f\nSHA256 (f) = {}\n", hex(a), hex(b)), "f");
        assert_eq!(two(1, 1), sha256(1));
        assert!(two(1, 2).unwrap_err().contains("two digests of f"));
        let third = format!("{}  f\n{}  f\n{}  f\n", hex(1), hex(2), hex(1));
        assert!(of(&third, "f").is_err(), "a dispute stays one");
        assert!(Sums::parse(format!("{}\n{}\n", hex(1), hex(2)).as_bytes()).is_err());
    }

    #[test]
    fn of_both_lengths_the_longer_counts() {
        let long = "05".repeat(64);
        for list in [
            format!("SHA256 (f) = {}\nSHA512 (f) = {long}\n", hex(1)),
            format!("SHA512 (f) = {long}\nSHA256 (f) = {}\n", hex(1)),
        ] {
            assert_eq!(of(&list, "f"), Ok(Digest::Sha512([5; 64])));
        }
    }

    #[test]
    fn broken_lists_are_refused_with_the_reason() {
        let refusal = |list: &str| Sums::parse(list.as_bytes()).unwrap_err();
        assert!(refusal(&format!("{}  f\n", &hex(1)[1..])).contains("63 digits"));
        assert!(refusal(&format!("SHA512 (f) = {}\n", hex(1))).contains("not 128"));
        assert!(refusal(&format!("SHA256 (f\x1b) = {}g\n", hex(1))).contains("of f␛ is not 64"));
        assert!(refusal("<html>404</html>\n").contains("no SHA-256"));
        assert!(refusal("").contains("no SHA-256"));
        let too_long = vec![b'#'; MAX_SUMS + 1];
        assert!(Sums::parse(&too_long).unwrap_err().contains("longer than 4 MiB"));
        assert!(Sums::parse(&[0xff, 0xfe]).unwrap_err().contains("UTF-8"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000), own in any::<bool>()) {
            if let Ok(sums) = Sums::parse(&bytes) {
                let _ = sums.digest_of("f", own);
            }
        }

        #[test]
        fn no_almost_list_makes_it_panic(
            lines in proptest::collection::vec(
                "(SHA256|SHA512|MD5|)?( \\(|[0-9a-f]{0,130}| |\\*|f|\\) = |-----BEGIN PGP SIGN(ED MESSAGE|ATURE)-----|é){0,5}",
                0..8,
            )
        ) {
            if let Ok(sums) = Sums::parse(lines.join("\n").as_bytes()) {
                let _ = sums.digest_of("f", true);
            }
        }

        #[test]
        fn what_was_written_is_found(bytes in any::<[u8; 32]>(), name in "[a-zA-Z0-9._+-]{1,40}", form in 0..3) {
            let digest = Digest::Sha256(bytes);
            let line = match form {
                0 => format!("{}  {name}", digest.to_hex()),
                1 => format!("{} *{name}", digest.to_hex()),
                _ => format!("SHA256 ({name}) = {}", digest.to_hex()),
            };
            prop_assert_eq!(of(&line, &name), Ok(digest));
        }
    }
}
