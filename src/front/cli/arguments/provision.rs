//! What a new machine's first boot does, on the command line.

use clap::Args;

/// What cloud-init does at the first boot.
#[derive(Debug, Args)]
#[command(next_help_heading = "First boot (cloud-init)")]
pub struct ProvisionArguments {
    /// Your own user-data: #cloud-config, a script (#!…), … (`-` is standard input)
    ///
    /// A #cloud-config is merged with what the other options say. The account, its keys and the
    /// machine's name hold in any case; lists are appended.
    #[arg(long, value_name = "FILE")]
    pub user_data: Option<String>,
    /// Locale, as de_DE.UTF-8
    #[arg(long)]
    pub locale: Option<String>,
    /// Time zone, as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Package to install; may be repeated
    #[arg(long, value_name = "NAME")]
    pub package: Vec<String>,
    /// Command to run once as root, after the packages; may be repeated
    #[arg(long, value_name = "COMMAND")]
    pub run: Vec<String>,
}
