//! Arguments, configuration, assembly, front; nothing else.

mod assemble;

use assemble::{Assembled, Purpose, assemble, libvirt_options};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use twarga::config::{self, Config, Flags, Surroundings};
use twarga::core::doctor::{Check, Patient};
use twarga::core::{Keeper, KeeperKind, Origin, Source, time};
use twarga::front::cli::arguments::Command;
use twarga::front::cli::failure::{Failure, code};
use twarga::front::cli::output::{Output, Streams};
use twarga::front::cli::{self, Arguments, Cli, Eyes};
use twarga::front::token::TokenFile;
use twarga::front::tui;
use twarga::hypervisor::libvirt::Libvirt;
use twarga::logging;

/// How long threads that hang in a call of libvirt may hold up the end.
const LAST_CALL: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody reads: nobody is told.
            let _pipe_closed = error.print();
            return ExitCode::from(if error.use_stderr() {
                code::USAGE
            } else {
                code::DONE
            });
        }
    };
    let origin = if arguments.screen.tenant {
        Origin::Tenant
    } else {
        Origin::Local
    };
    let surroundings = Surroundings::read(origin);
    let streams = Streams::of_process(
        surroundings.variable("NO_COLOR").is_none() && surroundings.variable("TERM") != Some("dumb"),
    );
    let mut output = Output::to_process(streams, arguments.global.json);
    let code = match start(arguments, &surroundings, origin, &mut output) {
        Ok(()) => code::DONE,
        Err(failure) => failure.report(&mut output),
    };
    leave(code)
}

/// Ends the process at once. Threads may still be inside a call of libvirt, which may hang for
/// ever; C libraries' exit handlers would free what those threads use, and did crash. Everything
/// of twarga's own is written out by now: output is flushed line by line, the log's writer was
/// dropped with what it held.
fn leave(code: u8) -> ExitCode {
    // SAFETY: _exit does not return and touches no memory of this process.
    unsafe { libc::_exit(i32::from(code)) }
}

fn start(
    arguments: Arguments,
    surroundings: &Surroundings,
    origin: Origin,
    output: &mut Output,
) -> Result<(), Failure> {
    if let Some(answer) = arguments
        .command
        .as_ref()
        .and_then(|command| cli::offline(command, output))
    {
        return answer;
    }
    if arguments.wants_screen() && !output.streams().is_interactive() {
        return Err(Failure::Usage(
            "the screen needs a terminal; without one, use the command line: `twarga vm list`, \
             `twarga --help`"
                .to_owned(),
        ));
    }
    make_private_by_default();
    let config = Config::load(surroundings, &flags(&arguments), origin);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|reason| Failure::Io {
            what: "starting the runtime".to_owned(),
            reason,
        })?;
    let source = Source {
        origin,
        address: surroundings.ssh_client(),
    };
    let done = runtime.block_on(async {
        if let Some(Command::Doctor) = arguments.command {
            return doctor(config, surroundings, output).await;
        }
        let config = config.map_err(|error| Failure::Configuration(error.to_string()))?;
        Program {
            arguments,
            surroundings,
            config,
            source,
        }
        .run(output)
        .await
    });
    runtime.shutdown_timeout(LAST_CALL);
    done
}

/// Looks at everything, with the defaults where the configuration cannot be used.
async fn doctor(
    config: Result<Config, config::Error>,
    surroundings: &Surroundings,
    output: &mut Output,
) -> Result<(), Failure> {
    let (config, before) = match config {
        Ok(config) => {
            let file = config.file.as_ref().map(|file| file.display().to_string());
            let finding = file.unwrap_or_else(|| "defaults: there is no file".to_owned());
            (config, Check::ok("configuration", finding))
        }
        Err(error) => {
            let before = Check::bad(
                "configuration",
                error.to_string(),
                "mend that setting; what follows uses the defaults",
            );
            let config =
                Config::defaults(surroundings).map_err(|error| Failure::Configuration(error.to_string()))?;
            (config, before)
        }
    };
    let options = libvirt_options(&config);
    let patient = Patient {
        state_dir: config.core.state_dir.clone(),
        tiny_dir: config.core.tiny_dir.clone(),
        uri: options.uri.clone(),
        network: config.core.network.default.clone(),
        pool: options.pool.clone(),
        hypervisor: Arc::new(Libvirt::new(options)),
        programs: surroundings.programs(),
        clock: time::system_clock(),
    };
    let eyes = Eyes {
        term: surroundings.variable("TERM").map(str::to_owned),
        colorterm: surroundings.variable("COLORTERM").map(str::to_owned),
        utf8: surroundings.is_utf8(),
    };
    cli::doctor(output, patient, &eyes, before).await
}

/// Logs, sockets and whatever else is made without a mode of its own are the user's alone.
fn make_private_by_default() {
    // SAFETY: umask only sets a number of this process and cannot fail.
    unsafe { libc::umask(0o077) };
}

fn flags(arguments: &Arguments) -> Flags {
    let global = &arguments.global;
    Flags {
        config: global.config.clone(),
        state_dir: global.state_dir.clone(),
        uri: global.uri.clone(),
        theme: arguments.screen.theme,
        verbose: global.verbose,
    }
}

/// A configured program about to run.
struct Program<'a> {
    arguments: Arguments,
    surroundings: &'a Surroundings,
    config: Config,
    source: Source,
}

impl Program<'_> {
    async fn run(mut self, output: &mut Output) -> Result<(), Failure> {
        let command = self.arguments.command.take();
        let purpose = Purpose {
            command: command.as_ref(),
            source: self.source,
            demo: self.arguments.global.demo,
        };
        let mut assembled = assemble(&mut self.config, purpose).await?;
        let done = self.open_front(&assembled, command, output).await;
        if let Some(demo) = assembled.demo.take() {
            demo.keeper.end().await?;
        }
        done
    }

    async fn open_front(
        &self,
        assembled: &Assembled,
        command: Option<Command>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let core = assembled.core.clone();
        match command {
            Some(Command::Serve) => cli::serve(&core, self.surroundings.variable("NOTIFY_SOCKET")).await,
            None | Some(Command::Tui(_)) => self.open_screen(assembled).await,
            Some(command) => {
                let mut cli = Cli {
                    core,
                    source: self.source,
                    token: TokenFile::of(&self.config.core.state_dir),
                    signed_in: assembled.demo.as_ref().map(|demo| demo.admin.ctx.clone()),
                    output: Output::to_process(output.streams(), output.is_json()),
                    clock: assembled.clock.clone(),
                    leader: self.config.leader,
                    ssh_folder: self.surroundings.folders.as_ref().map(|it| it.home.join(".ssh")),
                };
                cli::run(&mut cli, command).await
            }
        }
    }

    /// Shows the screen. A tenant's process never keeps and keeps no token.
    async fn open_screen(&self, assembled: &Assembled) -> Result<(), Failure> {
        let local = self.source.origin == Origin::Local;
        let own =
            (local && assembled.demo.is_none()).then(|| Keeper::start(&assembled.core, KeeperKind::Tui));
        let token = TokenFile::of(&self.config.core.state_dir);
        let resume_token = match &assembled.demo {
            Some(demo) => Some(demo.admin.token.clone()),
            // One that cannot be used is as good as none: the door is shown.
            None if local => token.read().unwrap_or_else(|error| {
                tracing::warn!(%error, "the kept session is passed over");
                None
            }),
            None => None,
        };
        let options = tui::Options {
            setup: self.setup(),
            clock: assembled.clock.clone(),
            resume_token,
            save_token: local.then(|| save_token(token)),
            stderr: logging::stray_words(&self.config.core.state_dir),
            ..tui::Options::default()
        };
        let keeper = own.as_ref().or(assembled.demo.as_ref().map(|demo| &demo.keeper));
        let shown = tui::run(assembled.core.clone(), self.source, keeper, options).await;
        assembled.core.leave_consoles().await;
        if let Some(keeper) = own {
            keeper.end().await?;
        }
        match shown {
            Ok(exit) => tracing::info!(?exit, "the screen was left"),
            Err(error) => return Err(Failure::Screen(error.to_string())),
        }
        Ok(())
    }

    fn setup(&self) -> tui::Setup {
        let screen = &self.arguments.screen;
        let features = self.config.features;
        tui::Setup {
            theme: Some(self.config.theme),
            no_color: self.surroundings.variable("NO_COLOR").is_some(),
            idle_lock: self.config.idle_lock,
            kiosk: screen.kiosk,
            demo: self.arguments.global.demo,
            features: tui::Features {
                monitoring: features.monitoring,
                soc: features.soc,
                terminal: features.terminal,
            },
            zone: jiff::tz::TimeZone::system(),
            leader: self.config.leader,
            scrollback: self.config.scrollback,
            ..tui::Setup::default()
        }
    }
}

/// How the screen keeps and forgets the session's token.
fn save_token(file: TokenFile) -> tui::SaveToken {
    Arc::new(move |token: Option<&str>| {
        let done = match token {
            Some(token) => file.write(token),
            None => file.remove(),
        };
        done.map_err(|error| error.to_string())
    })
}
