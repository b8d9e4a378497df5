//! Forwarded ports of machines.

use super::arguments::ForwardArguments;
use super::failure::Failure;
use super::output::{Align, Table};
use super::shape::ForwardShape;
use super::{Cli, require_hypervisor};
use crate::core::{Ctx, Mode, vms};
use crate::model::WantedForward;

/// `twarga vm forward`
pub async fn run(cli: &mut Cli, ctx: &Ctx, arguments: ForwardArguments) -> Result<(), Failure> {
    let ForwardArguments {
        name, ports, remove, ..
    } = arguments;
    let wanted = ports
        .iter()
        .map(|text| WantedForward::parse(text))
        .collect::<Result<Vec<_>, _>>()
        .map_err(crate::core::Error::from)?;
    let (_, view) = cli.settled(ctx).await?;
    let machine = cli.find_vm(ctx, &name).await?;
    let session = view.host.as_ref().is_some_and(|it| it.mode == Mode::Session);
    let none = if session || view.host.is_none() {
        format!("no ports are forwarded; `twarga vm forward {name} 8080:80` forwards one")
    } else {
        vms::reachable_anyway(&machine.vm)
    };
    if wanted.is_empty() {
        let shapes: Vec<_> = machine.forwards.iter().map(ForwardShape::from).collect();
        return cli
            .output
            .result(&shapes, |page| page.table(&table(&shapes), &none));
    }
    require_hypervisor(&view)?;
    let vm = machine.vm.id;
    let (done, verb) = if remove {
        (cli.core.remove_forwards(ctx, vm, wanted).await?, "is taken back")
    } else {
        (cli.core.add_forwards(ctx, vm, wanted).await?, "is forwarded")
    };
    let shapes: Vec<_> = done.iter().map(|it| ForwardShape::of(*it, None)).collect();
    cli.output.result(&shapes, |page| {
        for forward in &done {
            page.line(&format!(
                "127.0.0.1:{} to {} port {} of {} {verb}",
                forward.host, forward.protocol, forward.guest, machine.vm.name
            ));
        }
    })
}

fn table(shapes: &[ForwardShape]) -> Table {
    let mut table = Table::new(&[
        ("PROTOCOL", Align::Left),
        ("HOST", Align::Left),
        ("GUEST", Align::Right),
        ("PROBLEM", Align::Left),
    ]);
    for shape in shapes {
        table.push(shape.row());
    }
    table
}
