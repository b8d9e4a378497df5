//! A guest by its SSH server, with twarga's own key: the system's `ssh` on a pseudo-terminal.
//!
//! `ssh` gets an argument array and nothing else: no configuration of the user's (`-F none`), no
//! agent, no forwarding, no escape character that would open its own command line, and a
//! known-hosts file per machine, so that a new machine at an old address is not taken for a forgery
//! and a forgery not for a new machine.

use super::attendant::{Attendant, Duty};
use super::{End, Line, Typed};
use crate::core::policy::Permission;
use crate::core::{Core, Ctx, Error, Result, vms};
use crate::model::{Ending, Vm, VmId};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use tokio::sync::mpsc;

/// Bytes of one read.
const PIECE: usize = 32 * 1024;
/// Pieces on their way.
const WAITING: usize = 16;

/// How `ssh` is to be called for one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshCommand {
    /// The program.
    pub program: &'static str,
    /// Its arguments, up to the command to run in the guest.
    pub arguments: Vec<String>,
}

impl SshCommand {
    fn to(core: &Core, vm: &Vm) -> Result<Self> {
        let (host, port) = match (&vm.address, vm.ssh_port) {
            (Some(address), _) => (address.ip.to_string(), 22),
            (None, Some(port)) => ("127.0.0.1".to_owned(), port),
            (None, None) => {
                return Err(Error::Conflict(format!(
                    "{} has no address yet; is it running?",
                    vm.name
                )));
            }
        };
        let known_hosts = known_hosts(&core.settings().state_dir, vm)?;
        let key = core.ssh_identity().private_key.display().to_string();
        let options = [
            "BatchMode=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            "ForwardAgent=no".to_owned(),
            "ForwardX11=no".to_owned(),
            "ClearAllForwardings=yes".to_owned(),
            "PermitLocalCommand=no".to_owned(),
            "ProxyCommand=none".to_owned(),
            "ControlPath=none".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "StrictHostKeyChecking=accept-new".to_owned(),
            format!("UserKnownHostsFile={}", quoted(&known_hosts)),
            "GlobalKnownHostsFile=none".to_owned(),
            "HashKnownHosts=no".to_owned(),
            "ConnectTimeout=15".to_owned(),
            "ServerAliveInterval=15".to_owned(),
            "ServerAliveCountMax=3".to_owned(),
            "LogLevel=ERROR".to_owned(),
        ];
        let mut arguments = ["-F", "none", "-e", "none", "-i"].map(str::to_owned).to_vec();
        arguments.push(key);
        for option in options {
            arguments.extend(["-o".to_owned(), option]);
        }
        arguments.extend(["-p".to_owned(), port.to_string()]);
        arguments.extend(["-l".to_owned(), vm.guest_user.clone(), "--".to_owned(), host]);
        Ok(Self {
            program: "ssh",
            arguments,
        })
    }
}

/// `ssh` splits this option's value at blanks, unless it is quoted (ssh_config(5)).
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

/// The machine's own known-hosts file, by its UUID: another machine never shares it.
fn known_hosts(state_dir: &Path, vm: &Vm) -> Result<PathBuf> {
    let folder = state_dir.join("ssh/known_hosts");
    std::fs::create_dir_all(&folder).map_err(|error| Error::Io {
        what: folder.display().to_string(),
        reason: error.to_string(),
    })?;
    Ok(folder.join(vm.uuid.to_string()))
}

impl Core {
    /// How `ssh` is to be called to run a command in a guest, for a front that has a terminal or
    /// pipes of its own. The call is logged.
    ///
    /// # Errors
    /// As [`Core::open_console`].
    pub async fn ssh_command(&self, ctx: &Ctx, vm: VmId) -> Result<SshCommand> {
        let core = self.clone();
        self.change(
            ctx,
            Permission::UseConsole,
            move |reader, actor| vms::relation_to(reader, actor, vm),
            move |writer, ctx, actor| {
                let row = writer.vm(vm)?.ok_or_else(|| vms::unknown(vm))?;
                super::sessions::log_ssh_command(writer, ctx, actor, &row)?;
                SshCommand::to(&core, &row)
            },
        )
        .await
    }
}

/// Opens it and leaves it to a task.
///
/// # Errors
/// [`Error::Conflict`] if the machine has no address, [`Error::Io`] if `ssh` cannot be started.
pub async fn open(mut attendant: Attendant, size: (u16, u16)) -> Result<()> {
    let begun = async {
        let call = SshCommand::to(&attendant.core, &attendant.vm)?;
        attendant.record(size).await?;
        crate::core::off_worker(move || Session::start(&call, size)).await
    };
    match begun.await {
        Ok(session) => {
            attendant.line(Line::Attached);
            tokio::spawn(relay(attendant, session));
            Ok(())
        }
        Err(error) => {
            attendant
                .finish(End::because(Ending::Lost, error.to_string()))
                .await;
            Err(error)
        }
    }
}

/// `ssh` on a terminal of its own, served by three threads: one reads, one writes, one waits for
/// its end.
struct Session {
    output: mpsc::Receiver<Vec<u8>>,
    input: mpsc::Sender<Vec<u8>>,
    exit: tokio::sync::oneshot::Receiver<u32>,
    terminal: Box<dyn MasterPty + Send>,
    killer: Box<dyn portable_pty::ChildKiller + Send + Sync>,
}

impl Session {
    fn start(call: &SshCommand, (columns, rows): (u16, u16)) -> Result<Self> {
        let failed = |reason: String| Error::Io {
            what: "starting ssh".to_owned(),
            reason,
        };
        let pty = native_pty_system()
            .openpty(pty_size(columns, rows))
            .map_err(|error| failed(error.to_string()))?;
        let mut command = CommandBuilder::new(call.program);
        command.args(&call.arguments);
        // A terminal like the pane; of the surroundings only where programs are.
        let path = command.get_env("PATH").map(ToOwned::to_owned);
        let home = command.get_env("HOME").map(ToOwned::to_owned);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in [("PATH", path), ("HOME", home)] {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        let mut child = pty
            .slave
            .spawn_command(command)
            .map_err(|error| failed(error.to_string()))?;
        // Else its end would never show as the end of what is read.
        drop(pty.slave);
        let killer = child.clone_killer();
        let reader = pty.master.try_clone_reader();
        let writer = pty.master.take_writer();
        let (reader, writer) = match (reader, writer) {
            (Ok(reader), Ok(writer)) => (reader, writer),
            (Err(error), _) | (_, Err(error)) => {
                let _ = child.kill();
                return Err(failed(error.to_string()));
            }
        };
        let (to_attendant, output) = mpsc::channel(WAITING);
        let (input, typed) = mpsc::channel(WAITING);
        let (tell, exit) = tokio::sync::oneshot::channel();
        spawn("ssh-output", move || read(reader, &to_attendant))?;
        spawn("ssh-input", move || write(writer, typed))?;
        spawn("ssh-wait", move || {
            let code = child.wait().map_or(255, |status| status.exit_code());
            // The console may have been left meanwhile.
            let _ = tell.send(code);
        })?;
        Ok(Self {
            output,
            input,
            exit,
            terminal: pty.master,
            killer,
        })
    }
}

impl Drop for Session {
    /// Leaving the console ends `ssh`; one that has ended cannot be ended again.
    fn drop(&mut self) {
        let _ = self.killer.kill();
    }
}

fn pty_size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows: rows.max(1),
        cols: cols.max(2),
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| Error::Io {
            what: format!("starting the thread {name}"),
            reason: error.to_string(),
        })
}

fn read(mut reader: Box<dyn Read + Send>, to_attendant: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; PIECE];
    loop {
        match reader.read(&mut buffer) {
            // A terminal whose other end is closed says EIO.
            Ok(0) => return,
            Ok(length) => {
                if to_attendant.blocking_send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn write(mut writer: Box<dyn Write + Send>, mut typed: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = typed.blocking_recv() {
        if writer.write_all(&bytes).and_then(|()| writer.flush()).is_err() {
            return;
        }
    }
}

async fn relay(mut attendant: Attendant, mut session: Session) {
    let input = session.input.clone();
    let mut pending: Option<Vec<u8>> = None;
    let end = loop {
        let room = attendant.has_room();
        tokio::select! {
            duty = attendant.duty(pending.is_none()) => match duty {
                Duty::End(end) => break end,
                Duty::Room => {}
                Duty::Judge => if let Some(end) = attendant.judge().await { break end },
                Duty::Typed(typed) => {
                    attendant.note_input(&typed).await;
                    match typed {
                        Typed::Bytes(bytes) | Typed::Answer(bytes) => pending = Some(bytes),
                        Typed::Size(columns, rows) => resize(&session, columns, rows),
                    }
                }
            },
            permit = input.reserve(), if pending.is_some() => match permit {
                Ok(permit) => if let Some(bytes) = pending.take() { permit.send(bytes) },
                Err(_) => pending = None,
            },
            output = session.output.recv(), if room => match output {
                Some(bytes) => attendant.wrote(bytes).await,
                None => break over(&mut session).await,
            },
        }
    };
    drop((session, input));
    attendant.finish(end).await;
}

fn resize(session: &Session, columns: u16, rows: u16) {
    if let Err(error) = session.terminal.resize(pty_size(columns, rows)) {
        tracing::debug!(%error, "a terminal was not resized");
    }
}

/// Everything was read: `ssh` has ended, or will.
async fn over(session: &mut Session) -> End {
    let code = (&mut session.exit).await.ok();
    // ssh(1): 255 is its own failure, everything else is what ran in the guest.
    if code == Some(255) {
        return End {
            code,
            ..End::because(Ending::Lost, "ssh could not reach the guest, or lost it")
        };
    }
    End {
        code,
        ..End::of(Ending::Finished)
    }
}
