//! Checking what a guest's first boot shall do.

use crate::core::seed;
use crate::model::{Field, FieldError, Image, ImageKind, Provision, text};
use jiff::tz;

/// Most packages and commands.
const MAX_ENTRIES: usize = 100;
/// Longest name of a package, a locale or a time zone, bytes.
const MAX_NAME: usize = 100;
/// Longest command, and all of them together, bytes.
const MAX_COMMAND: usize = 4 * 1024;
const MAX_COMMANDS: usize = 16 * 1024;

type Check = Result<(), FieldError>;

/// Everything that would be refused; pure. `name` is the machine's.
pub fn problems(provision: &Provision, name: &str, image: Option<&Image>) -> Vec<FieldError> {
    let counts = [
        (Field::Package, provision.packages.len()),
        (Field::Command, provision.commands.len()),
    ];
    let counts = counts.map(|(field, count)| match count > MAX_ENTRIES {
        true => Err(FieldError::new(field, format!("at most {MAX_ENTRIES}"))),
        false => Ok(()),
    });
    let singles = [
        provision.locale.as_deref().map(check_locale),
        provision.timezone.as_deref().map(check_zone_name),
        provision.user_data.as_deref().map(|it| check_document(it, name)),
        Some(check_commands(&provision.commands)),
    ];
    let packages = provision.packages.iter().map(|it| check_package(it));
    counts
        .into_iter()
        .chain(singles.into_iter().flatten())
        .chain(packages)
        .filter_map(Result::err)
        .chain(for_nobody(provision, image))
        .collect()
}

/// The tiny guest has no cloud-init: what it would not do is refused.
fn for_nobody(provision: &Provision, image: Option<&Image>) -> Vec<FieldError> {
    let Some(image) = image.filter(|it| it.kind == ImageKind::Kernel) else {
        return Vec::new();
    };
    let asked = [
        (Field::Locale, provision.locale.is_some()),
        (Field::Timezone, provision.timezone.is_some()),
        (Field::Package, !provision.packages.is_empty()),
        (Field::Command, !provision.commands.is_empty()),
        (Field::UserData, provision.user_data.is_some()),
    ];
    let refuse = |field| {
        FieldError::new(
            field,
            format!("{} has no cloud-init; choose another image", image.id),
        )
    };
    let asked = asked.into_iter().filter(|(_, is_asked)| *is_asked);
    asked.map(|(field, _)| refuse(field)).collect()
}

/// `de_DE.UTF-8`, `C.UTF-8`, `sr_RS@latin`.
fn check_locale(locale: &str) -> Check {
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let (rest, modifier) = split(locale, '@');
    let (rest, charset) = split(rest, '.');
    let (language, territory) = split(rest, '_');
    let is_language = language.chars().all(|c| c.is_ascii_alphabetic()) && !language.is_empty();
    let parts = [territory, charset, modifier];
    if is_language && locale.len() <= MAX_NAME && parts.into_iter().flatten().all(word) {
        return Ok(());
    }
    Err(FieldError::new(
        Field::Locale,
        "a locale is expected, as de_DE.UTF-8",
    ))
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at)
        .map_or((text, None), |(one, other)| (one, Some(other)))
}

/// The form of a name in the time zone database; whether it is there says [`check_zone`].
fn check_zone_name(zone: &str) -> Check {
    let part = |part: &str| {
        let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
        part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(ok)
    };
    if zone.len() <= MAX_NAME && zone.split('/').all(part) {
        return Ok(());
    }
    Err(FieldError::new(
        Field::Timezone,
        "a time zone is expected, as Europe/Berlin or UTC",
    ))
}

/// Whether this host's time zone database has it. A host without one knows none and judges none.
/// Reads files.
pub fn check_zone(zone: Option<&str>) -> Check {
    let Some(zone) = zone else { return Ok(()) };
    let database = tz::db();
    let is_known = database.get(zone).is_ok() || database.available().next().is_none();
    match is_known {
        true => Ok(()),
        false => {
            let shown = text::visible_within(zone, 40);
            let reason = format!("there is no time zone `{shown}`; see `timedatectl list-timezones`");
            Err(FieldError::new(Field::Timezone, reason))
        }
    }
}

/// What a distribution may call a package, its version or architecture with it: `vim`,
/// `libc6:amd64`, `nginx=1.22.1-9`, `@development-tools`.
fn check_package(name: &str) -> Check {
    let begins = |c: char| c.is_ascii_alphanumeric() || c == '@';
    let other = |c: char| begins(c) || matches!(c, '+' | '-' | '.' | '_' | ':' | '=' | '~' | '^');
    if name.len() <= MAX_NAME && name.starts_with(begins) && name.chars().all(other) {
        return Ok(());
    }
    let shown = text::visible_within(name, 40);
    Err(FieldError::new(
        Field::Package,
        format!("`{shown}` is no package's name"),
    ))
}

fn check_commands(commands: &[String]) -> Check {
    let refuse = |reason: String| Err(FieldError::new(Field::Command, reason));
    for command in commands {
        if command.trim().is_empty() {
            return refuse("an empty command".to_owned());
        }
        if command.len() > MAX_COMMAND {
            return refuse(format!(
                "one is longer than {} KiB; use a document",
                MAX_COMMAND / 1024
            ));
        }
        if command.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return refuse("one has a character that cannot be typed".to_owned());
        }
    }
    if commands.iter().map(String::len).sum::<usize>() > MAX_COMMANDS {
        let most = MAX_COMMANDS / 1024;
        return refuse(format!("together more than {most} KiB; use a document"));
    }
    Ok(())
}

fn check_document(document: &str, name: &str) -> Check {
    match seed::read(document, name) {
        Ok(_) => Ok(()),
        Err(flaw) => Err(FieldError::new(Field::UserData, flaw.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(check: fn(&str) -> Check, values: &[&str]) -> Vec<String> {
        let refused = values.iter().filter(|it| check(it).is_err());
        refused.map(|&it| it.to_owned()).collect()
    }

    #[test]
    fn names_have_their_form() {
        let good = [
            "C",
            "POSIX",
            "C.UTF-8",
            "de_DE.UTF-8",
            "sr_RS@latin",
            "de_DE.ISO-8859-15@euro",
        ];
        assert!(refused(check_locale, &good).is_empty());
        let bad = [
            "",
            "de_",
            "_DE",
            "de DE",
            "de_DE.UTF-8\n",
            "../x",
            "$(reboot)",
            "äö_DE",
        ];
        assert_eq!(refused(check_locale, &bad), bad);

        let good = [
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+5",
            "EST5EDT",
        ];
        assert!(refused(check_zone_name, &good).is_empty());
        let bad = [
            "",
            "/etc/passwd",
            "../x",
            "Europe/",
            "Europe//Berlin",
            "Europe/Be rlin",
            "5",
        ];
        assert_eq!(refused(check_zone_name, &bad), bad);

        let good = [
            "vim",
            "g++",
            "libc6:amd64",
            "nginx=1.22.1-9",
            "@development-tools",
            "0ad",
            "a~b",
        ];
        assert!(refused(check_package, &good).is_empty());
        let bad = ["", "-y", "a b", "a;b", "--help", "a/../b", "ä", "a\n"];
        assert_eq!(refused(check_package, &bad), bad);
    }

    #[test]
    fn a_zone_is_looked_up_where_there_is_a_database() {
        assert!(check_zone(None).is_ok());
        assert!(check_zone(Some("UTC")).is_ok());
        if tz::db().available().next().is_some() {
            let refusal = check_zone(Some("Europe/Atlantis")).unwrap_err();
            assert!(refusal.reason.contains("Europe/Atlantis"), "{refusal}");
        }
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let of = |provision: &Provision| {
            let problems = problems(provision, "web", None);
            problems.into_iter().map(|it| it.field).collect::<Vec<_>>()
        };
        let many = |text: &str, count| vec![text.to_owned(); count];
        let fine = Provision {
            packages: many("vim", 100),
            commands: many(&"x".repeat(160), 100),
            ..Provision::default()
        };
        assert_eq!(of(&fine), []);
        let packages = Provision {
            packages: many("vim", 101),
            ..Provision::default()
        };
        assert_eq!(of(&packages), [Field::Package]);
        for commands in [
            many("x", 101),
            many(&"x".repeat(4097), 1),
            many(&"x".repeat(4096), 5),
            many("a\0", 1),
            many(" ", 1),
        ] {
            let provision = Provision {
                commands,
                ..Provision::default()
            };
            assert_eq!(of(&provision), [Field::Command]);
        }
        let user_data = Some(format!("#!/bin/sh\n{}", "#".repeat(64 * 1024)));
        let provision = Provision {
            user_data,
            ..Provision::default()
        };
        assert_eq!(of(&provision), [Field::UserData]);
    }
}
