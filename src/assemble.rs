//! From a configuration to a running product: the store, the hypervisor, the core, and the
//! demonstration where one is asked for.

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use twarga::config::{self, Config};
use twarga::core::{self, Clock, Core, Keeper, KeeperKind, Parts, SignedIn, Source, time};
use twarga::demo;
use twarga::front::cli::arguments::Command;
use twarga::front::cli::failure::Failure;
use twarga::hypervisor::Hypervisor;
use twarga::hypervisor::libvirt::{self, Libvirt};
use twarga::logging::{self, Also, Amount, Logging};
use twarga::store::Store;

/// An assembled product.
pub struct Assembled {
    /// The product.
    pub core: Core,
    /// The time.
    pub clock: Clock,
    /// The demonstration, while it lasts.
    pub demo: Option<Demo>,
    /// Writes the log out when dropped.
    _logging: Logging,
}

/// A running demonstration: who is signed in to it, and what to tidy up.
pub struct Demo {
    /// Its admin, signed in.
    pub admin: SignedIn,
    /// Keeps meanwhile.
    pub keeper: Keeper,
    _scratch: Scratch,
}

/// What decides how the product is assembled besides its configuration.
#[derive(Clone, Copy)]
pub struct Purpose<'c> {
    /// What it is for; nothing is the screen.
    pub command: Option<&'c Command>,
    /// Where the user is.
    pub source: Source,
    /// Whether it is the demonstration.
    pub demo: bool,
}

impl Purpose<'_> {
    fn also_log_to(self) -> Also {
        match self.command {
            Some(Command::Serve) => Also::StandardError,
            _ => Also::Nothing,
        }
    }

    fn is_screen(self) -> bool {
        matches!(self.command, None | Some(Command::Tui(_)))
    }
}

/// Assembles. The demonstration replaces what of the configuration would touch this computer.
///
/// # Errors
/// The state directory, its database or its logs cannot be used.
pub async fn assemble(config: &mut Config, purpose: Purpose<'_>) -> Result<Assembled, Failure> {
    let clock = time::system_clock();
    let scratch = if purpose.demo {
        Some(Scratch::make()?)
    } else {
        None
    };
    let stage = match &scratch {
        Some(scratch) => Some(demo::Stage::set(&mut config.core, &scratch.path, &clock)?),
        None => None,
    };
    let store = open_store(config.core.state_dir.clone(), clock()).await?;
    let amount = Amount {
        level: config.log.level.as_str(),
        keep_days: config.log.keep_days,
    };
    let logging = logging::start(&config.core.state_dir, amount, purpose.also_log_to())
        .map_err(Failure::Configuration)?;
    for remark in &config.remarks {
        tracing::warn!("{remark}");
    }
    let hypervisor: Arc<dyn Hypervisor> = match &stage {
        Some(stage) => stage.hypervisor(),
        None => Arc::new(Libvirt::new(libvirt_options(config))),
    };
    let settings = config.core.clone();
    let core = Core::assemble(Parts {
        settings,
        store,
        hypervisor,
        clock: clock.clone(),
        boot_clock: time::system_boot_clock(),
    })
    .await?;
    let demo = match stage.zip(scratch) {
        Some((stage, scratch)) => Some(play(&core, stage, scratch, purpose).await?),
        None => None,
    };
    Ok(Assembled {
        core,
        clock,
        demo,
        _logging: logging,
    })
}

async fn open_store(directory: PathBuf, now: jiff::Timestamp) -> Result<Store, Failure> {
    let opened = tokio::task::spawn_blocking(move || Store::open(&directory, now)).await;
    let opened = opened.map_err(|error| core::Error::Internal(error.to_string()))?;
    Ok(opened.map_err(core::Error::from)?)
}

/// Lets the demonstration begin. A command waits until its scene is set; on the screen the
/// machines come up before one's eyes.
async fn play(
    core: &Core,
    stage: demo::Stage,
    scratch: Scratch,
    purpose: Purpose<'_>,
) -> Result<Demo, Failure> {
    let keeper = Keeper::start(core, KeeperKind::Tui);
    let admin = stage.admin(core, purpose.source).await?;
    let (stagehand, source) = (core.clone(), purpose.source);
    let playing = tokio::spawn(async move {
        let played = stage.play(&stagehand, source).await;
        played.inspect_err(|error| tracing::error!(%error, "the scene is not complete"))
    });
    if !purpose.is_screen() {
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

/// Which libvirt, and what of it is twarga's.
pub fn libvirt_options(config: &Config) -> libvirt::Options {
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
        clean_traffic: config.hypervisor.clean_traffic,
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
