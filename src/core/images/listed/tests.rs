use super::*;
use crate::model::Limits;

/// An entry of a document: every line but those that `lines` give.
fn document(lines: &str) -> String {
    format!("[[image]]\nid = \"x\"\ntitle = \"X\"\nformat = \"raw\"\ndefault_user = \"u\"\n{lines}\n")
}

fn one(lines: &str, author: Author) -> Result<Listing, String> {
    read(&document(lines), author).map(|mut listed| listed.images.remove(0))
}

fn refusal(lines: &str) -> String {
    one(lines, Author::Twarga).expect_err(lines)
}

fn offers() -> impl Iterator<Item = &'static Offer> {
    built_in().images.iter().map(|listing| match listing {
        Listing::Elsewhere(offer) => offer,
        Listing::Here(about, _) => panic!("{} lies nowhere", about.id),
    })
}

#[test]
fn the_built_in_document_is_in_form() {
    let text = include_str!("../../../../assets/images.toml");
    let read = read(text, Author::Twarga).unwrap();
    assert_eq!(read.images, built_in().images);
    let most = Limits::default().max_disk_gib;
    for offer in offers() {
        let about = &offer.about;
        let id = &about.id;
        assert!(!offer.trusted_place && offer.url.starts_with("https://"), "{id}");
        assert!(!about.title.is_empty() && !about.version.is_empty(), "{id}");
        assert!((1..=most).contains(&about.min_disk_gib), "{id}");
        assert!(about.architecture.is_some(), "{id}");
        assert!(!about.aliases.is_empty(), "{id}");
        let rolls = about.version == "rolling";
        assert_eq!(about.end_of_life.is_none(), rolls, "{id}");
        let year = about.end_of_life.map_or(2030, |end| end.year());
        assert!((2025..2040).contains(&year), "{id}");
        // cloud-init makes the account; the name must be one that `useradd` takes.
        let user = &about.default_user;
        assert!(user.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{id}");
        let name = offer.file_name();
        let packed = [".xz", ".gz", ".zst"].iter().any(|it| name.ends_with(it));
        assert_eq!(offer.compression != Compression::None, packed, "{id}");
    }
}

#[test]
fn a_pinned_digest_goes_with_an_address_that_never_moves() {
    for offer in offers() {
        let moves = offer.url.contains("latest") || offer.url.contains("/release/");
        assert!(offer.pinned().is_none() || !moves, "{}", offer.about.id);
    }
}

#[test]
fn every_distribution_that_was_asked_for_is_offered() {
    let known = |name: &str| {
        let answers = |it: &&Offer| it.about.id == name || it.about.aliases.iter().any(|it| it == name);
        offers().find(answers).map(|offer| offer.about.id.as_str())
    };
    for (name, id) in [
        ("ubuntu/focal64", "ubuntu-20.04"),
        ("ubuntu/jammy64", "ubuntu-22.04"),
        ("ubuntu/noble64", "ubuntu-24.04"),
        ("ubuntu20", "ubuntu-20.04"),
        ("ubuntu22", "ubuntu-22.04"),
        ("debian/bullseye64", "debian-11"),
        ("debian/bookworm64", "debian-12"),
        ("debian11", "debian-11"),
        ("debian12", "debian-12"),
        ("debian13", "debian-13"),
        ("centos/stream9", "centos-stream-9"),
        ("centos/stream10", "centos-stream-10"),
        ("rocky9", "rocky-9"),
        ("rocky10", "rocky-10"),
        ("alma9", "almalinux-9"),
        ("alma10", "almalinux-10"),
        ("fedora", "fedora-44"),
        ("alpine", "alpine-3.23"),
        ("opensuse", "opensuse-leap-16.0"),
        ("archlinux", "arch"),
    ] {
        assert_eq!(known(name), Some(id), "{name}");
    }
}

#[test]
fn the_dead_say_what_to_take_instead() {
    assert_eq!(
        epitaph("centos7").unwrap(),
        "CentOS 7 ended on 2024-06-30 and gets no security updates; take `centos-stream-9`, \
         `rocky-9` or `almalinux-9`"
    );
    for name in ["centos-7", "centos/7", "centos-8", "centos8", "centos/8"] {
        assert!(epitaph(name).is_some(), "{name}");
    }
    assert_eq!(epitaph("debian-12"), None);
    let ids: HashSet<_> = offers().map(|offer| offer.about.id.clone()).collect();
    let mut names = HashSet::new();
    for dead in &built_in().dead {
        assert!(!dead.instead.is_empty() && dead.instead.iter().all(|id| ids.contains(id)));
        for name in &dead.names {
            let alive = offers().any(|it| it.about.id == *name || it.about.aliases.contains(name));
            assert!(!alive, "{name} is dead");
            assert!(names.insert(name), "{name} is buried twice");
        }
    }
}

#[test]
fn exactly_one_proof_is_taken() {
    let url = "url = \"https://example.org/a.img\"\n";
    let pinned = format!("sha256 = \"{}\"\n", "0a".repeat(32));
    let Listing::Elsewhere(offer) = one(&format!("{url}{pinned}"), Author::Twarga).unwrap() else {
        panic!("it lies elsewhere")
    };
    assert_eq!(offer.pinned(), Some(Digest::Sha256([10; 32])));
    assert_eq!(offer.file_name(), "a.img");
    let sums = "sums = \"https://example.org/SUMS\"\n";
    assert!(refusal(url).contains("give one of"));
    assert!(refusal(&format!("{url}{pinned}{sums}")).contains("only one of"));
    assert!(refusal(&format!("{url}sha256 = \"0a\"")).contains("64 hexadecimal"));
    let short = format!("{url}sha512 = \"{}\"", "0a".repeat(32));
    assert!(refusal(&short).contains("128 hexadecimal"));
    assert!(refusal(&pinned).contains("neither `file` nor `url`"));
    assert!(refusal("file = \"/a.img\"").contains("the operator's own"));
    let both = one(&format!("{url}{pinned}file = \"/a\""), Author::Operator);
    assert!(both.unwrap_err().contains("both `file` and `url`"));
    let needless = one(&format!("{pinned}file = \"/a\""), Author::Operator);
    assert!(needless.unwrap_err().contains("needs no digest"));
    let packed = one("compression = \"xz\"\nfile = \"/a\"", Author::Operator);
    assert!(packed.unwrap_err().contains("unpacked"));
}

#[test]
fn a_signature_is_whole_or_refused() {
    let base = "url = \"https://example.org/a\"\nsums = \"https://example.org/S\"\n";
    let of = |lines: &str| one(&format!("{base}{lines}"), Author::Twarga);
    let says = |lines: &str, words: &str| {
        let reason = of(lines).expect_err(lines);
        assert!(reason.contains(words), "{reason}");
    };
    let (address, keyring) = (
        "signature = \"https://example.org/S.gpg\"\n",
        "keyring = \"/k\"\n",
    );
    assert!(of(&format!("{address}{keyring}signed = \"detached\"")).is_ok());
    assert!(of(&format!("{keyring}signed = \"clear\"")).is_ok());
    says(address, "say whether");
    says(keyring, "say whether");
    says(&format!("{keyring}signed = \"detached\""), "needs the address");
    says(&format!("{address}{keyring}signed = \"clear\""), "no `signature`");
    says("signed = \"clear\"", "whole path");
    says("signed = \"clear\"\nkeyring = \"k\"", "whole path");
    let pinned = format!(
        "url = \"https://a.org/a\"\nsha256 = \"{}\"\n{keyring}",
        "0a".repeat(32)
    );
    assert!(refusal(&pinned).contains("go with `sums`"));
}

#[test]
fn addresses_are_judged_by_whose_document_it_is() {
    let pinned = format!("sha256 = \"{}\"", "0a".repeat(32));
    let at = |url: &str, author| one(&format!("url = {url:?}\n{pinned}"), author);
    for url in [
        "http://example.org/a.img",
        "http://192.168.1.5:8080/a.img",
        "https://localhost/a.img",
        "http://[::1]/a",
    ] {
        let Ok(Listing::Elsewhere(offer)) = at(url, Author::Operator) else {
            panic!("{url} is the operator's word")
        };
        assert!(offer.trusted_place);
        assert!(at(url, Author::Twarga).is_err(), "{url}");
    }
    for url in [
        "",
        "file:///etc/shadow",
        "ftp://example.org/a",
        "https://",
        "https:///a",
        "https://example.org",
        "https://example.org/",
        "https://example.org/a/?b",
        "https://user:word@example.org/a",
        "https://example.org/a#b",
        "https://example.org/a b",
        "https://example.org/\u{202e}a",
    ] {
        assert!(at(url, Author::Operator).is_err(), "{url}");
    }
    let long = format!("https://example.org/{}", "a".repeat(MAX_ADDRESS));
    let reason = at(&long, Author::Operator).unwrap_err();
    assert!(reason.contains("is no address") && reason.len() < 200, "{reason}");
}

#[test]
fn names_are_clean_and_belong_to_one_image() {
    let own = "file = \"/a\"\n";
    let says = |text: String, words: &str| {
        let reason = read(&text, Author::Operator).unwrap_err();
        assert!(reason.contains(words), "{reason}");
    };
    says(
        document(&format!("{own}aliases = [\"x\"]")) + &document(own),
        "named twice",
    );
    says(document(own) + &document(own), "named twice");
    says(document(&format!("{own}aliases = [\"a\", \"a\"]")), "named twice");
    says(
        document(&format!("{own}aliases = [\"tiny\"]")),
        "twarga's own image",
    );
    says(
        document(&format!("{own}aliases = [\"A\\u001b[31m\"]")),
        "`A␛[31m` is no alias",
    );
    says(document(&format!("{own}aliases = [\"a b\"]")), "is no alias");
    says(document(&format!("{own}min_disk_gib = 4096")), "at most 2048");
    says(document(&format!("{own}end_of_life = \"soon\"")), "end_of_life");
    says(document(&format!("{own}kind = \"kernel\"")), "kernel");
    says(
        document(own) + "[[dead]]\nnames = []\nreason = \"\"\ninstead = []\n",
        "`dead` is for",
    );
}
