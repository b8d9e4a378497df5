//! Credits.

use super::Cli;
use super::arguments::CreditsCommand;
use super::failure::{self, Failure};
use super::output::{Align, Table, moment, span};
use super::shape::{AdjustedShape, EntryShape, LedgerShape, PurseShape};
use crate::core::{Ctx, Purse, StatementQuery};
use crate::model::{Credits, Entry};

/// `twarga credits`
pub async fn run(cli: &mut Cli, command: CreditsCommand) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    match command {
        CreditsCommand::Show { username } => show(cli, &ctx, username.as_deref()).await,
        CreditsCommand::Statement {
            username,
            all,
            kind,
            limit,
            csv,
        } => {
            let query = StatementQuery {
                username,
                everybody: all,
                kind,
                limit,
                ..StatementQuery::default()
            };
            let entries = cli.core.statement(&ctx, query).await?;
            let shapes: Vec<_> = entries.iter().map(EntryShape::from).collect();
            cli.output.result(&shapes, |page| match csv {
                true => entries_csv(&entries).iter().for_each(|line| page.line(line)),
                false => page.table(&statement_table(&entries, all), "no entries"),
            })
        }
        CreditsCommand::Adjust {
            usernames,
            by,
            reason,
        } => {
            let adjusted = cli.core.adjust_credits(&ctx, usernames, by, &reason).await?;
            let shapes: Vec<_> = adjusted
                .iter()
                .map(|(user, balance)| AdjustedShape {
                    user: user.username.to_string(),
                    balance: *balance,
                })
                .collect();
            cli.output.result(&shapes, |page| {
                for (user, balance) in &adjusted {
                    page.line(&format!("{} has {balance} credits", user.username));
                }
            })
        }
        CreditsCommand::Verify => verify(cli, &ctx).await,
    }
}

async fn show(cli: &mut Cli, ctx: &Ctx, username: Option<&str>) -> Result<(), Failure> {
    // What machines cost is known once libvirt has said which are on.
    cli.settled(ctx).await?;
    let (user, purse) = cli.core.purse(ctx, username).await?;
    let (now, free) = (cli.now(), cli.core.prices().is_none());
    cli.output.result(&PurseShape::new(&user, &purse, now), |page| {
        if free {
            page.line("credits are switched off: nothing costs anything");
        } else {
            page.line(&format!("{} has {} credits", user.username, purse.balance));
            page.line(&forecast(&purse, now));
        }
    })
}

fn forecast(purse: &Purse, now: jiff::Timestamp) -> String {
    match (purse.lasts(), purse.empty_at(now)) {
        (Some(lasts), Some(at)) => format!(
            "{} an hour; they last {} (until {})",
            purse.rate.per_hour(),
            span(lasts.as_secs()),
            moment(at)
        ),
        (Some(_), None) => format!("{} an hour; they last for ages", purse.rate.per_hour()),
        (None, _) => "no machine that costs anything is on".to_owned(),
    }
}

fn statement_table(entries: &[Entry], all: bool) -> Table {
    let mut heads = vec![
        ("ID", Align::Right),
        ("TIME", Align::Left),
        ("KIND", Align::Left),
        ("AMOUNT", Align::Right),
        ("WAIVED", Align::Right),
        ("MACHINE", Align::Left),
        ("WHY", Align::Left),
    ];
    if all {
        heads.insert(2, ("USER", Align::Left));
    }
    let mut table = Table::new(&heads);
    for entry in entries {
        let mut cells = vec![
            entry.id.to_string(),
            moment(entry.time),
            entry.kind.to_string(),
            signed(entry.amount),
            match entry.waived {
                Credits::ZERO => String::new(),
                waived => waived.to_string(),
            },
            entry.vm_name.clone().unwrap_or_default(),
            why(entry),
        ];
        if all {
            cells.insert(2, entry.username.clone());
        }
        table.push(cells);
    }
    table
}

/// Amounts with their sign: `+500`, `-0.2`.
fn signed(amount: Credits) -> String {
    match amount {
        Credits::ZERO => String::new(),
        amount if amount > Credits::ZERO => format!("+{amount}"),
        amount => amount.to_string(),
    }
}

fn why(entry: &Entry) -> String {
    let by = entry
        .actor
        .as_ref()
        .map(|actor| format!(" ({actor})"))
        .unwrap_or_default();
    match (&entry.reason, entry.period) {
        (Some(reason), _) => format!("{reason}{by}"),
        (None, Some((from, to))) => format!("ran {}", span(to.duration_since(from).as_secs())),
        (None, None) => by.trim().to_owned(),
    }
}

/// RFC 4180, and safe for spreadsheets: a text that begins like a formula is quoted with an
/// apostrophe.
fn entries_csv(entries: &[Entry]) -> Vec<String> {
    let text = |text: &str| {
        let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let guard = if formula { "'" } else { "" };
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    };
    let time = |time: Option<jiff::Timestamp>| time.map(|it| it.to_string()).unwrap_or_default();
    let head = "id,time,user,kind,amount,waived,machine,from,to,by,reason".to_owned();
    let rows = entries.iter().map(|entry| {
        let optional = |it: &Option<String>| it.as_deref().map(text).unwrap_or_default();
        [
            entry.id.to_string(),
            entry.time.to_string(),
            text(&entry.username),
            entry.kind.to_string(),
            entry.amount.to_string(),
            entry.waived.to_string(),
            optional(&entry.vm_name),
            time(entry.period.map(|it| it.0)),
            time(entry.period.map(|it| it.1)),
            optional(&entry.actor),
            optional(&entry.reason),
        ]
        .join(",")
    });
    std::iter::once(head).chain(rows).collect()
}

async fn verify(cli: &mut Cli, ctx: &Ctx) -> Result<(), Failure> {
    let report = cli.core.verify_ledger(ctx).await?;
    cli.output.result(&LedgerShape::from(&report), |page| {
        page.line(&format!("{} entries", report.entries));
        for (user, kept, sum) in &report.wrong {
            page.line(&format!(
                "user {user}: {kept} are kept, the entries come to {sum}"
            ));
        }
        if report.doubled > 0 {
            page.line(&format!("{} spans are charged twice", report.doubled));
        }
    })?;
    if report.is_sound() {
        return Ok(());
    }
    Err(Failure::Partial {
        code: failure::code::OTHER,
        kind: "ledger_unsound",
        sentence: "the ledger is not sound".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EntryKind, UserId};

    #[test]
    fn values_are_quoted_and_formulas_defused() {
        let entry = Entry {
            id: 7,
            time: jiff::Timestamp::UNIX_EPOCH,
            user: UserId(1),
            username: "alice".to_owned(),
            kind: EntryKind::Adjustment,
            amount: Credits(-1_500),
            waived: Credits::ZERO,
            vm: None,
            vm_name: None,
            period: None,
            actor: Some("admin".to_owned()),
            reason: Some("=cmd(\"x\"), done".to_owned()),
        };
        assert_eq!(
            entries_csv(&[entry])[1],
            "7,1970-01-01T00:00:00Z,\"alice\",adjustment,-1.5,0,,,,\"admin\",\"'=cmd(\"\"x\"\"), done\""
        );
    }
}
