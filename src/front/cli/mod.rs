//! The command line: the product for scripts, and for hands that know what they want.
//!
//! It asks the core and prints what it says. Results go to standard output, everything else to
//! standard error; a pipe gets no progress, no colour and no questions. Where no other process
//! keeps, a command that waits for its operation keeps until that is finished.

mod account;
pub mod arguments;
mod console;
mod credits;
mod doctor;
mod event;
pub mod failure;
mod files;
mod forward;
mod generate;
mod image;
mod key;
mod network;
mod operation;
pub mod output;
mod progress;
mod prompt;
mod recording;
mod replay;
mod serve;
pub mod shape;
mod ssh;
mod user;
mod vm;

pub use arguments::Arguments;
pub use doctor::{Eyes, doctor};

pub use serve::serve;

use crate::core::{self, Clock, Core, Ctx, Health, Machine, Source, View, Watch};
use crate::front::signals::Ending;
use crate::front::token::{self, TokenFile};
use arguments::Command;
use failure::Failure;
use output::Output;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a command works with.
pub struct Cli {
    /// The product.
    pub core: Core,
    /// Where the user is.
    pub source: Source,
    /// The kept session.
    pub token: TokenFile,
    /// Who is signed in without a kept session (`--demo`).
    pub signed_in: Option<Ctx>,
    /// Where results go.
    pub output: Output,
    /// The time.
    pub clock: Clock,
    /// With Ctrl, the one key that does not go to a guest.
    pub leader: char,
    /// Where the user's own public keys lie, to be offered; never looked at for a tenant.
    pub ssh_folder: Option<PathBuf>,
}

/// Answers what needs neither configuration nor core; `None` if the command is not of that kind.
pub fn offline(command: &Command, output: &mut Output) -> Option<Result<(), Failure>> {
    match command {
        Command::Completions { shell } => Some(generate::completions(output, *shell)),
        Command::Man { dir } => Some(generate::man(output, dir.as_deref())),
        _ => None,
    }
}

/// Runs a command.
///
/// # Errors
/// Why it did not do what was asked.
pub async fn run(cli: &mut Cli, command: Command) -> Result<(), Failure> {
    match command {
        Command::Login {
            username,
            password_stdin,
        } => account::login(cli, username, password_stdin).await,
        Command::Logout => account::logout(cli).await,
        Command::Whoami => account::whoami(cli).await,
        Command::Register {
            username,
            email,
            password_stdin,
        } => account::register(cli, username, email, password_stdin).await,
        Command::Passwd { password_stdin } => account::passwd(cli, password_stdin).await,
        Command::Vm(command) => vm::run(cli, command).await,
        Command::Console(which) => console::serial(cli, which).await,
        Command::Ssh(which) => ssh::run(cli, which).await,
        Command::Consoles(command) => recording::consoles(cli, command).await,
        Command::Record(which) => recording::record(cli, which).await,
        Command::Recordings(command) => recording::recordings(cli, command).await,
        Command::Replay(which) => replay::run(cli, which).await,
        Command::Op(command) => operation::run(cli, command).await,
        Command::Key(command) => key::run(cli, command).await,
        Command::User(command) => user::run(cli, command).await,
        Command::Credits(command) => credits::run(cli, command).await,
        Command::Network(command) => network::run(cli, command).await,
        Command::Image(command) => image::run(cli, command).await,
        Command::Event(command) => event::list(cli, command).await,
        Command::Audit(arguments::AuditCommand::Verify) => event::verify(cli).await,
        // These have doors of their own in `main`.
        Command::Tui(_) | Command::Serve | Command::Doctor => Ok(()),
        Command::Completions { .. } | Command::Man { .. } => Ok(()),
    }
}

/// How long a command waits for libvirt's first answer.
const PATIENCE: Duration = Duration::from_secs(10);

impl Cli {
    /// Who is signed in.
    async fn ctx(&self) -> Result<Ctx, Failure> {
        if let Some(ctx) = &self.signed_in {
            return Ok(ctx.clone());
        }
        let token = self.token.read()?;
        let token = token.ok_or(core::Error::NotSignedIn("no session is kept here"))?;
        Ok(self.core.resume(self.source, &token).await?.ctx)
    }

    /// The view once both truths were asked: the database, and libvirt unless it stays silent.
    async fn settled(&self, ctx: &Ctx) -> Result<(Watch, Arc<View>), Failure> {
        self.viewed(ctx, |view| is_read(view) && view.health != Health::Connecting)
            .await
    }

    /// A machine by name. The core looks it up in what was read of the database, which in a
    /// process that has just started may be nothing yet.
    async fn find_vm(&self, ctx: &Ctx, name: &str) -> Result<Machine, Failure> {
        self.viewed(ctx, is_read).await?;
        Ok(self.core.find_vm(ctx, name).await?)
    }

    /// The view once it is `ready`, or as it is when patience ends.
    async fn viewed(&self, ctx: &Ctx, ready: fn(&View) -> bool) -> Result<(Watch, Arc<View>), Failure> {
        let mut ending = Ending::listen();
        let mut watch = self.core.watch(ctx).await?;
        let mut view = watch.view();
        let looked = async {
            while !ready(&view) {
                view = watch.changed().await?;
            }
            Ok::<_, core::Error>(())
        };
        tokio::select! {
            looked = tokio::time::timeout(PATIENCE, looked) => {
                if let Ok(looked) = looked {
                    looked?;
                }
            }
            () = ending.asked() => return Err(Failure::Interrupted),
        }
        Ok((watch, view))
    }

    fn now(&self) -> jiff::Timestamp {
        (self.clock)()
    }
}

/// Whether the database was read. Whoever is signed in has an event in the log: none means that
/// it was not.
fn is_read(view: &View) -> bool {
    view.last_event != 0
}

/// What is wrong with the hypervisor, in words, if anything is.
fn unavailable(view: &View) -> Option<String> {
    match &view.health {
        Health::Up => None,
        Health::Connecting => Some(format!("libvirt has not answered for {} s", PATIENCE.as_secs())),
        Health::Silent { since } => Some(format!(
            "libvirt has not answered since {}",
            output::moment(*since)
        )),
        Health::Down { reason, .. } => Some(reason.clone()),
    }
}

/// Refuses to ask for anything while libvirt is away, so that nothing waits unseen.
fn require_hypervisor(view: &View) -> Result<(), Failure> {
    match unavailable(view) {
        None => Ok(()),
        Some(reason) => Err(Failure::Unavailable(reason)),
    }
}

/// Says what was printed from memory, if libvirt is away.
fn note_age(view: &View) -> Result<(), Failure> {
    let Some(reason) = unavailable(view) else {
        return Ok(());
    };
    let sentence = format!("{reason}; what is shown is the last known: `twarga doctor` says what mends it");
    Err(Failure::Partial {
        code: failure::code::UNAVAILABLE,
        kind: "hypervisor_unavailable",
        sentence,
    })
}

impl From<token::Error> for Failure {
    fn from(error: token::Error) -> Self {
        match error {
            token::Error::TooOpen(_) => Self::Configuration(error.to_string()),
            token::Error::Io { path, reason } => Self::Io {
                what: path.display().to_string(),
                reason,
            },
        }
    }
}
