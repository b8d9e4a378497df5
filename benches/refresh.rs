//! What one look at the world costs: the simulator's snapshot (the program's own share of a
//! refresh), and libvirt's bulk call over its in-process mock driver (the bindings' share).

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use twarga::core::time::system_clock;
use twarga::hypervisor::Hypervisor;
use twarga::hypervisor::libvirt::{Libvirt, Options};
use twarga::hypervisor::sim::{Script, Sim};

/// Domains of one host: a few, many, absurdly many.
const FLEETS: [usize; 3] = [10, 1_000, 10_000];
/// The mock driver takes seconds to load more.
const MOCK_FLEETS: [usize; 2] = [10, 1_000];

fn simulated(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("refresh/simulator");
    for count in FLEETS {
        let sim = Sim::new(Script::new(system_clock(), 7));
        for n in 0..count {
            let domain = sim.outside().define(&format!("user1-vm-{n}"), 2, 1024);
            let started = domain.and_then(|domain| sim.outside().start(domain));
            assert!(started.is_ok(), "{started:?}");
        }
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| black_box(sim.snapshot()));
        });
    }
    group.finish();
}

fn mocked(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("refresh/libvirt-mock");
    for count in MOCK_FLEETS {
        let node = node(count);
        let libvirt = node.as_ref().map(|node| mock(node.path()));
        assert!(libvirt.is_ok(), "no temporary file for the mock driver's host");
        let Ok(libvirt) = libvirt else { return };
        let first = libvirt.snapshot();
        assert!(
            first.as_ref().is_ok_and(|it| it.domains.len() == count),
            "{:?}",
            first.err()
        );
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| black_box(libvirt.snapshot()));
        });
    }
    group.finish();
}

fn mock(node: &Path) -> Libvirt {
    Libvirt::new(Options::at(format!("test://{}", node.display())))
}

/// A host of the mock driver with so many running domains.
fn node(count: usize) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    writeln!(file, "<node>")?;
    for n in 0..count {
        writeln!(
            file,
            "<domain type='test'><name>user1-vm-{n}</name><memory>524288</memory><vcpu>1</vcpu>\
             <os><type>hvm</type></os></domain>"
        )?;
    }
    writeln!(file, "</node>")?;
    file.flush()?;
    Ok(file)
}

criterion_group!(benches, simulated, mocked);
criterion_main!(benches);
