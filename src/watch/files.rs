//! Wakes the loop when a file of a project changes.
//!
//! Folders are watched and not files: editors put a new file in place of the old one, and files come and go.

use std::path::{Path, PathBuf};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::Wake;

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Files {
    _watcher: RecommendedWatcher,
}

/// Why files are not watched.
#[derive(Debug, thiserror::Error)]
#[error("{} is not watched", path.display())]
pub struct Error {
    /// The folder.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: notify::Error,
}

impl Files {
    /// Watches a project file and the folder of its group files, as far as they are there. What changed before is for
    /// the pass that follows to find.
    pub fn watch(project: &Path, rules: Option<&Path>, wake: &Wake) -> Result<Self, Error> {
        let project = real(project);
        let rules = rules.map(real);
        let mut folders = vec![(above(&project), RecursiveMode::NonRecursive)];
        if let Some(rules) = &rules {
            if rules.is_dir() {
                folders.push((rules.clone(), RecursiveMode::Recursive));
            }
            // That the folder itself comes, goes or is exchanged shows in the one above it.
            let around = above(rules);
            if !folders.iter().any(|(folder, _)| *folder == around) {
                folders.push((around, RecursiveMode::NonRecursive));
            }
        }
        let first = folders[0].0.clone();
        let known = Known { project, rules };
        let wake = wake.clone();
        let heard = move |event: notify::Result<Event>| match event {
            Ok(event) if !known.concerns(&event) => {}
            Ok(event) => {
                tracing::debug!(?event, "a file changed");
                wake.wake();
            }
            Err(error) => {
                tracing::debug!(%error, "files may have changed");
                wake.wake();
            }
        };
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error { path, source }
        };
        let mut watcher = notify::recommended_watcher(heard).map_err(failed(&first))?;
        for (folder, mode) in &folders {
            watcher.watch(folder, *mode).map_err(failed(folder))?;
        }
        Ok(Self { _watcher: watcher })
    }
}

/// The path without links, as far as it is there: that is how changes are told.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            // A trailing slash would come of an empty rest.
            return match rest.as_os_str().is_empty() {
                true => real,
                false => real.join(rest),
            };
        }
    }
    path
}

/// The nearest folder above a path that is there.
fn above(path: &Path) -> PathBuf {
    let mut above = path.ancestors().skip(1);
    above
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"))
        .to_owned()
}

/// Which changes are of interest.
struct Known {
    project: PathBuf,
    rules: Option<PathBuf>,
}

impl Known {
    fn concerns(&self, event: &Event) -> bool {
        // Reading a file is no change of it.
        !event.kind.is_access()
            && (event.need_rescan() || event.paths.iter().any(|path| self.is_of_interest(path)))
    }

    fn is_of_interest(&self, path: &Path) -> bool {
        if *path == self.project || self.project.starts_with(path) {
            return true;
        }
        let Some(rules) = &self.rules else {
            return false;
        };
        if rules.starts_with(path) {
            return true;
        }
        let Ok(below) = path.strip_prefix(rules) else {
            return is_exchanged(path);
        };
        let hidden = below
            .components()
            .any(|part| part.as_os_str().to_string_lossy().starts_with(['.', '_']));
        let may_matter = below.extension().is_none_or(|ending| {
            // Without an ending it may be a folder that came with files in it.
            ending == "yaml" || ending == "yml"
        });
        (may_matter && !hidden) || is_exchanged(path)
    }
}

/// Kubernetes exchanges the files of a mounted ConfigMap by exchanging this link.
fn is_exchanged(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "..data")
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    type Change<'a> = Box<dyn Fn() + 'a>;

    fn project() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (file, rules) = (
            folder.path().join("rulekeep.yaml"),
            folder.path().join("rules"),
        );
        fs::write(&file, "rules: rules/\n").unwrap();
        fs::create_dir_all(rules.join("net")).unwrap();
        fs::write(rules.join("web.yaml"), "1").unwrap();
        (folder, file, rules)
    }

    async fn woken(wake: &Wake) -> bool {
        let woken = tokio::time::timeout(Duration::from_secs(30), wake.woken()).await;
        woken.is_ok()
    }

    #[tokio::test]
    async fn edits_atomic_saves_new_files_and_deletions_wake() {
        let (folder, file, rules) = project();
        let changes: [(&str, Change<'_>); 8] = [
            (
                "edit",
                Box::new(|| fs::write(rules.join("web.yaml"), "2").unwrap()),
            ),
            (
                "atomic save",
                Box::new(|| {
                    let new = folder.path().join("rules/.web.yaml.new");
                    fs::write(&new, "3").unwrap();
                    fs::rename(&new, rules.join("web.yaml")).unwrap();
                }),
            ),
            (
                "new",
                Box::new(|| fs::write(rules.join("net/new.yml"), "4").unwrap()),
            ),
            (
                "folder",
                Box::new(|| fs::create_dir(rules.join("more")).unwrap()),
            ),
            (
                "deletion",
                Box::new(|| fs::remove_file(rules.join("web.yaml")).unwrap()),
            ),
            (
                "project file",
                Box::new(|| fs::write(&file, "rules: rules\n").unwrap()),
            ),
            (
                "folder goes",
                Box::new(|| fs::rename(&rules, folder.path().join("old")).unwrap()),
            ),
            (
                "folder comes",
                Box::new(|| fs::rename(folder.path().join("old"), &rules).unwrap()),
            ),
        ];
        for (name, change) in changes {
            let wake = Wake::default();
            // Before each pass it is set up anew.
            let _files = Files::watch(&file, Some(&rules), &wake).unwrap();
            change();
            assert!(woken(&wake).await, "{name}");
        }
    }

    #[test]
    fn what_no_plan_is_made_of_is_of_no_interest() {
        let known = Known {
            project: "/p/rulekeep.yaml".into(),
            rules: Some("/p/rules".into()),
        };
        let interest = |path: &str| known.is_of_interest(Path::new(path));
        for path in [
            "/p/rulekeep.yaml",
            "/p/rules",
            "/p/rules/web.yaml",
            "/p/rules/net",
            "/p/rules/net/a.yml",
            "/p/rules/..data",
            "/p/..data",
        ] {
            assert!(interest(path), "{path}");
        }
        for path in [
            "/p/.rulekeep",
            "/p/README.md",
            "/p/rules/.web.yaml.swp",
            "/p/rules/web.yaml~",
            "/p/rules/_shared.yaml",
            "/p/rules/.git/x.yaml",
            "/p/rules/README.md",
        ] {
            assert!(!interest(path), "{path}");
        }
    }

    #[test]
    fn reading_is_no_change() {
        let known = Known {
            project: "/p/rulekeep.yaml".into(),
            rules: None,
        };
        let read = notify::event::AccessKind::Read;
        let write = notify::event::ModifyKind::Any;
        let event = |kind| Event::new(kind).add_path("/p/rulekeep.yaml".into());
        assert!(!known.concerns(&event(notify::EventKind::Access(read))));
        assert!(known.concerns(&event(notify::EventKind::Modify(write))));
    }
}
