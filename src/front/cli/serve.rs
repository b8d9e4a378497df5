//! `twarga serve`: the core without a screen.

use super::failure::Failure;
use crate::core::{Core, Keeper, KeeperKind};
use crate::front::signals::Ending;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Keeps until asked to end. `notify` is the service manager's socket, if one started this.
///
/// # Errors
/// The keeper could not end in good order.
pub async fn serve(core: &Core, notify: Option<&str>) -> Result<(), Failure> {
    let mut ending = Ending::listen();
    let keeper = Keeper::start(core, KeeperKind::Serve);
    tell(notify, "READY=1");
    tracing::info!("serving");
    ending.asked().await;
    tracing::info!("ending");
    tell(notify, "STOPPING=1");
    keeper.end().await?;
    Ok(())
}

/// Tells a service manager (sd_notify(3)): one datagram to a path or, after `@`, to an abstract
/// name. A manager that does not listen changes nothing here.
fn tell(notify: Option<&str>, state: &str) {
    let Some(name) = notify else {
        return;
    };
    let sent = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
    .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
