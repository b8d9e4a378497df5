//! `twarga doctor`: the core's checks and the terminal's, printed.

use super::failure::{Failure, code};
use super::output::{Output, Streams};
use super::shape::CheckShape;
use crate::core::doctor::{Check, CheckState, Patient, examine};

/// What the environment says about the terminal.
#[derive(Clone, Debug, Default)]
pub struct Eyes {
    /// `TERM`
    pub term: Option<String>,
    /// `COLORTERM`
    pub colorterm: Option<String>,
    /// Whether the locale is UTF-8.
    pub utf8: bool,
}

/// Looks at everything and prints it. `before` is what was found on the way here: a configuration
/// that cannot be read.
///
/// # Errors
/// [`Failure::Partial`] if anything is bad.
pub async fn doctor(
    output: &mut Output,
    patient: Patient,
    eyes: &Eyes,
    before: Check,
) -> Result<(), Failure> {
    let mut checks = vec![before];
    checks.extend(examine(patient).await);
    checks.extend(terminal(output.streams(), eyes));
    let shapes: Vec<_> = checks.iter().map(CheckShape::from).collect();
    output.result(&shapes, |page| {
        let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        for check in &checks {
            page.line(&format!(
                "{:7}  {:width$}  {}",
                check.state.as_str(),
                check.name,
                check.finding
            ));
            if let Some(mend) = &check.mend {
                page.line(&format!("{:7}  {:width$}  → {mend}", "", ""));
            }
        }
    })?;
    let bad = checks
        .iter()
        .filter(|check| check.state == CheckState::Bad)
        .count();
    if bad == 0 {
        return Ok(());
    }
    let sentence = match bad {
        1 => "one thing does not work; the line below it says what mends it".to_owned(),
        many => format!("{many} things do not work; the line below each says what mends it"),
    };
    Err(Failure::Partial {
        code: code::OTHER,
        kind: "unwell",
        sentence,
    })
}

/// The smallest screen that is fully usable.
const USABLE: (u16, u16) = (80, 24);

fn terminal(streams: Streams, eyes: &Eyes) -> Vec<Check> {
    const NAME: &str = "terminal";
    if !streams.is_interactive() {
        return vec![Check::ok(
            NAME,
            "none here: the command line works, the screen needs one",
        )];
    }
    let mut checks = Vec::new();
    let term = eyes.term.as_deref().unwrap_or("unknown");
    match crossterm::terminal::size() {
        Ok((columns, rows)) if columns < USABLE.0 || rows < USABLE.1 => checks.push(Check::warning(
            NAME,
            format!("{term}, {columns}×{rows}"),
            format!("enlarge it to {}×{} to see everything", USABLE.0, USABLE.1),
        )),
        Ok((columns, rows)) => checks.push(Check::ok(NAME, format!("{term}, {columns}×{rows}"))),
        Err(error) => checks.push(Check::bad(
            NAME,
            format!("{term}: {error}"),
            "use another terminal",
        )),
    }
    let deep = matches!(eyes.colorterm.as_deref(), Some("truecolor" | "24bit")) || term.contains("256color");
    checks.push(if !streams.colour {
        Check::ok(
            "colours",
            "switched off (NO_COLOR or TERM=dumb): the monochrome theme works",
        )
    } else if deep {
        Check::ok("colours", "256 or more")
    } else {
        Check::warning(
            "colours",
            "16 or fewer, by TERM",
            "set TERM to what the terminal is, such as xterm-256color",
        )
    });
    checks.push(if eyes.utf8 {
        Check::ok("text", "UTF-8")
    } else {
        Check::warning(
            "text",
            "the locale is not UTF-8: lines and symbols may be garbled",
            "export LANG=C.UTF-8",
        )
    });
    checks
}
