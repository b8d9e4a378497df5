//! Signing in and out, accounts and passwords.

use super::failure::Failure;
use super::shape::WhoShape;
use super::{Cli, prompt};
use crate::core::{Ctx, Door, Error, Registration, SignedIn};

const NO_NAME: &str = "a name is needed where there is no terminal to ask on: `twarga login NAME`";
const NO_PASSWORD: &str = "a password is needed: type it on a terminal, or pipe it in with --password-stdin";
const NO_EMAIL: &str = "an address is needed where there is no terminal to ask on: --email ADDRESS";

/// `twarga login`
pub async fn login(cli: &mut Cli, username: Option<String>, from_stdin: bool) -> Result<(), Failure> {
    let username = given_or_asked(cli, username, "Name: ", NO_NAME).await?;
    let password = if from_stdin {
        first_line().await?
    } else {
        prompt::password(&mut cli.output, "Password: ", NO_PASSWORD).await?
    };
    let signed_in = cli.core.sign_in(cli.source, &username, &password).await?;
    keep(cli, &signed_in)?;
    who(cli, &signed_in.ctx, "signed in as")
}

/// `twarga register`
pub async fn register(
    cli: &mut Cli,
    username: Option<String>,
    email: Option<String>,
    from_stdin: bool,
) -> Result<(), Failure> {
    // Nobody types a form whose answer is known.
    match cli.core.door(cli.source).await? {
        Door::SignInOnly => {
            return Err(Error::NotPermitted("registration is closed; ask an admin".to_owned()).into());
        }
        Door::NotSetUp => {
            return Err(
                Error::NotPermitted("the first account is made on the host itself".to_owned()).into(),
            );
        }
        Door::FirstAccount => cli
            .output
            .note("This is the first account: it will be the admin."),
        Door::Open => {}
    }
    let username = given_or_asked(cli, username, "Name: ", NO_NAME).await?;
    let email = given_or_asked(cli, email, "E-mail: ", NO_EMAIL).await?;
    let password = if from_stdin {
        first_line().await?
    } else {
        prompt::new_password(&mut cli.output, "Password: ", NO_PASSWORD).await?
    };
    let registration = Registration {
        username,
        email,
        password,
    };
    let signed_in = cli.core.register(cli.source, registration).await?;
    keep(cli, &signed_in)?;
    who(cli, &signed_in.ctx, "registered and signed in as")
}

/// `twarga logout`
pub async fn logout(cli: &mut Cli) -> Result<(), Failure> {
    let said = if end_kept_session(cli).await? {
        "signed out"
    } else {
        "nobody was signed in"
    };
    cli.token.remove()?;
    cli.output
        .result(&serde_json::json!({ "signed_in": false }), |page| page.line(said))
}

/// `twarga whoami`
pub async fn whoami(cli: &mut Cli) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    cli.output.result(&WhoShape::from(&ctx), |page| {
        page.line(&format!("{} ({})", ctx.username(), ctx.role()))
    })
}

/// `twarga passwd`
pub async fn passwd(cli: &mut Cli, from_stdin: bool) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    let (old, new) = if from_stdin {
        let mut lines = prompt::lines_of_input(2).await?.into_iter();
        (lines.next().unwrap_or_default(), lines.next().unwrap_or_default())
    } else {
        let old = prompt::password(&mut cli.output, "Old password: ", NO_PASSWORD).await?;
        (
            old,
            prompt::new_password(&mut cli.output, "New password: ", NO_PASSWORD).await?,
        )
    };
    cli.core.change_password(&ctx, &old, &new).await?;
    cli.output.result(&WhoShape::from(&ctx), |page| {
        page.line("the password is changed; your other sessions have ended");
    })
}

/// Keeps a session for further commands, in place of the one kept before. That one goes on: a
/// screen may be using it.
fn keep(cli: &Cli, signed_in: &SignedIn) -> Result<(), Failure> {
    Ok(cli.token.write(&signed_in.token)?)
}

/// Ends the kept session; false if there was none alive.
async fn end_kept_session(cli: &Cli) -> Result<bool, Failure> {
    let Some(token) = cli.token.read()? else {
        return Ok(false);
    };
    match cli.core.resume(cli.source, &token).await {
        Ok(session) => {
            cli.core.sign_out(&session.ctx).await?;
            Ok(true)
        }
        Err(Error::NotSignedIn(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn who(cli: &mut Cli, ctx: &Ctx, what: &str) -> Result<(), Failure> {
    cli.output.result(&WhoShape::from(ctx), |page| {
        page.line(&format!("{what} {} ({})", ctx.username(), ctx.role()))
    })
}

async fn given_or_asked(
    cli: &mut Cli,
    given: Option<String>,
    question: &str,
    instead: &str,
) -> Result<String, Failure> {
    match given {
        Some(given) => Ok(given),
        None => prompt::line(&mut cli.output, question, instead).await,
    }
}

async fn first_line() -> Result<String, Failure> {
    Ok(prompt::lines_of_input(1).await?.swap_remove(0))
}
