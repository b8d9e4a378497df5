//! Commands about one's own SSH keys.

use crate::front::cli::shape;
use clap::Subcommand;
use std::path::PathBuf;

/// What to do with one's own SSH keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Add public keys: from a file, from standard input, or those of ~/.ssh on a terminal
    #[command(long_about = ADD_ABOUT, after_long_help = ADD_HELP)]
    Add {
        /// Take the keys from this file, one a line
        #[arg(long, short, value_name = "FILE")]
        file: Option<PathBuf>,
        /// What to call the key; else its comment
        #[arg(long, short, value_name = "NAME")]
        name: Option<String>,
    },
    /// List your keys
    #[command(visible_alias = "ls", after_long_help = shape::KEY_HELP)]
    List,
    /// Remove a key; machines that were made with it still let it in
    #[command(visible_alias = "rm", after_long_help = shape::REMOVED_KEY_HELP)]
    Remove {
        /// Its number or its fingerprint
        #[arg(value_name = "ID|FINGERPRINT")]
        which: String,
    },
}

const ADD_ABOUT: &str = "\
Add public keys to your own, all or none. A machine that you make from then on lets them in, unless \
it is made with --no-keys.

Without --file the keys are read from standard input; on a terminal those of ~/.ssh are listed with \
their fingerprints to choose from, and one may be pasted. Private keys, options before a key \
(command=…), DSA keys and RSA keys below 2048 bits are refused.";

const ADD_HELP: &str = "\
Examples:
  twarga key add
  twarga key add --file ~/.ssh/id_ed25519.pub --name laptop
  ssh-add -L | twarga key add

JSON: an array of the added keys, each as `key list` has it";
