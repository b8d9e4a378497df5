//! The demo's world: an invented company's host, for `twarga --demo` on an empty computer.
//!
//! Two kinds of machines live here. Foreign domains are there from the beginning: somebody else
//! made them, one works in shifts, one crashes now and then. The company's own machines are only
//! a list, [`fleet`]: whoever seeds the demo asks the core for them, as a person would, and they
//! then behave as their names promise. Seeding wants [`Sim::set_pace`] with [`Pace::Instant`];
//! after it the pace is [`Pace::Scripted`], in which an image takes seconds to upload and a guest
//! seconds to boot.

#[cfg(doc)]
use super::Pace;
use super::Sim;
use super::script::{Clock, Guest, Load, Script};
use crate::hypervisor::Result;
use std::time::Duration;

/// What the demo's world is made from: always the same world.
const SEED: u64 = 0x7477_6172_6761;
/// Bytes per second of an upload: the tiny guest's 19 MB take about five seconds.
const UPLOAD_RATE: u64 = 4_000_000;
/// What a call takes: as much as libvirt's own over its socket.
const LATENCY: Duration = Duration::from_millis(4);

/// What an invented machine shall be doing once the demo begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Running.
    Running,
    /// Paused.
    Paused,
    /// Powered off.
    Stopped,
}

/// An invented machine, to be asked for through the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invented {
    /// Sign-in name of its owner.
    pub owner: &'static str,
    /// Its name, unique in the whole fleet.
    pub name: &'static str,
    /// Id of its image.
    pub image: &'static str,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub vcpus: u32,
    /// Disk, GiB.
    pub disk_gib: u64,
    /// What it shall be doing.
    pub wanted: Wanted,
    /// How long it has been running already when the demo begins, for [`super::Outside::backdate`].
    pub up: Duration,
}

/// The company's machines, by owner. They fit into the default limits.
pub fn fleet() -> Vec<Invented> {
    use Wanted::{Paused, Running, Stopped};
    [
        ("alice", "web-1", 2048, 2, 20, Running, 74 * 60),
        ("alice", "web-2", 2048, 2, 20, Running, 74 * 60),
        ("alice", "proxy", 512, 1, 10, Running, 21 * 24 * 60),
        ("alice", "old-db", 1024, 1, 30, Stopped, 0),
        ("bob", "build", 4096, 4, 50, Running, 190),
        ("bob", "registry", 1024, 2, 50, Running, 6 * 24 * 60),
        ("bob", "flaky", 512, 1, 10, Running, 2),
        ("carol", "postgres", 4096, 4, 40, Running, 45 * 24 * 60),
        ("carol", "replica", 2048, 2, 40, Running, 9 * 24 * 60),
        ("carol", "notebook", 1024, 2, 20, Paused, 33 * 60),
        ("dave", "game", 2048, 2, 20, Running, 5 * 60),
        ("dave", "leaky", 1024, 1, 10, Running, 17 * 60),
        ("dave", "museum", 512, 1, 10, Stopped, 0),
    ]
    .map(
        |(owner, name, memory_mib, vcpus, disk_gib, wanted, up)| Invented {
            owner,
            name,
            image: "tiny",
            memory_mib,
            vcpus,
            disk_gib,
            wanted,
            up: Duration::from_secs(up * 60),
        },
    )
    .to_vec()
}

/// The demo's hypervisor, its foreign domains running.
///
/// # Errors
/// None in fact: what is defined here does not collide.
pub fn hypervisor(clock: Clock) -> Result<Sim> {
    let mut script = Script::new(clock, SEED).casting(cast);
    "demo".clone_into(&mut script.host.hostname);
    script.latency = LATENCY;
    script.upload_rate = Some(UPLOAD_RATE);
    let sim = Sim::new(script);
    for (name, vcpus, memory_mib, up_hours) in [
        ("pfsense", 2, 2048, Some(64 * 24)),
        ("nightly-backup", 2, 1024, Some(0)),
        ("windows-2019", 4, 8192, Some(12 * 24)),
        ("sensor-gateway", 1, 512, Some(1)),
        ("template-do-not-start", 1, 1024, None),
    ] {
        let domain = sim.outside().define(name, vcpus, memory_mib)?;
        if let Some(hours) = up_hours {
            sim.outside().start(domain)?;
            sim.outside().backdate(domain, hours * HOUR)?;
        }
    }
    Ok(sim)
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How a guest behaves, by the last word of its domain's name: `user3-web-1` is a `web-1`.
fn cast(domain: &str) -> Guest {
    let name = match domain.split_once('-') {
        Some((owner, name)) if owner.starts_with("user") => name,
        _ => domain,
    };
    let usual = Guest {
        boot: Duration::from_secs(9),
        shutdown: Some(Duration::from_secs(4)),
        ..Guest::default()
    };
    match name {
        "build" => Guest {
            load: builds(),
            ..usual
        },
        "postgres" | "replica" => Guest {
            load: database(),
            ..usual
        },
        "game" => Guest {
            load: plays(),
            ..usual
        },
        "proxy" | "pfsense" => Guest {
            load: forwards(),
            ..usual
        },
        // Swallows its memory and does not hear the power button.
        "leaky" => Guest {
            shutdown: None,
            load: Load {
                memory: 0.93,
                ..Load::default()
            },
            ..usual
        },
        // Crashes a few minutes after each start; nobody starts it again but its owner.
        "flaky" => Guest {
            crash_after: Some(7 * MINUTE),
            ..usual
        },
        // Crashes, and its watchdog starts it again.
        "sensor-gateway" => Guest {
            crash_after: Some(65 * MINUTE),
            back_after: Some(MINUTE / 2),
            ..usual
        },
        // Works in shifts.
        "nightly-backup" => Guest {
            power_off_after: Some(4 * MINUTE),
            back_after: Some(3 * MINUTE),
            load: copies(),
            ..usual
        },
        // Has no balloon driver and takes its time.
        "windows-2019" => Guest {
            boot: MINUTE,
            shutdown: Some(MINUTE),
            memory_statistics: false,
            ..usual
        },
        // Never finds its network.
        "museum" => Guest {
            boot: Duration::from_secs(40),
            address: false,
            agent: false,
            says: vec![(
                Duration::from_secs(31),
                "[   31.207166] virtio_net virtio0 eth0: no carrier\r\n".to_owned(),
            )],
            ..usual
        },
        name if name.starts_with("web") => Guest {
            load: serves(),
            ..usual
        },
        _ => usual,
    }
}

/// Web servers: waves of visitors.
fn serves() -> Load {
    Load {
        cpu: 0.34,
        swing: 0.24,
        period: 5 * MINUTE,
        noise: 0.12,
        spike: 0.25,
        spike_every: 2 * MINUTE,
        spike_length: Duration::from_secs(15),
        memory: 0.55,
        net_received: 240e3,
        net_sent: 1.9e6,
        ..Load::default()
    }
}

/// A build machine: nothing, or everything.
fn builds() -> Load {
    Load {
        cpu: 0.03,
        swing: 0.02,
        noise: 0.02,
        spike: 0.93,
        spike_every: 4 * MINUTE,
        spike_length: 2 * MINUTE,
        memory: 0.62,
        disk_read: 3e6,
        disk_written: 9e6,
        ..Load::default()
    }
}

/// A database: steady, and always at its disk.
fn database() -> Load {
    Load {
        cpu: 0.22,
        swing: 0.1,
        period: 11 * MINUTE,
        noise: 0.08,
        memory: 0.81,
        disk_read: 1.4e6,
        disk_written: 2.6e6,
        net_received: 310e3,
        net_sent: 620e3,
        ..Load::default()
    }
}

/// A game server: full in the evening, and it is always evening.
fn plays() -> Load {
    Load {
        cpu: 0.68,
        swing: 0.12,
        period: 3 * MINUTE,
        noise: 0.15,
        memory: 0.7,
        net_received: 95e3,
        net_sent: 480e3,
        ..Load::default()
    }
}

/// A router: traffic without work.
fn forwards() -> Load {
    Load {
        cpu: 0.09,
        memory: 0.24,
        net_received: 2.2e6,
        net_sent: 2.3e6,
        disk_written: 2e3,
        ..Load::default()
    }
}

/// A backup: reads everything.
fn copies() -> Load {
    Load {
        cpu: 0.45,
        memory: 0.4,
        disk_read: 38e6,
        net_sent: 31e6,
        ..Load::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hypervisor::{DomainState, Hypervisor};
    use crate::model::limits::Usage;
    use crate::model::{Limits, Username, VmName};
    use jiff::Timestamp;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[test]
    fn the_fleet_would_be_accepted_from_a_person() {
        let limits = Limits::default();
        let mut usage: BTreeMap<&str, Usage> = BTreeMap::new();
        for machine in fleet() {
            Username::parse(machine.owner).unwrap();
            VmName::parse(machine.name).unwrap();
            limits.check_memory(machine.memory_mib).unwrap();
            limits.check_vcpus(machine.vcpus).unwrap();
            limits.check_disk(machine.disk_gib).unwrap();
            let has = usage.entry(machine.owner).or_default();
            limits.check_quota(*has, machine.memory_mib).unwrap();
            has.vms += 1;
            has.memory_mib += machine.memory_mib;
        }
        let names: BTreeSet<&str> = fleet().iter().map(|machine| machine.name).collect();
        assert_eq!(names.len(), fleet().len());
    }

    #[test]
    fn foreign_domains_come_and_go_by_themselves() {
        let minutes = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&minutes);
        let now = move || Timestamp::from_second(1_790_000_000 + 60 * clock.load(Ordering::SeqCst)).unwrap();
        let sim = hypervisor(Arc::new(now)).unwrap();
        let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for minute in 0..120 {
            minutes.store(minute, Ordering::SeqCst);
            for domain in sim.snapshot().unwrap().domains {
                let states = seen.entry(domain.name).or_default();
                states.insert(format!("{:?}", domain.state));
            }
        }
        let word = |state: DomainState| format!("{state:?}");
        assert!(seen["nightly-backup"].contains(&word(DomainState::Off)));
        assert!(seen["nightly-backup"].contains(&word(DomainState::Running)));
        assert_eq!(seen["pfsense"], BTreeSet::from([word(DomainState::Running)]));
        assert_eq!(
            seen["template-do-not-start"],
            BTreeSet::from([word(DomainState::Off)])
        );
    }
}
