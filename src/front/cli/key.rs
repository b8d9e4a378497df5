//! One's own SSH keys.

use super::arguments::KeyCommand;
use super::failure::Failure;
use super::output::{Align, Table, moment};
use super::shape::{KeyShape, RemovedKeyShape};
use super::{Cli, prompt};
use crate::core::{self, Ctx, Origin};
use crate::model::SshKey;
use crate::model::ssh_key::{self, Checked};
use crate::model::text::visible_within;
use std::io::Read;
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
                Some(file) => named_file(cli.source.origin, &file)?,
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

/// What stands in a file that was named on the command line.
fn named_file(origin: Origin, file: &Path) -> Result<String, Failure> {
    if origin == Origin::Tenant {
        let sentence = "no files can be named from here: paste the key on standard input";
        return Err(core::Error::NotPermitted(sentence.to_owned()).into());
    }
    read(file).map_err(|reason| Failure::Usage(format!("--file {}: {reason}", file.display())))
}

/// The text of a file of keys.
///
/// # Errors
/// Why there is none, in words.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(LIMIT + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > LIMIT {
        return Err(format!("longer than {} KiB", LIMIT / 1024));
    }
    if text.contains("PRIVATE KEY-----") {
        let reason = "this is the private key; name its public half (usually the same name with .pub)";
        return Err(reason.to_owned());
    }
    Ok(text)
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
