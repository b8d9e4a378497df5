//! What can go wrong between twarga and the hypervisor: typed, named after call and object.

/// What can go wrong between twarga and the hypervisor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The hypervisor cannot be reached.
    #[error("libvirt at {uri} cannot be reached: {reason}")]
    Unavailable {
        /// Where it was looked for.
        uri: String,
        /// libvirt's words, sanitized.
        reason: String,
    },
    /// A call did not return within its deadline; it may still take effect.
    #[error("libvirt has not answered `{call}` for {seconds} s")]
    Unresponsive {
        /// Which call.
        call: &'static str,
        /// Its deadline.
        seconds: u64,
    },
    /// The domain, volume, pool or network does not exist.
    #[error("{0} does not exist")]
    NotFound(String),
    /// It exists already, or its state does not allow the call.
    #[error("{0}")]
    Conflict(String),
    /// Somebody else has it: a guest's console has one client at a time.
    #[error("{0} is in use")]
    Busy(String),
    /// The hypervisor refused or failed.
    #[error("{call}: {reason}")]
    Failed {
        /// Which call, with its object.
        call: String,
        /// libvirt's words, sanitized.
        reason: String,
    },
    /// This hypervisor or mode cannot do that.
    #[error("{0}")]
    Unsupported(String),
}

/// What the hypervisor's calls return.
pub type Result<T> = std::result::Result<T, Error>;
