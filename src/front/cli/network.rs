//! Networks that machines can be on.

use super::arguments::NetworkCommand;
use super::failure::Failure;
use super::output::{Align, Table};
use super::shape::NetworkShape;
use super::{Cli, require_hypervisor};
use crate::core::Mode;

/// `twarga network`
pub async fn run(cli: &mut Cli, command: NetworkCommand) -> Result<(), Failure> {
    let NetworkCommand::List = command;
    let ctx = cli.ctx().await?;
    let (_, view) = cli.settled(&ctx).await?;
    require_hypervisor(&view)?;
    let choices = cli.core.networks(&ctx).await?;
    let shapes: Vec<_> = choices.iter().map(NetworkShape::from).collect();
    let none = match view.host.as_ref().map(|it| it.mode) {
        Some(Mode::Session) => {
            "on qemu:///session machines have QEMU's user-mode network; `twarga vm forward` leads in"
        }
        _ => "no networks; the first machine makes `default`",
    };
    cli.output.result(&shapes, |page| {
        let mut table = Table::new(&[
            ("NAME", Align::Left),
            ("KIND", Align::Left),
            ("STATE", Align::Left),
            ("BRIDGE", Align::Left),
            ("DHCP", Align::Left),
            ("", Align::Left),
        ]);
        for shape in &shapes {
            table.push(shape.row());
        }
        page.table(&table, none);
    })
}
