//! The real hypervisor: libvirt over its own library. Only this folder names `virt`.
//!
//! [`Libvirt`] connects when first asked something, and again after the connection broke; everything
//! below is told a connection that stands. One file per concern: `connection` and `events` are the
//! line to libvirt, `lifecycle`, `stats`, `addresses`, `forward`, `uptime` and `console` are about
//! domains, `pool`, `volumes`, `network` and `filter` about what they need, `host` about where they run. XML is written
//! and read with quick-xml only (`xml`, `domain_xml`), and the few functions that `virt` lacks or
//! gets wrong are in `ffi`, twarga's only unsafe code.
//!
//! Little is remembered: the connection, the host's description, domains' sizes. libvirt is the truth.

mod addresses;
mod connection;
mod console;
mod domain_xml;
mod error;
mod events;
#[allow(unsafe_code, reason = "the one audited place")]
mod ffi;
mod filter;
mod forward;
mod host;
mod lifecycle;
mod network;
mod pool;
pub mod probe;
mod stats;
mod uptime;
mod volumes;
mod xml;

pub use host::default_uri;

use super::{
    Address, Boot, Console, DomainSpec, DomainState, Error, Forward, Host, Hypervisor, Listener, Mode,
    Network, NetworkInfo, OnBytes, Ownership, PoolSpace, Protocol, Result, Snapshot, Volume, VolumePart,
    VolumeSpec,
};
use connection::{Link, checked_name};
use error::if_there;
use jiff::Timestamp;
use lifecycle::Turn;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;
use virt::connect::Connect;
use virt::storage_pool::StoragePool;

/// Where the pool lies in system mode, beside libvirt's own images: where AppArmor and SELinux
/// expect disks.
const SYSTEM_POOL: &str = "/var/lib/libvirt/images/twarga";

/// How guests' processors are to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accel {
    /// KVM where it works, else emulation.
    #[default]
    Auto,
    /// KVM, or guests fail to start.
    Kvm,
    /// Emulation.
    Tcg,
}

/// Which libvirt, and what of it is twarga's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The connection's URI; see [`default_uri`].
    pub uri: String,
    /// How guests' processors are to run.
    pub accel: Accel,
    /// System mode: hold guests to their own addresses, where libvirt has the filter for it.
    pub clean_traffic: bool,
    /// The storage pool.
    pub pool: String,
    /// The pool's folder, if it has to be made. System mode can do without (below libvirt's own
    /// images); session mode needs one below the state directory.
    pub pool_dir: Option<PathBuf>,
}

impl Options {
    /// twarga's own: pool `twarga`, acceleration where it works.
    pub fn at(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            accel: Accel::Auto,
            clean_traffic: true,
            pool: "twarga".to_owned(),
            pool_dir: None,
        }
    }
}

/// A hypervisor behind libvirt.
pub struct Libvirt {
    options: Options,
    link: Link,
    host: Mutex<Option<Host>>,
    observer: stats::Observer,
    consoles: console::Consoles,
}

impl Libvirt {
    /// Connects at the first call, not here.
    pub fn new(options: Options) -> Self {
        let link = Link::new(options.uri.clone());
        Self {
            options,
            link,
            host: Mutex::new(None),
            observer: stats::Observer::default(),
            consoles: console::Consoles::default(),
        }
    }

    fn mode(&self) -> Mode {
        host::mode(&self.options.uri)
    }

    fn with_pool<T>(&self, work: impl FnOnce(&Connect, &StoragePool) -> Result<T>) -> Result<T> {
        self.link
            .with(|connect| work(connect, &pool::pool(connect, &self.options.pool)?))
    }

    fn in_session(&self) -> Result<()> {
        if self.mode() == Mode::Session {
            return Ok(());
        }
        let reason = "ports are forwarded in session mode only: elsewhere guests have addresses";
        Err(Error::Unsupported(reason.to_owned()))
    }

    fn turn(&self, domain: Uuid, turn: Turn) -> Result<()> {
        self.link.with(|connect| lifecycle::turn(connect, domain, turn))
    }

    /// Where the pool's folder is to be, and its permissions. Others may pass through the system's
    /// to their own files (QEMU's user has to), nobody into a user's own.
    fn pool_home(&self) -> Result<(&Path, &'static str)> {
        match (self.mode(), &self.options.pool_dir) {
            (Mode::Session, Some(folder)) => Ok((folder, "0700")),
            (_, Some(folder)) => Ok((folder, "0711")),
            (Mode::Session, None) => {
                let reason = "session mode needs a folder for it";
                Err(error::failed("prepare", pool::named(&self.options.pool), reason))
            }
            (_, None) => Ok((Path::new(SYSTEM_POOL), "0711")),
        }
    }

    /// Where a spec's volumes are. The log need not exist: libvirt makes it.
    fn paths(&self, pool: &StoragePool, spec: &DomainSpec) -> Result<domain_xml::Paths> {
        let folder = pool::path(pool, &self.options.pool)?;
        let log = folder.join(checked_name("log", &spec.log)?);
        let kernel = match &spec.boot {
            Boot::Disk | Boot::Uefi => None,
            Boot::Kernel {
                kernel,
                initramfs,
                command_line,
            } => Some((
                volumes::path(pool, kernel)?,
                volumes::path(pool, initramfs)?,
                command_line.clone(),
            )),
        };
        Ok(domain_xml::Paths {
            disk: volumes::path(pool, &spec.disk)?,
            seed: volumes::path(pool, &spec.seed)?,
            log: log.to_str().map(str::to_owned).ok_or_else(|| {
                error::failed(
                    "define",
                    pool::named(&self.options.pool),
                    "its folder's name is not UTF-8",
                )
            })?,
            kernel,
        })
    }
}

impl Hypervisor for Libvirt {
    fn host(&self) -> Result<Host> {
        self.link.with(|connect| {
            let mut known = self.host.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(host) = &*known {
                return Ok(host.clone());
            }
            let host = host::describe(connect, self.link.uri(), self.options.accel)?;
            Ok(known.insert(host).clone())
        })
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.link.with(|connect| self.observer.snapshot(connect))
    }

    fn started_at(&self, domain: Uuid) -> Result<Option<Timestamp>> {
        Ok(match self.mode() {
            Mode::Simulated => None,
            Mode::System | Mode::Session => uptime::started_at(domain, Path::new("/proc")),
        })
    }

    fn ownership(&self, domain: Uuid) -> Result<Option<Ownership>> {
        self.link.with(|connect| lifecycle::ownership(connect, domain))
    }

    fn networks(&self) -> Result<Vec<NetworkInfo>> {
        match self.mode() {
            Mode::Session => Ok(Vec::new()),
            Mode::System | Mode::Simulated => self.link.with(network::list),
        }
    }

    fn prepare(&self, network: &str) -> Result<Vec<String>> {
        let (folder, mode) = self.pool_home()?;
        self.link.with(|connect| {
            let mut done = pool::prepare(connect, &self.options.pool, folder, mode)?;
            if self.mode() == Mode::System {
                done.extend(network::prepare(connect, checked_name("network", network)?)?);
            }
            Ok(done)
        })
    }

    fn define(&self, spec: &DomainSpec) -> Result<()> {
        let name = checked_name("domain", &spec.name)?;
        let acceleration = self.host()?.acceleration;
        if spec.network == Network::User && self.mode() == Mode::System {
            tracing::debug!(name, "a user-mode network card on the system's libvirt");
        }
        self.with_pool(|connect, pool| {
            let filter = match &spec.network {
                Network::Libvirt(name) if self.options.clean_traffic => filter::of(connect, name)?,
                Network::Libvirt(_) | Network::User => None,
            };
            let paths = self.paths(pool, spec)?;
            let xml = domain_xml::domain(spec, &paths, acceleration, filter.as_ref())?;
            lifecycle::define(connect, spec.uuid, name, &xml)
        })
    }

    fn undefine(&self, domain: Uuid) -> Result<()> {
        self.link.with(|connect| lifecycle::undefine(connect, domain))
    }

    fn start(&self, domain: Uuid) -> Result<()> {
        self.turn(domain, Turn::Start)
    }

    fn shut_down(&self, domain: Uuid) -> Result<()> {
        self.turn(domain, Turn::ShutDown)
    }

    fn force_off(&self, domain: Uuid) -> Result<()> {
        self.turn(domain, Turn::ForceOff)
    }

    fn pause(&self, domain: Uuid) -> Result<()> {
        self.turn(domain, Turn::Pause)
    }

    fn resume(&self, domain: Uuid) -> Result<()> {
        self.turn(domain, Turn::Resume)
    }

    fn state(&self, domain: Uuid) -> Result<Option<DomainState>> {
        self.link.with(|connect| {
            if_there(lifecycle::domain(connect, domain).and_then(|found| lifecycle::state(&found, domain)))
        })
    }

    fn addresses(&self, domain: Uuid) -> Result<Vec<Address>> {
        self.link.with(|connect| match self.mode() {
            // Every guest has 10.0.2.15 there, and none can be reached by it.
            Mode::Session => lifecycle::domain(connect, domain).map(|_| Vec::new()),
            Mode::System | Mode::Simulated => addresses::addresses(connect, domain),
        })
    }

    fn agent_answers(&self, domain: Uuid) -> Result<bool> {
        self.link
            .with(|connect| addresses::agent_answers(connect, domain))
    }

    fn forward(&self, domain: Uuid, forward: Forward) -> Result<()> {
        self.in_session()?;
        self.link.with(|connect| forward::add(connect, domain, forward))
    }

    fn unforward(&self, domain: Uuid, forward: Forward) -> Result<()> {
        self.in_session()?;
        self.link
            .with(|connect| forward::remove(connect, domain, forward))
    }

    fn is_port_free(&self, protocol: Protocol, port: u16) -> Result<bool> {
        forward::is_free(protocol, port)
    }

    fn attach_console(&self, domain: Uuid, takeover: bool) -> Result<Console> {
        self.consoles.attach(&self.link, domain, takeover)
    }

    fn volumes(&self) -> Result<Vec<Volume>> {
        self.with_pool(|_, pool| volumes::list(pool, &self.options.pool))
    }

    fn pool_space(&self) -> Result<PoolSpace> {
        self.with_pool(|_, pool| pool::space(pool, &self.options.pool))
    }

    fn create_volume(&self, spec: &VolumeSpec) -> Result<()> {
        checked_name("volume", &spec.name)?;
        self.with_pool(|_, pool| volumes::create(pool, spec))
    }

    fn upload(&self, name: &str, size: u64, source: &mut dyn Read, progress: OnBytes<'_>) -> Result<()> {
        checked_name("volume", name)?;
        let upload = volumes::Upload { name, size, source };
        self.with_pool(|connect, pool| volumes::upload(connect, pool, upload, progress))
    }

    fn delete_volume(&self, name: &str) -> Result<()> {
        self.with_pool(|_, pool| volumes::delete(pool, &self.options.pool, name))
    }

    fn read_volume(&self, name: &str, offset: u64, limit: u64) -> Result<VolumePart> {
        let part = volumes::Part::From { offset, limit };
        self.with_pool(|connect, pool| volumes::read(connect, (pool, &self.options.pool), name, part))
    }

    fn tail(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let part = volumes::Part::Last { limit };
        self.with_pool(|connect, pool| volumes::read(connect, (pool, &self.options.pool), name, part))
            .map(|part| part.bytes)
    }

    fn pool_path(&self) -> Result<PathBuf> {
        self.with_pool(|_, pool| pool::path(pool, &self.options.pool))
    }

    fn listen(&self, listener: Listener) -> Result<()> {
        self.link.listen(listener);
        Ok(())
    }
}
