//! `rulekeep completions`.

use clap_complete::Shell;

use crate::exit::Exit;

use super::{Cli, Failure, Screen};

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep completions bash > ~/.local/share/bash-completion/completions/rulekeep
  rulekeep completions zsh > \"${fpath[1]}/_rulekeep\"
  rulekeep completions fish > ~/.config/fish/completions/rulekeep.fish")]
pub(super) struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args, screen: &Screen) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::definition(), "rulekeep", &mut script);
    screen.result(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
