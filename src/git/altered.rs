//! Whether a work tree holds a commit's files as they are: attributes and filters may have made others of them.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::Stdio,
};

use super::{Error, Git, Tree};

impl Git {
    /// The first file of a commit that is not in the folder of its work tree byte by byte, its top; `None`: all are.
    pub fn altered(&self, folder: &Path, commit: &str) -> Result<Option<String>, Error> {
        let tree = Tree::of_commit(self, commit)?;
        let files: Vec<(&str, &str)> = tree.files().collect();
        let is_file =
            |path: &str| fs::symlink_metadata(folder.join(path)).is_ok_and(|found| found.is_file());
        if let Some((path, _)) = files.iter().find(|(path, _)| !is_file(path)) {
            return Ok(Some((*path).to_owned()));
        }
        let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        let found = self.hashes(folder, &paths)?;
        let mut pairs = files.iter().zip(found);
        let other = pairs.find(|((_, id), found)| id != found);
        Ok(other.map(|((path, _), _)| (*path).to_owned()))
    }

    /// The ids that files would have as they are.
    fn hashes(&self, folder: &Path, paths: &[&str]) -> Result<Vec<String>, Error> {
        let failed = |said: String| Error::Failed {
            command: "hash-object".to_owned(),
            said,
        };
        let mut child = self
            .command(&["hash-object", "--no-filters", "--stdin-paths"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::NotStarted)?;
        let mut input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let ids: Result<Vec<String>, _> = std::thread::scope(|scope| {
            // Both ways at once: git answers while it is still asked.
            scope.spawn(move || {
                for path in paths {
                    // An end before the last is seen by the reader.
                    if input.write_all(quoted(path).as_bytes()).is_err() {
                        break;
                    }
                }
            });
            output.lines().collect()
        });
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        match ids {
            Ok(ids) if status.success() && ids.len() == paths.len() => Ok(ids),
            Ok(_) => Err(failed("a file cannot be read".to_owned())),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

/// A path on a line of its own, as git reads it.
fn quoted(path: &str) -> String {
    let mut line = String::from("\"");
    for letter in path.chars() {
        match letter {
            '"' | '\\' => line.extend(['\\', letter]),
            '\n' => line.push_str("\\n"),
            _ => line.push(letter),
        }
    }
    line.push_str("\"\n");
    line
}
