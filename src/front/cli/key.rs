//! One's own SSH keys.

use super::arguments::KeyCommand;
use super::failure::Failure;
use super::output::{Align, Table, moment};
use super::shape::{KeyShape, RemovedKeyShape};
use super::{Cli, files, prompt};
use crate::core::{Ctx, Origin};
use crate::model::SshKey;
use crate::model::ssh_key::{self, Checked};
use crate::model::text::visible_within;
use std::path::{Path, PathBuf};

/// Most bytes of a file or a paste: an `authorized_keys` file of a few hundred keys.
const LIMIT: u64 = 64 * 1024;
/// Most keys that are offered on a terminal.
const MOST_OFFERED: usize = 20;

/// `twarga key`
pub async fn run(cli: &mut Cli, command: KeyCommand) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    match command {
        KeyCommand::Add { file, name } => {
            let text = match file {
                Some(file) => {
                    let instead = "paste the key on standard input";
                    let text = files::named(cli.source.origin, "--file", &file, LIMIT, instead)?;
                    public(text)
                        .map_err(|reason| Failure::Usage(format!("--file {}: {reason}", file.display())))?
                }
                None if cli.output.streams().input_is_terminal => ask(cli, &ctx).await?,
                None => prompt::all_of_input(LIMIT).await?,
            };
            add(cli, &ctx, &text, name.as_deref()).await
        }
        KeyCommand::List => list(cli, &ctx).await,
        KeyCommand::Remove { which } => remove(cli, &ctx, &which).await,
    }
}

async fn add(cli: &mut Cli, ctx: &Ctx, text: &str, name: Option<&str>) -> Result<(), Failure> {
    let added = cli.core.add_ssh_keys(ctx, text, name).await?;
    let shapes: Vec<_> = added.iter().map(KeyShape::from).collect();
    cli.output.result(&shapes, |page| {
        for key in &added {
            page.line(&format!(
                "key {} is added: {} {} {}",
                key.id,
                key.kind(),
                key.fingerprint,
                key.name
            ));
        }
    })
}

async fn list(cli: &mut Cli, ctx: &Ctx) -> Result<(), Failure> {
    let keys = cli.core.ssh_keys(ctx).await?;
    let shapes: Vec<_> = keys.iter().map(KeyShape::from).collect();
    cli.output.result(&shapes, |page| {
        let mut table = Table::new(&[
            ("ID", Align::Right),
            ("NAME", Align::Left),
            ("KIND", Align::Left),
            ("FINGERPRINT", Align::Left),
            ("ADDED", Align::Left),
        ]);
        for key in &keys {
            table.push([
                key.id.to_string(),
                key.name.clone(),
                key.kind(),
                key.fingerprint.clone(),
                moment(key.created_at),
            ]);
        }
        page.table(&table, "no keys; `twarga key add` adds one");
    })
}

async fn remove(cli: &mut Cli, ctx: &Ctx, which: &str) -> Result<(), Failure> {
    let key = cli.core.remove_ssh_key(ctx, which).await?;
    let shape = RemovedKeyShape {
        removed: key.id.0,
        fingerprint: key.fingerprint.clone(),
    };
    cli.output.result(&shape, |page| {
        page.line(&format!(
            "{} {} is removed; machines that were made with it still let it in",
            key.name, key.fingerprint
        ))
    })
}

/// The text of a file of keys.
///
/// # Errors
/// Why there is none, in words.
fn read(path: &Path) -> Result<String, String> {
    public(files::read(path, LIMIT)?)
}

/// The text, if it is no private key.
fn public(text: String) -> Result<String, String> {
    match text.contains("PRIVATE KEY-----") {
        true => {
            Err("this is the private key; name its public half (usually the same name with .pub)".to_owned())
        }
        false => Ok(text),
    }
}

/// Public keys given as text, or the lines of a file of such.
///
/// # Errors
/// Those of [`files::named`]; [`Failure::Usage`] if there is none in it.
pub(super) fn given(origin: Origin, flag: &str, given: &str) -> Result<Vec<String>, Failure> {
    if ssh_key::looks_like_a_key(given) {
        return Ok(vec![given.to_owned()]);
    }
    let refuse = |reason| Failure::Usage(format!("{flag} {given}: {reason}"));
    let text = files::named(origin, flag, Path::new(given), LIMIT, "give the key itself")?;
    let text = public(text).map_err(refuse)?;
    let keys: Vec<_> = ssh_key::lines(&text).map(str::to_owned).collect();
    if keys.is_empty() {
        return Err(refuse("there is no key in it".to_owned()));
    }
    Ok(keys)
}

/// A key that lies in the user's folder.
struct Offer {
    file: PathBuf,
    key: Checked,
}

/// Asks on the terminal: for the keys that lie in the user's folder, or for a pasted one.
async fn ask(cli: &mut Cli, ctx: &Ctx) -> Result<String, Failure> {
    let had = cli.core.ssh_keys(ctx).await?;
    let offers = match (cli.source.origin, &cli.ssh_folder) {
        (Origin::Local, Some(folder)) => offers(folder, &had),
        _ => Vec::new(),
    };
    for (number, Offer { file, key }) in (1..).zip(&offers) {
        let file = file.file_name().unwrap_or_default().to_string_lossy();
        let line = format!(
            "{number:3}  {:<9}  {}  {}  ~/.ssh/{file}",
            key.kind(),
            key.fingerprint(),
            key.comment()
        );
        cli.output.note(&visible_within(&line, 200));
    }
    let question = match offers.len() {
        0 => "Paste a public key: ",
        _ => "Which (numbers, `all`), or paste a public key: ",
    };
    let instead = "there is no terminal to ask on: pipe the key in";
    let answer = prompt::line(&mut cli.output, question, instead).await?;
    choice(&answer, &offers)
}

/// The keys in a folder's `*.pub` that can be added and are not among those one has.
fn offers(folder: &Path, had: &[SshKey]) -> Vec<Offer> {
    // A folder that cannot be read has nothing to offer; pasting goes on.
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        // Something else than a file may never end, or never answer.
        .filter(|path| path.extension().is_some_and(|it| it == "pub") && path.is_file())
        .collect();
    files.sort();
    let mut offers: Vec<Offer> = Vec::new();
    for file in files {
        let Some(key) = read(&file).ok().and_then(|text| ssh_key::inspect(&text).ok()) else {
            continue;
        };
        let print = key.fingerprint();
        let is_known = had.iter().any(|it| it.fingerprint == print)
            || offers.iter().any(|it| it.key.fingerprint() == print);
        if !is_known {
            offers.push(Offer { file, key });
        }
    }
    offers.truncate(MOST_OFFERED);
    offers
}

/// What an answer stands for: the lines of keys.
fn choice(answer: &str, offers: &[Offer]) -> Result<String, Failure> {
    let answer = answer.trim();
    let refuse = |sentence: String| Err(Failure::Usage(sentence));
    let lines = |chosen: &[&Offer]| {
        let lines: Vec<_> = chosen.iter().map(|it| it.key.line()).collect();
        lines.join("\n")
    };
    if answer.is_empty() {
        return refuse("no key was chosen; nothing was changed".to_owned());
    }
    if answer == "all" && !offers.is_empty() {
        return Ok(lines(&offers.iter().collect::<Vec<_>>()));
    }
    let words = answer.split([' ', ',']).filter(|word| !word.is_empty());
    let Ok(numbers) = words.map(str::parse::<usize>).collect::<Result<Vec<_>, _>>() else {
        // Not numbers: a paste, which the core judges.
        return Ok(answer.to_owned());
    };
    let mut chosen = Vec::new();
    for number in numbers {
        match number.checked_sub(1).and_then(|index| offers.get(index)) {
            Some(offer) => chosen.push(offer),
            None => return refuse(format!("there is no {number} above; nothing was changed")),
        }
    }
    Ok(lines(&chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Vec<String>, Failure> {
        given(Origin::Local, "--ssh-key", text)
    }

    #[test]
    fn a_key_is_given_as_text_or_in_a_file() {
        let text = "ssh-ed25519 AAAA alice";
        assert_eq!(keys(text).unwrap(), [text]);
        assert_eq!(given(Origin::Tenant, "--ssh-key", text).unwrap(), [text]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.pub");
        std::fs::write(&file, "# mine\nssh-ed25519 AAAA a\n\nssh-ed25519 BBBB b\n").unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(keys(file).unwrap().len(), 2);
        assert_eq!(given(Origin::Tenant, "--ssh-key", file).unwrap_err().code(), 4);
    }

    #[test]
    fn a_private_key_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("id_ed25519");
        std::fs::write(&file, "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n").unwrap();
        let refusal = keys(file.to_str().unwrap()).unwrap_err();
        assert_eq!(refusal.code(), 2);
        assert!(refusal.to_string().contains(".pub"), "{refusal}");
    }
}
