//! Domains come, run and go.

use super::error::{During, if_there, is};
use super::{ffi, xml};
use crate::hypervisor::{DomainState, Error, Ownership, Result};
use std::ffi::{c_int, c_uint};
use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::ErrorNumber;
use virt_sys as sys;

/// Looks a domain up.
pub(super) fn domain(connect: &Connect, uuid: Uuid) -> Result<Domain> {
    connect.lookup_domain_by_uuid(uuid).during("look up", named(uuid))
}

fn named(uuid: Uuid) -> String {
    format!("domain {uuid}")
}

/// Its state.
pub(super) fn state(domain: &Domain, uuid: Uuid) -> Result<DomainState> {
    let (state, reason) = ffi::state(domain).during("state of", named(uuid))?;
    Ok(state_from(state, reason))
}

/// twarga's word for libvirt's state and its reason.
pub(super) fn state_from(state: c_uint, reason: c_int) -> DomainState {
    let reason = reason.cast_unsigned();
    match (state, reason) {
        (sys::VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_IOERROR) => DomainState::PausedOnError,
        (sys::VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_CRASHED) => DomainState::Crashed,
        (sys::VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_SHUTTING_DOWN) => DomainState::ShuttingDown,
        // QEMU is up, its processors are about to go: nobody paused it.
        (sys::VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_STARTING_UP) => DomainState::Running,
        (sys::VIR_DOMAIN_PAUSED | sys::VIR_DOMAIN_PMSUSPENDED, _) => DomainState::Paused,
        (sys::VIR_DOMAIN_SHUTDOWN, _) => DomainState::ShuttingDown,
        (sys::VIR_DOMAIN_CRASHED, _) | (sys::VIR_DOMAIN_SHUTOFF, sys::VIR_DOMAIN_SHUTOFF_CRASHED) => {
            DomainState::Crashed
        }
        (sys::VIR_DOMAIN_SHUTOFF, _) => DomainState::Off,
        // Running, "blocked" (Xen's word for idle), none told, and what later versions invent for a
        // domain that has a process.
        _ => DomainState::Running,
    }
}

/// Defines a domain from its XML.
pub(super) fn define(connect: &Connect, uuid: Uuid, name: &str, xml: &str) -> Result<()> {
    let object = format!("domain {name}");
    // libvirt refuses a namesake, too, but with a number that also stands for other failures.
    let namesake = if_there(connect.lookup_domain_by_name(name).during("look up", &object))?;
    if let Some(namesake) = namesake
        && namesake.uuid().during("look up", &object)? != uuid
    {
        return Err(Error::Conflict(format!(
            "{object} exists already under another UUID"
        )));
    }
    if let Some(there) = if_there(domain(connect, uuid))? {
        let called = there.name().during("look up", named(uuid))?;
        if called != name {
            return Err(Error::Conflict(format!(
                "{} exists already and is called {}",
                named(uuid),
                crate::model::text::visible(&called)
            )));
        }
    }
    connect.define_domain_xml(xml).during("define", object)?;
    Ok(())
}

/// Removes a domain's definition with all libvirt keeps for it.
pub(super) fn undefine(connect: &Connect, uuid: Uuid) -> Result<()> {
    let Some(domain) = if_there(domain(connect, uuid))? else {
        return Ok(());
    };
    let flags = sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        | sys::VIR_DOMAIN_UNDEFINE_NVRAM;
    if_there(domain.undefine_flags(flags).during("undefine", named(uuid)))?;
    Ok(())
}

/// What to do to a domain, and the states in which it is done already.
#[derive(Clone, Copy)]
pub(super) enum Turn {
    Start,
    ShutDown,
    ForceOff,
    Pause,
    Resume,
}

impl Turn {
    const fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::ShutDown => "shut down",
            Self::ForceOff => "force off",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    const fn is_done_in(self, state: DomainState) -> bool {
        use DomainState::{Crashed, Off, Paused, PausedOnError, Running, ShuttingDown};
        match self {
            Self::Start => matches!(state, Running | Paused | PausedOnError),
            Self::ShutDown => matches!(state, Off | Crashed | ShuttingDown),
            Self::ForceOff => matches!(state, Off),
            Self::Pause => matches!(state, Paused | PausedOnError),
            Self::Resume => matches!(state, Running),
        }
    }

    fn is_done_for(self, domain: &Domain, uuid: Uuid) -> Result<bool> {
        let state = state(domain, uuid)?;
        let cut = matches!(self, Self::ForceOff) && !domain.is_active().during("state of", named(uuid))?;
        Ok(cut || self.is_done_in(state))
    }

    fn take(self, domain: &Domain) -> ffi::Raw<()> {
        match self {
            Self::Start => domain.create(),
            // Not through the agent: a guest that keeps its agent silent would hold this thread
            // for a minute. An agent's guests know the power button, too.
            Self::ShutDown => domain.shutdown_flags(sys::VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN),
            Self::ForceOff => domain.destroy(),
            Self::Pause => domain.suspend(),
            Self::Resume => domain.resume(),
        }
    }
}

/// Does it, unless it is done.
pub(super) fn turn(connect: &Connect, uuid: Uuid, turn: Turn) -> Result<()> {
    let domain = domain(connect, uuid)?;
    if turn.is_done_for(&domain, uuid)? {
        return Ok(());
    }
    match turn.take(&domain) {
        // Somebody else was quicker, or it had crashed and has no power left to cut.
        Err(error) if is(&error, ErrorNumber::OperationInvalid) && turn.is_done_for(&domain, uuid)? => Ok(()),
        outcome => outcome.during(turn.verb(), named(uuid)),
    }
}

/// Whose it is, from its metadata.
pub(super) fn ownership(connect: &Connect, uuid: Uuid) -> Result<Option<Ownership>> {
    let domain = domain(connect, uuid)?;
    let kind = sys::VIR_DOMAIN_METADATA_ELEMENT.cast_signed();
    let metadata = match domain.metadata(kind, Some(super::domain_xml::NAMESPACE), 0) {
        Err(error) if is(&error, ErrorNumber::NoDomainMetadata) => return Ok(None),
        metadata => metadata.during("metadata of", named(uuid))?,
    };
    let found = xml::first("metadata", &metadata, &["machine"])?;
    Ok(found.as_ref().and_then(super::domain_xml::ownership_from))
}
