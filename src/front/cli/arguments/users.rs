//! Commands about accounts.

use crate::front::cli::shape;
use crate::model::Role;
use clap::Subcommand;

/// What to do with accounts (admins; auditors may list them).
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List all accounts: role, credits, machines, sessions, last sign-in
    #[command(visible_alias = "ls", after_long_help = shape::USER_HELP)]
    List,
    /// Make an account in somebody's name
    #[command(after_long_help = CREATE_HELP)]
    Create {
        /// Sign-in name
        username: String,
        /// E-mail address
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// What they may do: user, auditor or admin
        #[arg(long, value_name = "ROLE", default_value = "user", value_parser = role)]
        role: Role,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give an account another role; ends its sessions
    #[command(after_long_help = shape::USER_HELP)]
    Role {
        /// Whose
        username: String,
        /// user, auditor or admin
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Keep somebody out; ends their sessions and consoles at once, their machines go on
    Deactivate {
        /// Whom
        username: String,
    },
    /// Let somebody in again
    Activate {
        /// Whom
        username: String,
    },
    /// Give an account another password; ends its sessions and its lock
    Password {
        /// Whose
        username: String,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Take away the lock that failed sign-ins put on an account
    Unlock {
        /// Whose
        username: String,
    },
    /// End all sessions of an account, consoles included
    EndSessions {
        /// Whose
        username: String,
    },
}

const CREATE_HELP: &str = "\
Examples:
  twarga user create bob --email bob@example.org
  pass show twarga/bob | twarga user create bob --email bob@example.org --role auditor --password-stdin";

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "user, auditor or admin".to_owned())
}
