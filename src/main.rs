//! Arguments, configuration, assembly, front; nothing else.

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use twarga::config::{self, Config, Flags, Surroundings};
use twarga::core::doctor::{Check, Patient};
use twarga::core::{self, Clock, Core, Keeper, KeeperKind, Origin, Parts, SignedIn, Source, time};
use twarga::demo;
use twarga::front::cli::arguments::Command;
use twarga::front::cli::failure::{Failure, code};
use twarga::front::cli::output::{Output, Streams};
use twarga::front::cli::{self, Arguments, Cli, Eyes};
use twarga::front::token::TokenFile;
use twarga::front::tui;
use twarga::hypervisor::Hypervisor;
use twarga::hypervisor::libvirt::{self, Libvirt};
use twarga::logging::{self, Also, Amount, Logging};
use twarga::store::Store;

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
        network: options.network.clone(),
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

/// An assembled product.
struct Assembled {
    core: Core,
    clock: Clock,
    /// The demonstration, while it lasts.
    demo: Option<Demo>,
    /// Writes the log out when dropped.
    _logging: Logging,
}

/// A running demonstration: who is signed in to it, and what to tidy up.
struct Demo {
    admin: SignedIn,
    keeper: Keeper,
    _scratch: Scratch,
}

impl Program<'_> {
    async fn run(mut self, output: &mut Output) -> Result<(), Failure> {
        let command = self.arguments.command.take();
        let mut assembled = self.assemble(command.as_ref()).await?;
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
            ..tui::Setup::default()
        }
    }

    async fn assemble(&mut self, command: Option<&Command>) -> Result<Assembled, Failure> {
        let also = match command {
            Some(Command::Serve) => Also::StandardError,
            _ => Also::Nothing,
        };
        let clock = time::system_clock();
        let scratch = if self.arguments.global.demo {
            Some(Scratch::make()?)
        } else {
            None
        };
        let stage = match &scratch {
            Some(scratch) => Some(demo::Stage::set(&mut self.config.core, &scratch.path, &clock)?),
            None => None,
        };
        let store = self.open_store(clock()).await?;
        let log = self.config.log;
        let amount = Amount {
            level: log.level.as_str(),
            keep_days: log.keep_days,
        };
        let logging =
            logging::start(&self.config.core.state_dir, amount, also).map_err(Failure::Configuration)?;
        for remark in &self.config.remarks {
            tracing::warn!("{remark}");
        }
        let hypervisor: Arc<dyn Hypervisor> = match &stage {
            Some(stage) => stage.hypervisor(),
            None => Arc::new(Libvirt::new(libvirt_options(&self.config))),
        };
        let settings = self.config.core.clone();
        let core = Core::assemble(Parts {
            settings,
            store,
            hypervisor,
            clock: clock.clone(),
        })
        .await?;
        let demo = match stage.zip(scratch) {
            Some((stage, scratch)) => Some(self.play(&core, stage, scratch, command).await?),
            None => None,
        };
        Ok(Assembled {
            core,
            clock,
            demo,
            _logging: logging,
        })
    }

    async fn open_store(&self, now: jiff::Timestamp) -> Result<Store, Failure> {
        let directory = self.config.core.state_dir.clone();
        let opened = tokio::task::spawn_blocking(move || Store::open(&directory, now)).await;
        let opened = opened.map_err(|error| core::Error::Internal(error.to_string()))?;
        Ok(opened.map_err(core::Error::from)?)
    }

    /// Lets the demonstration begin. A command waits until its scene is set; on the screen the
    /// machines come up before one's eyes.
    async fn play(
        &self,
        core: &Core,
        stage: demo::Stage,
        scratch: Scratch,
        command: Option<&Command>,
    ) -> Result<Demo, Failure> {
        let keeper = Keeper::start(core, KeeperKind::Tui);
        let admin = stage.admin(core, self.source).await?;
        let (core, source) = (core.clone(), self.source);
        let playing = tokio::spawn(async move { stage.play(&core, source).await });
        if !matches!(command, None | Some(Command::Tui(_))) {
            playing
                .await
                .map_err(|error| core::Error::Internal(error.to_string()))??;
        }
        Ok(Demo {
            admin,
            keeper,
            _scratch: scratch,
        })
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

fn libvirt_options(config: &Config) -> libvirt::Options {
    let uri = config.hypervisor.uri.clone().unwrap_or_else(libvirt::default_uri);
    // A session's daemon may write where its user may; the system's has its own place for disks.
    let session = uri
        .split('?')
        .next()
        .is_some_and(|path| path.ends_with("/session"));
    libvirt::Options {
        accel: match config.hypervisor.accel {
            config::Accel::Auto => libvirt::Accel::Auto,
            config::Accel::Kvm => libvirt::Accel::Kvm,
            config::Accel::Tcg => libvirt::Accel::Tcg,
        },
        network: config.hypervisor.network.clone(),
        pool: config.hypervisor.pool.clone(),
        pool_dir: session.then(|| config.core.state_dir.join("pool")),
        uri,
    }
}

/// A folder that is gone when the program ends.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn make() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("twarga-demo-{}", uuid::Uuid::new_v4()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|reason| Failure::Io {
            what: format!("making {}", path.display()),
            reason,
        })?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _left_to_the_system = std::fs::remove_dir_all(&self.path);
    }
}
