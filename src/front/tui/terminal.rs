//! The process's own terminal: taken at the start, given back however the program ends.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, window_size,
};
use crossterm::{cursor, execute};
use ratatui::layout::Size;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether there is a terminal to draw on and to read from.
pub(crate) fn is_present() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The terminal's size; 80×24 where it does not say (a serial line).
pub(crate) fn size() -> Size {
    match window_size() {
        Ok(size) if size.columns > 0 && size.rows > 0 => Size::new(size.columns, size.rows),
        _ => Size::new(80, 24),
    }
}

/// A writer to the terminal that is not line-buffered a second time.
pub(crate) fn writer() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Gives the terminal back when dropped, also where the loop's future is.
pub(crate) struct Guard(pub(crate) Screen);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// The terminal's modes.
#[derive(Clone)]
pub(crate) struct Screen {
    mouse: bool,
    errors: Arc<Errors>,
    taken: Arc<AtomicBool>,
}

impl Screen {
    /// Takes the terminal: raw mode, alternate screen, pastes as one piece, and the mouse if
    /// wanted. Standard error goes to `errors` meanwhile, so that no library's words land between
    /// the cells.
    ///
    /// # Errors
    /// The terminal's.
    pub(crate) fn take(mouse: bool, errors: Option<File>) -> io::Result<Self> {
        let errors = Arc::new(Errors::new(errors)?);
        let screen = Self {
            mouse,
            errors,
            taken: Arc::new(AtomicBool::new(false)),
        };
        screen.enter()?;
        screen.restore_on_panic();
        Ok(screen)
    }

    /// Sets the modes, whether or not they are set.
    pub(crate) fn enter(&self) -> io::Result<()> {
        self.errors.divert()?;
        self.taken.store(true, Ordering::SeqCst);
        // Somebody may have changed the modes meanwhile: crossterm only sets what it thinks is unset.
        disable_raw_mode()?;
        enable_raw_mode()?;
        let mut out = writer()?;
        execute!(out, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        if self.mouse {
            execute!(out, EnableMouseCapture)?;
        }
        Ok(())
    }

    /// Gives the terminal back as it was.
    pub(crate) fn leave(&self) {
        if !self.taken.swap(false, Ordering::SeqCst) {
            return;
        }
        // On a terminal that is gone all of this fails, and there is nobody to tell.
        if let Ok(mut out) = writer() {
            if self.mouse {
                let _ = execute!(out, DisableMouseCapture);
            }
            let _ = execute!(out, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
            let _ = out.flush();
        }
        let _ = disable_raw_mode();
        self.errors.undivert();
    }

    /// Hands a text to the terminal's clipboard (xterm's OSC 52).
    pub(crate) fn copy(&self, text: &str) -> io::Result<()> {
        let encoded = BASE64_STANDARD.encode(text);
        let mut out = writer()?;
        write!(out, "\x1b]52;c;{encoded}\x07")?;
        out.flush()
    }

    fn restore_on_panic(&self) {
        let screen = self.clone();
        let here = std::thread::current().id();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // A task that panics elsewhere ends alone; the screen goes on.
            if std::thread::current().id() == here {
                screen.leave();
            }
            before(panic);
        }));
    }

    /// Gives the terminal back and stops the process as its shell expects; returns once it is
    /// continued. The terminal is not yet taken again.
    pub(crate) fn stop_process(&self, group: bool) -> io::Result<()> {
        self.leave();
        // The rest of the group stops first, with the terminal already given back: whoever is at
        // the terminal next must not find this process still at work on it.
        if group {
            // SAFETY: plain numbers; this process ignores the signal while it is sent.
            with_action(libc::SIG_IGN, || unsafe { libc::kill(0, libc::SIGTSTP) })?;
        }
        // The default action stops the process, and does nothing in an orphaned process group,
        // where nobody could continue it.
        // SAFETY: plain numbers.
        with_action(libc::SIG_DFL, || unsafe { libc::raise(libc::SIGTSTP) })
    }
}

/// Does something while SIGTSTP has another action.
fn with_action(action: libc::sighandler_t, job: impl FnOnce() -> libc::c_int) -> io::Result<()> {
    // SAFETY: a zeroed sigaction is a valid one; both pointers are to live structures, and what
    // was read is put back.
    unsafe {
        let mut other: libc::sigaction = std::mem::zeroed();
        let mut ours: libc::sigaction = std::mem::zeroed();
        other.sa_sigaction = action;
        if libc::sigaction(libc::SIGTSTP, &raw const other, &raw mut ours) != 0 {
            return Err(io::Error::last_os_error());
        }
        job();
        if libc::sigaction(libc::SIGTSTP, &raw const ours, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Standard error while the screen is up.
struct Errors {
    original: File,
    elsewhere: File,
    matters: bool,
}

impl Errors {
    fn new(elsewhere: Option<File>) -> io::Result<Self> {
        let elsewhere = match elsewhere {
            Some(file) => file,
            None => File::options().write(true).open("/dev/null")?,
        };
        let original = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        // Somebody who redirected it wants to read it there.
        Ok(Self {
            matters: original.is_terminal(),
            original,
            elsewhere,
        })
    }

    fn divert(&self) -> io::Result<()> {
        if self.matters {
            duplicate(self.elsewhere.as_raw_fd())
        } else {
            Ok(())
        }
    }

    fn undivert(&self) {
        if self.matters {
            let _ = duplicate(self.original.as_raw_fd());
        }
    }
}

/// Makes standard error what `fd` is.
fn duplicate(fd: RawFd) -> io::Result<()> {
    // SAFETY: both descriptors are open for as long as this call takes; dup2 takes no pointers.
    match unsafe { libc::dup2(fd, libc::STDERR_FILENO) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
