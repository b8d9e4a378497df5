//! Arguments, configuration, assembly, front; nothing else.

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use twarga::config::{Config, Flags, Surroundings};
use twarga::core::{Clock, Core, Ctx, Keeper, KeeperKind, Origin, Parts, Source, time};
use twarga::front::cli::arguments::Command;
use twarga::front::cli::failure::{Failure, code};
use twarga::front::cli::output::{Output, Streams};
use twarga::front::cli::{self, Arguments, Cli};
use twarga::front::token::TokenFile;
use twarga::hypervisor::Hypervisor;
use twarga::hypervisor::sim::{Script, Sim};
use twarga::logging::{self, Also, Logging};
use twarga::store::Store;
use twarga::{core, demo};

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
    match start(arguments, &surroundings, origin, &mut output) {
        Ok(()) => ExitCode::from(code::DONE),
        Err(failure) => ExitCode::from(failure.report(&mut output)),
    }
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
    /// Who is signed in without having been asked (`--demo`).
    signed_in: Option<Ctx>,
    /// Writes the log out when dropped.
    _logging: Logging,
    /// The demonstration's keeper and folder.
    demo: Option<(Keeper, Scratch)>,
}

impl Program<'_> {
    async fn run(mut self, output: &mut Output) -> Result<(), Failure> {
        let command = self.arguments.command.take();
        let also = match command {
            Some(Command::Serve) => Also::StandardError,
            _ => Also::Nothing,
        };
        let assembled = self.assemble(also).await?;
        let done = self.open_front(&assembled, command, output).await;
        if let Some((keeper, _scratch)) = assembled.demo {
            keeper.end().await?;
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
                    signed_in: assembled.signed_in.clone(),
                    output: Output::to_process(output.streams(), output.is_json()),
                    clock: assembled.clock.clone(),
                };
                cli::run(&mut cli, command).await
            }
        }
    }

    async fn open_screen(&self, _assembled: &Assembled) -> Result<(), Failure> {
        Err(Failure::Usage("the screen is not built in yet".to_owned()))
    }

    async fn assemble(&mut self, also: Also) -> Result<Assembled, Failure> {
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
        let directory = self.config.core.state_dir.clone();
        let now = clock();
        let store = tokio::task::spawn_blocking(move || Store::open(&directory, now))
            .await
            .map_err(|error| core::Error::Internal(error.to_string()))?
            .map_err(core::Error::from)?;
        let logging = logging::start(&self.config.core.state_dir, self.config.log, also)
            .map_err(Failure::Configuration)?;
        for remark in &self.config.remarks {
            tracing::warn!("{remark}");
        }
        let hypervisor: Arc<dyn Hypervisor> = match &stage {
            Some(stage) => stage.hypervisor(),
            None => libvirt(&self.config),
        };
        let settings = self.config.core.clone();
        let core = Core::assemble(Parts {
            settings,
            store,
            hypervisor,
            clock: clock.clone(),
        })
        .await?;
        let mut assembled = Assembled {
            core,
            clock,
            signed_in: None,
            _logging: logging,
            demo: None,
        };
        if let (Some(stage), Some(scratch)) = (stage, scratch) {
            let keeper = Keeper::start(&assembled.core, KeeperKind::Tui);
            assembled.signed_in = Some(stage.play(&assembled.core, self.source).await?);
            assembled.demo = Some((keeper, scratch));
        }
        Ok(assembled)
    }
}

fn libvirt(config: &Config) -> Arc<dyn Hypervisor> {
    // Until the real one lands, a host that is away.
    let uri = config.hypervisor.uri.as_deref().unwrap_or("qemu:///system");
    let away = Sim::new(Script::new(time::system_clock(), 0));
    away.go_away(&format!("{uri} is not built in yet"));
    Arc::new(away)
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
