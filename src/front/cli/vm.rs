//! Machines: listing, showing, making, acting, destroying.

use super::arguments::{ActArguments, CreateArguments, ProvisionArguments, VmCommand};
use super::failure::Failure;
use super::output::{Align, Page, Table, moment, span};
use super::shape::{self, ActedShape, ForeignShape, MachineShape, OperationShape};
use super::{Cli, files, key, note_age, operation, prompt, require_hypervisor};
use crate::core::{Action, Ctx, Foreign, Machine, NewMachine, seed};
use crate::model::{Operation, OperationId, OperationKind, Provision, VmId, VmStatus};
use std::path::Path;
use std::time::Duration;

/// `twarga vm`
pub async fn run(cli: &mut Cli, command: VmCommand) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    match command {
        VmCommand::List { foreign: false } => list(cli, &ctx).await,
        VmCommand::List { foreign: true } => list_foreign(cli, &ctx).await,
        VmCommand::Show { name } => show(cli, &ctx, &name).await,
        VmCommand::Create(wanted) => create(cli, &ctx, *wanted).await,
        VmCommand::Start(which) => act(cli, &ctx, which, Action::Start).await,
        VmCommand::Stop {
            act: which,
            force: false,
        } => act(cli, &ctx, which, Action::Stop).await,
        VmCommand::Stop {
            act: which,
            force: true,
        } => act(cli, &ctx, which, Action::Kill).await,
        VmCommand::Restart(which) => act(cli, &ctx, which, Action::Restart).await,
        VmCommand::Pause(which) => act(cli, &ctx, which, Action::Pause).await,
        VmCommand::Resume(which) => act(cli, &ctx, which, Action::Resume).await,
        VmCommand::Forward(arguments) => super::forward::run(cli, &ctx, arguments).await,
        VmCommand::Destroy { act: which, yes } => destroy(cli, &ctx, which, yes).await,
    }
}

async fn list(cli: &mut Cli, ctx: &Ctx) -> Result<(), Failure> {
    let (_, view) = cli.settled(ctx).await?;
    let now = cli.now();
    let shapes: Vec<_> = view
        .machines
        .iter()
        .map(|machine| MachineShape::new(machine, now))
        .collect();
    let mine = view.machines.iter().all(|machine| machine.vm.owner == ctx.user());
    cli.output.result(&shapes, |page| {
        let mut table = Table::new(&[
            ("NAME", Align::Left),
            ("STATE", Align::Left),
            ("IMAGE", Align::Left),
            ("vCPU", Align::Right),
            ("RAM MiB", Align::Right),
            ("DISK GiB", Align::Right),
            ("CPU %", Align::Right),
            ("MEM %", Align::Right),
            ("ADDRESS", Align::Left),
            ("UP", Align::Right),
        ]);
        for machine in &view.machines {
            table.push(row(machine, mine, now));
        }
        page.table(&table, "no machines; `twarga vm create NAME` makes one");
    })?;
    note_age(&view)
}

fn row(machine: &Machine, mine: bool, now: jiff::Timestamp) -> [String; 10] {
    let vm = &machine.vm;
    let percent = |value: Option<f32>| value.map(|value| format!("{value:.0}")).unwrap_or_default();
    [
        if mine {
            vm.name.to_string()
        } else {
            format!("{}/{}", machine.owner, vm.name)
        },
        machine.status.to_string(),
        vm.image.clone(),
        vm.vcpus.to_string(),
        vm.memory_mib.to_string(),
        vm.disk_gib.to_string(),
        percent(machine.load.cpu_percent),
        percent(machine.load.memory_percent),
        reach(machine),
        shape::uptime(machine, now).map(span).unwrap_or_default(),
    ]
}

/// Where its SSH answers: an address, or a forwarded port.
fn reach(machine: &Machine) -> String {
    match (shape::address(machine), machine.vm.ssh_port) {
        (Some(address), _) => address,
        (None, Some(port)) => format!("127.0.0.1:{port}"),
        (None, None) => String::new(),
    }
}

async fn list_foreign(cli: &mut Cli, ctx: &Ctx) -> Result<(), Failure> {
    let (_, view) = cli.settled(ctx).await?;
    let shapes: Vec<_> = view.foreign.iter().map(ForeignShape::from).collect();
    cli.output.result(&shapes, |page| {
        let mut table = Table::new(&[
            ("NAME", Align::Left),
            ("STATE", Align::Left),
            ("vCPU", Align::Right),
            ("RAM MiB", Align::Right),
            ("UUID", Align::Left),
        ]);
        for Foreign {
            name,
            uuid,
            vcpus,
            memory_mib,
            ..
        } in &view.foreign
        {
            let state = view
                .foreign
                .iter()
                .find(|it| it.uuid == *uuid)
                .map(shape::domain_state);
            table.push([
                name.clone(),
                state.unwrap_or_default().to_owned(),
                vcpus.to_string(),
                memory_mib.to_string(),
                uuid.to_string(),
            ]);
        }
        page.table(&table, "no domains but twarga's that you may see");
    })?;
    note_age(&view)
}

async fn show(cli: &mut Cli, ctx: &Ctx, name: &str) -> Result<(), Failure> {
    let (_, view) = cli.settled(ctx).await?;
    let machine = cli.find_vm(ctx, name).await?;
    let now = cli.now();
    cli.output.result(&MachineShape::new(&machine, now), |page| {
        describe(page, &machine, now)
    })?;
    note_age(&view)
}

fn describe(page: &mut Page, machine: &Machine, now: jiff::Timestamp) {
    let vm = &machine.vm;
    let percent = |value: Option<f32>| value.map(|value| format!("{value:.1} %")).unwrap_or_default();
    page.pairs(&[
        ("machine", vm.name.to_string()),
        ("owner", machine.owner.clone()),
        ("state", machine.status.to_string()),
        ("reason", machine.reason.clone().unwrap_or_default()),
        ("image", vm.image.clone()),
        (
            "size",
            format!(
                "{} vCPU, {} MiB RAM, {} GiB disk",
                vm.vcpus, vm.memory_mib, vm.disk_gib
            ),
        ),
        ("on the host", allocated(machine)),
        ("cpu", percent(machine.load.cpu_percent)),
        ("memory", percent(machine.load.memory_percent)),
        ("network", vm.network.clone().unwrap_or_default()),
        ("address", with_source(machine)),
        ("forwards", forwards(machine)),
        ("sign in", sign_in(machine).unwrap_or_default()),
        ("up", shape::uptime(machine, now).map(span).unwrap_or_default()),
        ("created", moment(vm.created_at)),
        ("uuid", vm.uuid.to_string()),
        (
            "operation",
            machine
                .operation
                .as_ref()
                .map(|it| super::progress::sentence(it, now))
                .unwrap_or_default(),
        ),
    ]);
}

/// Where its SSH answers, and how an address was learnt.
fn with_source(machine: &Machine) -> String {
    match machine.vm.address {
        Some(address) => format!("{} (by {})", address.ip, address.source.as_str()),
        None => reach(machine),
    }
}

/// What the disk really takes: `0.2 of 10 GiB`.
fn allocated(machine: &Machine) -> String {
    let shown = machine.load.disk_allocated.map(|bytes| {
        let gib = bytes as f64 / f64::from(1 << 30);
        format!("{gib:.1} of {} GiB disk are taken", machine.vm.disk_gib)
    });
    shown.unwrap_or_default()
}

/// `8080:80, 5353:53/udp (another program …)`
fn forwards(machine: &Machine) -> String {
    let shown = machine.forwards.iter().map(|kept| match &kept.problem {
        Some(problem) => format!("{} ({problem})", kept.forward),
        None => kept.forward.to_string(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The command that signs in to a machine that can be reached.
fn sign_in(machine: &Machine) -> Option<String> {
    if machine.status != VmStatus::Running {
        return None;
    }
    let user = &machine.vm.guest_user;
    match (shape::address(machine), machine.vm.ssh_port) {
        (Some(address), _) => Some(format!("ssh {user}@{address}")),
        (None, Some(port)) => Some(format!("ssh -p {port} {user}@127.0.0.1")),
        (None, None) => None,
    }
}

async fn create(cli: &mut Cli, ctx: &Ctx, wanted: CreateArguments) -> Result<(), Failure> {
    let (_, view) = cli.settled(ctx).await?;
    require_hypervisor(&view)?;
    let mut ssh_keys = Vec::new();
    for given in &wanted.ssh_key {
        ssh_keys.extend(key::given(cli.source.origin, "--ssh-key", given)?);
    }
    let provision = provision(cli, wanted.provision, wanted.password_stdin).await?;
    let password = if wanted.password_stdin {
        prompt::lines_of_input(1).await?.swap_remove(0)
    } else if wanted.ask_password {
        let instead = "there is no terminal to ask on: pipe the password in with --password-stdin";
        prompt::new_password(&mut cli.output, "Password for the guest's account: ", instead).await?
    } else {
        String::new()
    };
    let machine = NewMachine {
        name: wanted.name,
        image: wanted.image,
        memory_mib: wanted.memory,
        vcpus: wanted.vcpus,
        disk_gib: wanted.disk,
        guest_user: wanted.user.unwrap_or_default(),
        password,
        ssh_keys,
        without_own_keys: wanted.no_keys,
        provision,
        network: wanted.network.unwrap_or_default(),
    };
    let (vm, operation) = cli.core.create_vm(ctx, machine).await?;
    finish(cli, ctx, vm, operation, wanted.wait.waits()).await
}

/// What the first boot does; an own document is read from its file or from standard input.
async fn provision(
    cli: &Cli,
    wanted: ProvisionArguments,
    password_stdin: bool,
) -> Result<Provision, Failure> {
    let limit = seed::MAX_DOCUMENT as u64;
    let user_data = match wanted.user_data.as_deref() {
        Some("-") if password_stdin => {
            let sentence = "--user-data - and --password-stdin both want standard input; name a file";
            return Err(Failure::Usage(sentence.to_owned()));
        }
        Some("-") => Some(prompt::all_of_input(limit).await?),
        Some(file) => {
            let instead = "give the document on standard input (`-`)";
            let file = Path::new(file);
            Some(files::named(
                cli.source.origin,
                "--user-data",
                file,
                limit,
                instead,
            )?)
        }
        None => None,
    };
    Ok(Provision {
        locale: wanted.locale,
        timezone: wanted.timezone,
        packages: wanted.package,
        commands: wanted.run,
        user_data,
    })
}

async fn act(cli: &mut Cli, ctx: &Ctx, which: ActArguments, action: Action) -> Result<(), Failure> {
    let (_, view) = cli.settled(ctx).await?;
    let machine = cli.find_vm(ctx, &which.name).await?;
    require_hypervisor(&view)?;
    let operation = cli.core.act(ctx, machine.vm.id, action).await?;
    finish(cli, ctx, machine.vm.id, operation, which.wait.waits()).await
}

async fn destroy(cli: &mut Cli, ctx: &Ctx, which: ActArguments, yes: bool) -> Result<(), Failure> {
    let machine = cli.find_vm(ctx, &which.name).await?;
    if !yes {
        let name = machine.vm.name.as_str();
        let question = format!("This removes {name} and everything on its disk. Type its name: ");
        let instead = format!(
            "there is no terminal to ask on: `twarga vm destroy {} --yes`",
            which.name
        );
        if prompt::line(&mut cli.output, &question, &instead).await?.trim() != name {
            return Err(Failure::Usage(
                "that is not its name; nothing was changed".to_owned(),
            ));
        }
    }
    act(cli, ctx, which, Action::Destroy).await
}

/// Waits for an operation or leaves it, and prints what came of it.
async fn finish(
    cli: &mut Cli,
    ctx: &Ctx,
    vm: VmId,
    operation: OperationId,
    waits: bool,
) -> Result<(), Failure> {
    let operation = if waits {
        operation::follow(cli, ctx, operation).await?
    } else {
        operation::leave(cli, ctx, operation).await?
    };
    let machine = aftermath(cli, ctx, vm, &operation).await?;
    let now = cli.now();
    let shape = ActedShape {
        operation: OperationShape::from(&operation),
        machine: machine.as_ref().map(|machine| MachineShape::new(machine, now)),
    };
    cli.output.result(&shape, |page| {
        if !operation.state.is_final() {
            page.line(&super::progress::sentence(&operation, now));
            return;
        }
        match &machine {
            None => page.line(&format!("{} is gone", operation.name)),
            Some(machine) => {
                let how = sign_in(machine)
                    .map(|command| format!(": {command}"))
                    .unwrap_or_default();
                page.line(&format!("{} is {}{how}", operation.name, machine.status));
            }
        }
    })
}

/// How long the view may lag behind a finished operation before it is printed as it is.
const LAG: Duration = Duration::from_secs(5);

/// The machine once the view shows what the operation did; `None` if it is gone.
async fn aftermath(
    cli: &Cli,
    ctx: &Ctx,
    vm: VmId,
    operation: &Operation,
) -> Result<Option<Machine>, Failure> {
    let mut watch = cli.core.watch(ctx).await?;
    let mut view = watch.view();
    let of = |view: &crate::core::View| view.machines.iter().find(|machine| machine.vm.id == vm).cloned();
    let shown = |machine: Option<&Machine>| match machine {
        None => operation.kind == OperationKind::Destroy,
        Some(machine) => {
            machine.operation.is_none()
                && expected(operation.kind).is_some_and(|status| status == machine.status)
        }
    };
    if operation.state.is_final() {
        let caught_up = async {
            while !shown(of(&view).as_ref()) {
                view = watch.changed().await?;
            }
            Ok::<_, crate::core::Error>(())
        };
        if let Ok(caught_up) = tokio::time::timeout(LAG, caught_up).await {
            caught_up?;
        }
    }
    Ok(of(&view))
}

/// A machine's status after an operation of this kind; `None` if it is gone, or was none's.
fn expected(kind: OperationKind) -> Option<VmStatus> {
    use OperationKind::{Create, Destroy, Kill, Pause, Pull, Restart, Resume, Start, Stop};
    match kind {
        Create | Start | Restart | Resume => Some(VmStatus::Running),
        Stop | Kill => Some(VmStatus::Stopped),
        Pause => Some(VmStatus::Paused),
        Destroy | Pull => None,
    }
}
