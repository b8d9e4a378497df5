//! Accounts, as admins govern them.

use super::arguments::UserCommand;
use super::failure::Failure;
use super::output::{Align, Table, moment};
use super::shape::{AccountShape, UserShape};
use super::{Cli, prompt};
use crate::core::{Account, Ctx, Registration};
use crate::model::User;

const NO_PASSWORD: &str = "a password is needed: type it on a terminal, or pipe it in with --password-stdin";

/// `twarga user`
pub async fn run(cli: &mut Cli, command: UserCommand) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    match command {
        UserCommand::List => list(cli, &ctx).await,
        UserCommand::Create {
            username,
            email,
            role,
            password_stdin,
        } => {
            let registration = Registration {
                username,
                email,
                password: password(cli, password_stdin).await?,
            };
            let user = cli.core.create_account(&ctx, registration, role).await?;
            told(cli, &user, "has an account now")
        }
        UserCommand::Role { username, role } => {
            let user = cli.core.set_role(&ctx, &username, role).await?;
            told(cli, &user, &format!("is {role} now; their sessions have ended"))
        }
        UserCommand::Deactivate { username } => {
            let user = cli.core.set_active(&ctx, &username, false).await?;
            told(cli, &user, "is kept out; their machines go on")
        }
        UserCommand::Activate { username } => {
            let user = cli.core.set_active(&ctx, &username, true).await?;
            told(cli, &user, "may sign in")
        }
        UserCommand::Password {
            username,
            password_stdin,
        } => {
            let password = password(cli, password_stdin).await?;
            let user = cli.core.reset_password(&ctx, &username, password).await?;
            told(cli, &user, "has another password; their sessions have ended")
        }
        UserCommand::Unlock { username } => {
            let user = cli.core.unlock_account(&ctx, &username).await?;
            told(cli, &user, "may try to sign in again")
        }
        UserCommand::EndSessions { username } => {
            let user = cli.core.end_sessions(&ctx, &username).await?;
            told(cli, &user, "has no session any more")
        }
    }
}

async fn password(cli: &mut Cli, from_stdin: bool) -> Result<String, Failure> {
    match from_stdin {
        true => Ok(prompt::lines_of_input(1).await?.pop().unwrap_or_default()),
        false => prompt::new_password(&mut cli.output, "Password: ", NO_PASSWORD).await,
    }
}

fn told(cli: &mut Cli, user: &User, what: &str) -> Result<(), Failure> {
    cli.output.result(&UserShape::from(user), |page| {
        page.line(&format!("{} {what}", user.username));
    })
}

async fn list(cli: &mut Cli, ctx: &Ctx) -> Result<(), Failure> {
    let accounts = cli.core.accounts(ctx).await?;
    let shapes: Vec<_> = accounts.iter().map(AccountShape::from).collect();
    cli.output.result(&shapes, |page| {
        page.table(&table(&accounts), "no accounts");
    })
}

fn table(accounts: &[Account]) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Right),
        ("NAME", Align::Left),
        ("E-MAIL", Align::Left),
        ("ROLE", Align::Left),
        ("STATE", Align::Left),
        ("CREDITS", Align::Right),
        ("MACHINES", Align::Right),
        ("SESSIONS", Align::Right),
        ("LAST SIGN-IN", Align::Left),
    ]);
    for account in accounts {
        let state = match (account.user.active, account.locked_until) {
            (false, _) => "deactivated".to_owned(),
            (true, Some(until)) => format!("locked until {}", moment(until)),
            (true, None) => "active".to_owned(),
        };
        table.push([
            account.user.id.to_string(),
            account.user.username.to_string(),
            account.user.email.to_string(),
            account.user.role.to_string(),
            state,
            account.balance.to_tenths().to_string(),
            account.machines.to_string(),
            account.sessions.alive.to_string(),
            account.sessions.last_sign_in.map(moment).unwrap_or_default(),
        ]);
    }
    table
}
