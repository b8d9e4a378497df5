//! Forwarded ports: in session mode, ports of the host's loopback that lead to guests. They are kept
//! in the database; QEMU is told at once, at each start, and by the keeper whenever it lacks one.

mod kept;

pub(super) use kept::apply;
pub(in crate::core) use kept::{note_problem, taken};

use super::{relation, visible};
use crate::core::policy::{Permission, Relation, allows};
use crate::core::{Core, Ctx, Error, Machine, Result, auth};
use crate::hypervisor::{DomainState, Lane, Mode};
use crate::model::{Forward, KeptForward, Protocol, Severity, Vm, VmId, WantedForward};
use kept::log;
use std::time::Duration;

/// Most forwards of one machine.
const MAX_FORWARDS: usize = 32;
/// How long one call about a port may take.
const PORT_DEADLINE: Duration = Duration::from_secs(10);

/// Why a machine with this address has no use for forwards.
pub fn reachable_anyway(vm: &Vm) -> String {
    let address = vm.address.map_or("it".to_owned(), |it| it.ip.to_string());
    format!(
        "{} has an address of its own: every port can be reached at {address}, and no forward is needed. \
         Ports are forwarded on qemu:///session only",
        vm.name
    )
}

/// Why ports cannot be forwarded to a machine, for a greyed key; `None` if they can. Pure: the core
/// checks again when asked.
pub fn forward_refusal(ctx: &Ctx, machine: &Machine, mode: Option<Mode>) -> Option<String> {
    let relation: Relation = relation(ctx.user(), machine.vm.owner);
    match mode {
        _ if !allows(ctx.role(), Permission::ForwardPort, relation) => {
            Some("only its owner or an admin may".to_owned())
        }
        None => Some("libvirt was not reached yet".to_owned()),
        Some(Mode::Session) => None,
        Some(Mode::System | Mode::Simulated) => Some(reachable_anyway(&machine.vm)),
    }
}

impl Core {
    /// Forwards ports of 127.0.0.1 to a machine's, all or none: kept with the machine, and made at
    /// once if it runs. A port that is not named is chosen among the free ones.
    ///
    /// # Errors
    /// [`Error::Conflict`] in system mode, where machines have addresses, and for a port that
    /// another machine or process has; [`Error::NotFound`], [`Error::NotPermitted`].
    pub async fn add_forwards(
        &self,
        ctx: &Ctx,
        vm: VmId,
        wanted: Vec<WantedForward>,
    ) -> Result<Vec<Forward>> {
        let (row, kept) = self.forwarding(ctx, vm).await?;
        if kept.len() + wanted.len() > MAX_FORWARDS {
            let reason = format!("a machine has at most {MAX_FORWARDS} forwarded ports");
            return Err(Error::Conflict(reason));
        }
        let mut chosen: Vec<Forward> = Vec::new();
        for wanted in wanted {
            let forward = self.choose(&row, wanted, &chosen).await?;
            chosen.push(forward);
        }
        let (forwards, name) = (chosen.clone(), row.name.clone());
        self.change(
            ctx,
            Permission::ForwardPort,
            move |reader, actor| super::relation_to(reader, actor, vm),
            move |writer, _, actor| {
                forwards.iter().try_for_each(|forward| {
                    writer.insert_forward(vm, *forward)?;
                    let sentence = format!(
                        "{} forwarded port {} of 127.0.0.1 to {} port {} of {name}",
                        actor.username, forward.host, forward.protocol, forward.guest
                    );
                    log(
                        writer,
                        vm,
                        ("vm.forward.added", Severity::Info),
                        &sentence,
                        *forward,
                    )
                })
            },
        )
        .await?;
        if let Err(error) = self.make(&row, &chosen).await {
            self.take_back(&row, chosen, &error).await?;
            return Err(error);
        }
        self.poke();
        Ok(chosen)
    }

    /// Takes forwards back, all or none; at once if the machine runs. Connections that stand go on.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a forward that there is not, [`Error::Conflict`] if several are
    /// meant, and those of [`Self::add_forwards`].
    pub async fn remove_forwards(
        &self,
        ctx: &Ctx,
        vm: VmId,
        wanted: Vec<WantedForward>,
    ) -> Result<Vec<Forward>> {
        let (row, kept) = self.forwarding(ctx, vm).await?;
        let mut found = Vec::new();
        for wanted in wanted {
            found.push(meant(&kept, wanted)?);
        }
        let (uuid, gone) = (row.uuid, found.clone());
        if self.is_on(&row).await? {
            self.hypervisor()
                .call(Lane::Act, "take a forward back", PORT_DEADLINE, move |it| {
                    gone.iter().try_for_each(|forward| it.unforward(uuid, *forward))
                })
                .await?;
        }
        let (gone, name) = (found.clone(), row.name.clone());
        self.change(
            ctx,
            Permission::ForwardPort,
            move |reader, actor| super::relation_to(reader, actor, vm),
            move |writer, _, actor| {
                gone.iter().try_for_each(|forward| {
                    writer.remove_forward(vm, *forward)?;
                    let sentence = format!(
                        "{} took the forward of port {} to {} port {} of {name} back",
                        actor.username, forward.host, forward.protocol, forward.guest
                    );
                    log(
                        writer,
                        vm,
                        ("vm.forward.removed", Severity::Info),
                        &sentence,
                        *forward,
                    )
                })
            },
        )
        .await?;
        self.poke();
        Ok(found)
    }

    /// A machine whose forwards the caller may change, with those it has.
    async fn forwarding(&self, ctx: &Ctx, vm: VmId) -> Result<(Vm, Vec<KeptForward>)> {
        let found = self
            .inspect(ctx, move |reader, actor| {
                let row = visible(reader, actor, vm)?;
                let relation: Relation = relation(actor.id, row.owner);
                auth::permit(actor.role, Permission::ForwardPort, relation)?;
                Ok((row, reader.forwards_of(vm)?))
            })
            .await?;
        let host = self
            .hypervisor()
            .call(Lane::Act, "look at the host", PORT_DEADLINE, |it| it.host())
            .await?;
        match host.mode {
            Mode::Session => Ok(found),
            Mode::System | Mode::Simulated => Err(Error::Conflict(reachable_anyway(&found.0))),
        }
    }

    /// A forward with a port of the host that nobody has.
    async fn choose(&self, row: &Vm, wanted: WantedForward, chosen: &[Forward]) -> Result<Forward> {
        let with = |host| Forward {
            protocol: wanted.protocol,
            host,
            guest: wanted.guest,
        };
        let repeated = |host| {
            chosen
                .iter()
                .any(|it| it.protocol == wanted.protocol && it.host == host)
        };
        if let Some(host) = wanted.host {
            if repeated(host) {
                return Err(Error::Conflict(format!("port {host} is named twice")));
            }
            return match self.port_trouble(row, wanted.protocol, host).await? {
                Some(reason) => Err(Error::Conflict(reason)),
                None => Ok(with(host)),
            };
        }
        let (first, last) = self.settings().forward_ports;
        for host in (first..=last).filter(|host| !repeated(*host)) {
            if self.port_trouble(row, wanted.protocol, host).await?.is_none() {
                return Ok(with(host));
            }
        }
        Err(Error::Conflict(format!(
            "no port from {first} to {last} is free on 127.0.0.1; name one, or widen `forward_ports`"
        )))
    }

    /// Who has a port of the host, in words; `None` if nobody has.
    async fn port_trouble(&self, row: &Vm, protocol: Protocol, port: u16) -> Result<Option<String>> {
        let holder = self
            .read(move |reader| Ok(reader.port_holder(protocol, port)?))
            .await?;
        if let Some(holder) = holder {
            let whose = if holder == row.id {
                format!("{} itself", row.name)
            } else {
                "another machine".to_owned()
            };
            return Ok(Some(format!(
                "port {port} of 127.0.0.1 is forwarded to {whose} already; name another"
            )));
        }
        let free = self
            .hypervisor()
            .call(Lane::Act, "look at a port", PORT_DEADLINE, move |it| {
                it.is_port_free(protocol, port)
            })
            .await?;
        Ok((!free).then(|| {
            format!("port {port} of 127.0.0.1 is in use by another program of this host; name another")
        }))
    }

    async fn is_on(&self, row: &Vm) -> Result<bool> {
        let uuid = row.uuid;
        let state = self
            .hypervisor()
            .call(Lane::Act, "look at a domain", PORT_DEADLINE, move |it| {
                it.state(uuid)
            })
            .await?;
        Ok(!matches!(
            state,
            None | Some(DomainState::Off | DomainState::Crashed)
        ))
    }

    /// Tells QEMU, if the machine runs.
    async fn make(&self, row: &Vm, forwards: &[Forward]) -> Result<()> {
        if !self.is_on(row).await? {
            return Ok(());
        }
        let (uuid, forwards) = (row.uuid, forwards.to_vec());
        self.hypervisor()
            .call(Lane::Act, "forward a port", PORT_DEADLINE, move |it| {
                forwards.iter().try_for_each(|forward| it.forward(uuid, *forward))
            })
            .await?;
        Ok(())
    }

    /// Undoes what could not be made whole.
    async fn take_back(&self, row: &Vm, forwards: Vec<Forward>, error: &Error) -> Result<()> {
        let (uuid, id, gone) = (row.uuid, row.id, forwards.clone());
        let undone = self
            .hypervisor()
            .call(Lane::Act, "take a forward back", PORT_DEADLINE, move |it| {
                gone.iter().try_for_each(|forward| it.unforward(uuid, *forward))
            })
            .await;
        if let Err(error) = undone {
            tracing::warn!(vm = id.0, %error, "a forward that failed could not be taken back");
        }
        let sentence = format!("nothing was forwarded to {}: {error}", row.name);
        self.write(move |writer| {
            forwards.iter().try_for_each(|forward| {
                writer.remove_forward(id, *forward)?;
                log(
                    writer,
                    id,
                    ("vm.forward.failed", Severity::Warning),
                    &sentence,
                    *forward,
                )
            })
        })
        .await
    }
}

/// The one forward that is meant.
fn meant(kept: &[KeptForward], wanted: WantedForward) -> Result<Forward> {
    let all: Vec<Forward> = kept
        .iter()
        .map(|it| it.forward)
        .filter(|it| wanted.means(it))
        .collect();
    match all.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::NotFound {
            what: "forward",
            name: wanted.to_string(),
        }),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(Error::Conflict(format!(
                "{wanted} is one of {}; name the host's port, too",
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(host: u16, guest: u16) -> KeptForward {
        KeptForward {
            vm: VmId(1),
            forward: Forward {
                protocol: Protocol::Tcp,
                host,
                guest,
            },
            problem: None,
        }
    }

    #[test]
    fn a_guests_port_alone_means_its_one_forward() {
        let all = [kept(8080, 80), kept(8081, 80), kept(8443, 443)];
        let find = |text: &str| meant(&all, WantedForward::parse(text).unwrap()).map(|it| it.host);
        assert_eq!(find("443").unwrap(), 8443);
        assert_eq!(find("8081:80").unwrap(), 8081);
        let several = find("80").unwrap_err().to_string();
        assert!(
            several.contains("8080:80") && several.contains("8081:80"),
            "{several}"
        );
        assert!(matches!(find("22"), Err(Error::NotFound { .. })));
    }
}
