//! `twarga ssh`: a shell on this terminal, or a command with this process's streams.

use super::arguments::SshArguments;
use super::failure::Failure;
use super::{Cli, console};
use crate::core::consoles::SshCommand;
use crate::front::signals::Ending;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

/// `twarga ssh`
pub async fn run(cli: &mut Cli, which: SshArguments) -> Result<(), Failure> {
    if which.command.is_empty() {
        return console::shell(cli, &which.name).await;
    }
    let ctx = cli.ctx().await?;
    let machine = cli.find_vm(&ctx, &which.name).await?;
    let call = cli.core.ssh_command(&ctx, machine.vm.id).await?;
    let tty = which.tty && cli.output.streams().input_is_terminal;
    let status = wait(command(&call, tty, &which.command)).await?;
    match exit_code(status) {
        0 => Ok(()),
        code => Err(Failure::Remote(code)),
    }
}

fn command(call: &SshCommand, tty: bool, words: &[OsString]) -> Command {
    let mut command = Command::new(call.program);
    if tty {
        command.arg("-t");
    }
    command
        .args(&call.arguments)
        .args(words.iter().map(|word| quoted(word)));
    command
}

/// Waits for its end. Keys that interrupt reach it as they reach this process; a signal to this
/// process alone is passed on.
async fn wait(command: Command) -> Result<ExitStatus, Failure> {
    let io = |reason| Failure::Io {
        what: "running ssh".to_owned(),
        reason,
    };
    let mut ending = Ending::listen();
    let mut child = tokio::process::Command::from(command).spawn().map_err(io)?;
    loop {
        tokio::select! {
            status = child.wait() => return status.map_err(io),
            () = ending.asked() => {
                // Its number is its own until it was waited for.
                let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
                if let Some(pid) = pid {
                    let _ended_meanwhile = kill_process(pid, Signal::TERM);
                }
            }
        }
    }
}

/// As shells have it: 128 and the signal's number for one that a signal ended.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// A word as it is for the guest's shell, which is given all words joined by blanks (ssh(1)): in
/// single quotes, where a POSIX shell takes everything for what it is but the quote itself. Words
/// without quotes could be keywords, assignments or aliases.
fn quoted(word: &OsStr) -> OsString {
    let mut quoted = vec![b'\''];
    for byte in word.as_bytes() {
        match byte {
            b'\'' => quoted.extend(b"'\\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    OsString::from_vec(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a shell takes words for after they were joined.
    fn as_a_shell_reads(words: &[OsString]) -> Vec<Vec<u8>> {
        let joined: Vec<OsString> = words.iter().map(|word| quoted(word)).collect();
        let line = joined.join(OsStr::new(" "));
        let mut script = OsString::from("printf '%s\\0' ");
        script.push(line);
        let said = Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        let mut words: Vec<_> = said.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        assert_eq!(words.pop(), Some(Vec::new()));
        words
    }

    #[test]
    fn words_arrive_as_they_are() {
        let words = [
            "a b", "", "it's", "''", "$HOME", "`id`", "\\", "a\nb", "*", "~", "\"", "é ü", "-n", "#x", "!",
        ];
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let read = as_a_shell_reads(&words);
        assert_eq!(
            read,
            words.iter().map(|it| it.as_bytes().to_vec()).collect::<Vec<_>>()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn any_words_arrive_as_they_are(words in proptest::collection::vec("[^\\x00]{0,12}", 1..5)) {
            let given: Vec<OsString> = words.iter().map(OsString::from).collect();
            let read = as_a_shell_reads(&given);
            prop_assert_eq!(read, words.iter().map(|it| it.as_bytes().to_vec()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ssh_is_told_of_a_terminal_before_the_host() {
        let call = SshCommand {
            program: "ssh",
            arguments: ["-F", "none", "--", "192.0.2.7"].map(str::to_owned).to_vec(),
        };
        let words = ["sh".into(), "-c".into(), "exit 7".into()];
        let built = |tty| {
            let command = command(&call, tty, &words);
            command
                .get_args()
                .map(|it| it.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            built(true),
            ["-t", "-F", "none", "--", "192.0.2.7", "'sh'", "'-c'", "'exit 7'"]
        );
        assert_eq!(built(false)[0], "-F");
    }

    #[test]
    fn a_signal_is_told_as_shells_tell_it() {
        assert_eq!(exit_code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(exit_code(ExitStatus::from_raw(libc::SIGTERM)), 143);
    }
}
