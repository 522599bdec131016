//! Whether a commit was checked out as it is: what was checked of it is what will be read.

use crate::{
    exit::Exit,
    git::{self, Git},
    report::text::escape,
};

use super::super::Failure;

/// Fail unless the files of a commit are checked out here as they stand in it; for post-receive
///
/// Not for people: the hook calls it.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(super) struct Unaltered {
    /// The commit
    #[arg(value_name = "COMMIT")]
    commit: String,
}

impl Unaltered {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let failed = |error: git::Error| {
            Failure::new("the work tree cannot be compared with the commit").because(&error)
        };
        let top = Git::of_process().top().map_err(failed)?;
        let altered = Git::of_folder(&top).altered(&top, &self.commit);
        match altered.map_err(failed)? {
            None => Ok(Exit::Done),
            Some(path) => Err(Failure::new(format!(
                "{} is not checked out as it stands in the commit",
                escape(&path)
            ))
            .help("attributes, filters or encodings of git make another file of it; where they are the server's own take them away, and remove the file so that it is written again")
            .help("two names that differ only in case are one file on some disks")),
        }
    }
}
