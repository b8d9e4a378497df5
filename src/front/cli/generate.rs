//! What the command line's definition gives besides the parser: completions and man pages.

use super::arguments::Arguments;
use super::failure::Failure;
use super::output::Output;
use clap::CommandFactory;
use std::path::Path;

/// Prints a completion script.
pub fn completions(output: &mut Output, shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "twarga", &mut script);
    output.raw(&script)
}

/// Prints the man page of the whole, or writes one per command into a folder.
pub fn man(output: &mut Output, dir: Option<&Path>) -> Result<(), Failure> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Arguments::command())
            .render(&mut page)
            .map_err(Failure::writing)?;
        return output.raw(&page);
    };
    clap_mangen::generate_to(Arguments::command(), dir).map_err(|reason| Failure::Io {
        what: format!("writing man pages to {}", dir.display()),
        reason,
    })
}
