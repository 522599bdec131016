//! The files of a commit, or of what is staged, read without checking anything out.
//!
//! Links are followed within the tree and never out of it: what they lead to elsewhere is not part of the commit.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io::{BufReader, Read as _, Write as _},
    process::Stdio,
    sync::Arc,
};

use crate::{
    desired::{MAX_BYTES, SourceFile, is_group_file},
    report::text::escape,
};

use super::{Error, Git, links};

/// Most links that are followed to one file.
const MAX_LINKS: usize = 40;

const OUTSIDE: &str = "it leads out of the repository";
const OF_GIT: &str = "it leads to what is git's own";

/// What a tree has under a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Link,
    /// Another repository, of which only the commit is known.
    Module,
}

#[derive(Clone, Debug)]
struct Entry {
    kind: Kind,
    id: String,
}

/// Paths and objects of a commit or of the index; texts are read when they are asked for.
#[derive(Clone, Debug)]
pub struct Tree {
    git: Git,
    entries: BTreeMap<String, Entry>,
    /// Where look-ups have led: files, folders, what is not there, and every link on the way.
    met: RefCell<BTreeSet<String>>,
}

/// Where a path leads once links are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Folder(String),
    File(String),
    /// Why it cannot be told.
    Unknown(String),
}

impl Tree {
    /// The files of a commit, by its id.
    pub fn of_commit(git: &Git, commit: &str) -> Result<Self, Error> {
        let listed = git.run(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        Self::parse(git, &listed, 2)
    }

    /// The files as they are staged.
    pub fn of_index(git: &Git) -> Result<Self, Error> {
        let listed = git.run(&["ls-files", "--stage", "-z", "--full-name", "--", ":/"])?;
        Self::parse(git, &listed, 1)
    }

    /// Reads `MODE .. ID ..\tPATH\0`; the id is the word at `place`.
    fn parse(git: &Git, listed: &[u8], place: usize) -> Result<Self, Error> {
        let Ok(text) = std::str::from_utf8(listed) else {
            // As text two such names could be one, and one file would hide the other.
            let mut lines = listed.split(|byte| *byte == 0);
            let line = lines.find(|line| std::str::from_utf8(line).is_err());
            let line = String::from_utf8_lossy(line.unwrap_or_default());
            let name = line.split_once('\t').map_or(&*line, |(_, name)| name);
            return Err(Error::Name(name.to_owned()));
        };
        let entry = |line: &str| {
            let (facts, path) = line.split_once('\t')?;
            let facts: Vec<&str> = facts.split(' ').collect();
            let kind = match *facts.first()? {
                "120000" => Kind::Link,
                "160000" => Kind::Module,
                _ => Kind::File,
            };
            let id = (*facts.get(place)?).to_owned();
            Some((path.to_owned(), Entry { kind, id }))
        };
        Ok(Self {
            git: git.clone(),
            entries: text.split('\0').filter_map(entry).collect(),
            met: RefCell::default(),
        })
    }

    /// The first file or link in a folder of the program's own, or called as one: file systems may not tell them apart.
    pub fn state(&self) -> Option<&str> {
        let is_state = |path: &&String| path.split('/').any(links::is_state);
        self.entries.keys().find(is_state).map(String::as_str)
    }

    /// Every file that is no link and its object.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.entries.iter();
        files
            .filter(|(_, entry)| entry.kind == Kind::File)
            .map(|(path, entry)| (&**path, &*entry.id))
    }

    /// Why the links of the tree must not be checked out, in a sentence; `None`: they may.
    pub fn objection(&self) -> Result<Option<String>, Error> {
        let all = self.entries.iter();
        let all = all.filter(|(_, entry)| entry.kind == Kind::Link);
        let (paths, ids): (Vec<_>, Vec<_>) = all.map(|(path, entry)| (path, &entry.id)).unzip();
        let targets = self.git.blobs(&ids)?;
        for (path, target) in paths.into_iter().zip(targets) {
            let why = match &target {
                Ok(target) => links::objection(path, target),
                Err(_) => Some("leads to what is no name"),
            };
            if let Some(why) = why {
                return Ok(Some(format!("its link {} {why}", escape(path))));
            }
        }
        Ok(None)
    }

    /// Why a path from the folder `root` does not stay in the repository once the tree is checked out; `None`: it does.
    pub fn leaves(&self, root: &str, path: &str) -> Result<Option<String>, Error> {
        self.leaves_on(cfg!(windows), root, path)
    }

    /// Where a backslash, a colon or `..` leads is for the system to say that checks it out.
    fn leaves_on(&self, windows: bool, root: &str, path: &str) -> Result<Option<String>, Error> {
        let path = match windows {
            true => path.replace('\\', "/"),
            false => path.to_owned(),
        };
        if path.starts_with('/') || std::path::Path::new(&path).is_absolute() {
            return Ok(Some("it is an absolute path".to_owned()));
        }
        if windows && path.contains(':') {
            return Ok(Some("it names a drive or a stream".to_owned()));
        }
        if path.split('/').any(links::is_git) {
            return Ok(Some(OF_GIT.to_owned()));
        }
        let path = format!("{root}/{path}");
        if windows && goes_out(&path) {
            return Ok(Some(OUTSIDE.to_owned()));
        }
        Ok(match self.lookup(&path)? {
            Found::Unknown(reason) => Some(reason),
            Found::Nothing | Found::Folder(_) | Found::File(_) => None,
        })
    }

    /// Whether a change of a path may change what was read so far: it is one that was met, or lies below one.
    pub fn has_met(&self, path: &str) -> bool {
        let met = self.met.borrow();
        let ends = path.match_indices('/').map(|(at, _)| at);
        met.contains("")
            || ends
                .chain([path.len()])
                .any(|end| met.contains(&path[..end]))
    }

    /// Whether there is a file, perhaps through links.
    pub fn has_file(&self, path: &str) -> Result<bool, Error> {
        Ok(matches!(self.lookup(path)?, Found::File(_)))
    }

    /// One file, shown as `name`; `None`: it is not there.
    pub fn file(&self, path: &str, name: &str) -> Result<Option<SourceFile>, Error> {
        let found = match self.lookup(path)? {
            Found::Nothing | Found::Folder(_) => return Ok(None),
            Found::File(real) => Ok(self.entries[&real].id.clone()),
            Found::Unknown(reason) => Err(reason),
        };
        Ok(self.read(vec![(name.to_owned(), found)])?.pop())
    }

    /// Every group file below the folder `rules` of the project folder `root`, as reading them from a disk would have it;
    /// or why the folder cannot be looked into. `own` is the project file's name, which is no group file.
    pub fn group_files(
        &self,
        root: &str,
        rules: &str,
        own: &str,
    ) -> Result<Result<Vec<SourceFile>, String>, Error> {
        if rules.starts_with('/') {
            return Ok(Err(format!("{rules} is not in the repository")));
        }
        if let Some(reason) = self.leaves(root, rules)? {
            return Ok(Err(format!("{rules}: {reason}")));
        }
        let shown = plain(rules).unwrap_or_else(|| rules.to_owned());
        let mut files = Vec::new();
        let mut seen = BTreeSet::new();
        match self.lookup(&format!("{root}/{rules}"))? {
            Found::Nothing => return Ok(Err(format!("there is no folder {rules}"))),
            Found::Unknown(reason) => return Ok(Err(format!("{rules}: {reason}"))),
            Found::File(real) => files.push((shown, Ok(real))),
            Found::Folder(real) => self.walk(&real, &shown, &mut seen, &mut files)?,
        }
        let own = match self.lookup(&format!("{root}/{own}"))? {
            Found::File(real) => Some(real),
            _ => None,
        };
        let files = files
            .into_iter()
            .filter(|(_, real)| real.as_ref().ok() != own.as_ref() || own.is_none())
            .map(|(shown, real)| (shown, real.map(|real| self.entries[&real].id.clone())));
        self.read(files.collect()).map(Ok)
    }

    /// Adds the group files of a folder; folders that links lead to are looked into once.
    fn walk(
        &self,
        folder: &str,
        shown: &str,
        seen: &mut BTreeSet<String>,
        files: &mut Vec<(String, Result<String, String>)>,
    ) -> Result<(), Error> {
        if !seen.insert(folder.to_owned()) {
            return Ok(());
        }
        for name in self.names(folder) {
            if name.starts_with(['_', '.']) {
                continue;
            }
            let join = |folder: &str| match folder {
                "" => name.clone(),
                folder => format!("{folder}/{name}"),
            };
            let (path, shown) = (join(folder), join(shown));
            match self.lookup(&path)? {
                Found::Folder(real) => self.walk(&real, &shown, seen, files)?,
                Found::File(real) if is_group_file(&name) => files.push((shown, Ok(real))),
                // A module may hold group files, whatever its name.
                Found::Unknown(reason) => files.push((shown, Err(reason))),
                Found::Nothing if is_group_file(&name) => {
                    files.push((shown, Err("it is a link to nothing".to_owned())));
                }
                Found::File(_) | Found::Nothing => {}
            }
        }
        Ok(())
    }

    /// The names in a folder.
    fn names(&self, folder: &str) -> BTreeSet<String> {
        let start = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let below = self.entries.range(start.clone()..);
        let below = below.map_while(|(path, _)| path.strip_prefix(&start));
        below
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .collect()
    }

    fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || {
            let start = format!("{path}/");
            let mut below = self.entries.range(start.clone()..);
            below
                .next()
                .is_some_and(|(path, _)| path.starts_with(&start))
        }
    }

    /// Follows a path from the top of the tree, and remembers where that leads.
    fn lookup(&self, path: &str) -> Result<Found, Error> {
        let mut at = Vec::new();
        let found = self.follow(path, &mut at)?;
        self.met.borrow_mut().insert(at.join("/"));
        Ok(found)
    }

    /// Follows a path; `at`: how far it came.
    fn follow(&self, path: &str, at: &mut Vec<String>) -> Result<Found, Error> {
        let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        let outside = || Ok(Found::Unknown(OUTSIDE.to_owned()));
        while let Some(part) = left.pop() {
            match &*part {
                "" | "." => continue,
                ".." => match at.pop() {
                    Some(_) => continue,
                    None => return outside(),
                },
                _ => at.push(part),
            }
            let here = at.join("/");
            match self.entries.get(&here) {
                None if self.is_folder(&here) => {}
                // Whoever makes the folder decides where that leads.
                None if left.iter().any(|part| part == "..") => {
                    let reason = format!("it goes up from {here}, which is not there");
                    return Ok(Found::Unknown(reason));
                }
                None => return Ok(Found::Nothing),
                Some(Entry {
                    kind: Kind::Module, ..
                }) => {
                    let reason = "it is in another repository (a submodule)".to_owned();
                    return Ok(Found::Unknown(reason));
                }
                Some(Entry {
                    kind: Kind::File, ..
                }) if left.iter().all(|part| part.is_empty() || part == ".") => {
                    return Ok(Found::File(here));
                }
                // Some systems go up from a file as from a folder.
                Some(Entry {
                    kind: Kind::File, ..
                }) if left.iter().any(|part| part == "..") => {
                    return Ok(Found::Unknown(format!("it goes up from the file {here}")));
                }
                Some(Entry {
                    kind: Kind::File, ..
                }) => return Ok(Found::Nothing),
                Some(Entry {
                    kind: Kind::Link,
                    id,
                }) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Ok(Found::Unknown("its links lead in a circle".to_owned()));
                    }
                    let target = self.git.run(&["cat-file", "blob", id])?;
                    let Ok(target) = String::from_utf8(target) else {
                        let reason = "it is a link to a name that is not UTF-8".to_owned();
                        return Ok(Found::Unknown(reason));
                    };
                    if target.starts_with('/') {
                        return outside();
                    }
                    let mut parts = target.split('/');
                    if parts.clone().any(links::is_git) {
                        return Ok(Found::Unknown(OF_GIT.to_owned()));
                    }
                    if parts.any(links::is_state) {
                        let reason = format!("the link {here} leads to what is rulekeep's own");
                        return Ok(Found::Unknown(reason));
                    }
                    self.met.borrow_mut().insert(here);
                    at.pop();
                    left.extend(target.split('/').rev().map(str::to_owned));
                }
            }
        }
        Ok(Found::Folder(at.join("/")))
    }

    /// The texts of objects, all in one question.
    fn read(
        &self,
        wanted: Vec<(String, Result<String, String>)>,
    ) -> Result<Vec<SourceFile>, Error> {
        let ids: Vec<&String> = wanted
            .iter()
            .filter_map(|(_, id)| id.as_ref().ok())
            .collect();
        let texts = self.git.blobs(&ids)?;
        let mut texts = texts.into_iter();
        let file = |(path, id): (String, Result<String, String>)| SourceFile {
            path: path.into(),
            text: id.and_then(|_| {
                let text = texts.next();
                text.unwrap_or_else(|| Err("git did not hand it out".to_owned()))
            }),
        };
        Ok(wanted.into_iter().map(file).collect())
    }
}

/// Whether a path goes above the top at some point, whatever its names lead to.
fn goes_out(path: &str) -> bool {
    let mut depth = 0_usize;
    path.split('/').any(|part| {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
        false
    })
}

/// A path without `.`; `None` when it has `..`.
fn plain(path: &str) -> Option<String> {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let parts: Vec<&str> = parts.collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

impl Git {
    /// The texts of objects in their order, each with why it has none.
    fn blobs(&self, ids: &[&String]) -> Result<Vec<Result<Arc<str>, String>>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let lost = |error: std::io::Error| Error::Failed {
            command: "cat-file".to_owned(),
            said: error.to_string(),
        };
        let mut child = self
            .command(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::NotStarted)?;
        let mut input = child.stdin.take().expect("it is piped");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let texts = std::thread::scope(|scope| {
            // Both ways at once: git answers while it is still asked.
            scope.spawn(move || {
                for id in ids {
                    // An end before the last is seen by the reader.
                    if input.write_all(format!("{id}\n").as_bytes()).is_err() {
                        break;
                    }
                }
            });
            let texts: Result<Vec<_>, _> = ids.iter().map(|_| blob(&mut output)).collect();
            texts
        });
        drop(output);
        child.wait().map_err(lost)?;
        texts.map_err(lost)
    }
}

/// Reads `ID blob SIZE\n..\n`, or `ID missing\n`.
fn blob(output: &mut impl std::io::BufRead) -> std::io::Result<Result<Arc<str>, String>> {
    let mut head = String::new();
    output.read_line(&mut head)?;
    let size = head.trim_end().rsplit(' ').next();
    let Some(size) = size.and_then(|size| size.parse::<u64>().ok()) else {
        return match head.is_empty() {
            true => Err(std::io::ErrorKind::UnexpectedEof.into()),
            false => Ok(Err("git does not have it".to_owned())),
        };
    };
    if size > MAX_BYTES {
        std::io::copy(&mut output.take(size + 1), &mut std::io::sink())?;
        return Ok(Err(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
    }
    let mut bytes = Vec::new();
    output.take(size).read_to_end(&mut bytes)?;
    let mut end = [0];
    output.read_exact(&mut end)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err("it is not UTF-8".to_owned()),
    })
}

#[cfg(test)]
mod tests;
