//! Commands about credits.

use crate::front::cli::shape;
use crate::model::{Credits, EntryKind};
use clap::Subcommand;

/// What to do with credits.
#[derive(Debug, Subcommand)]
pub enum CreditsCommand {
    /// What an account has, what its machines cost, and how long that lasts
    #[command(after_long_help = shape::PURSE_HELP)]
    Show {
        /// Whose; your own without it
        #[arg(value_name = "USER")]
        username: Option<String>,
    },
    /// What credits were given for and spent on, newest first
    #[command(after_long_help = shape::ENTRY_HELP)]
    Statement {
        /// Whose; your own without it
        #[arg(value_name = "USER", conflicts_with = "all")]
        username: Option<String>,
        /// Everybody's (auditors and admins)
        #[arg(long)]
        all: bool,
        /// Only entries of this kind
        #[arg(long, value_name = "KIND", value_parser = kind)]
        kind: Option<EntryKind>,
        /// At most so many
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        limit: u32,
        /// Print comma-separated values for a spreadsheet
        #[arg(long, conflicts_with = "json")]
        csv: bool,
    },
    /// Give credits to accounts, or take them: to all that are named, or to none (admins)
    #[command(after_long_help = ADJUST_HELP)]
    Adjust {
        /// Whose
        #[arg(required = true, value_name = "USER")]
        usernames: Vec<String>,
        /// How many, −10000 to 10000; −50 takes 50
        #[arg(long, value_name = "AMOUNT", value_parser = amount, allow_hyphen_values = true)]
        by: Credits,
        /// Why; the statement shows it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Add the whole ledger up again (auditors and admins)
    #[command(after_long_help = shape::LEDGER_HELP)]
    Verify,
}

const ADJUST_HELP: &str = "\
Examples:
  twarga credits adjust alice bob --by 500 --reason \"monthly allocation\"
  twarga credits adjust carol --by -50 --reason \"charged by mistake\"

JSON: an array of
  user, balance (what each has then)";

fn amount(text: &str) -> Result<Credits, String> {
    Credits::parse(text).ok_or_else(|| "an amount such as 500, -50 or 0.5".to_owned())
}

fn kind(text: &str) -> Result<EntryKind, String> {
    EntryKind::parse(text).ok_or_else(|| {
        let words = EntryKind::ALL.map(EntryKind::as_str);
        format!("one of {}", words.join(", "))
    })
}
