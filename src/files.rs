//! Writing files that a reader, or a power failure, must never find half written.
//!
//! What stands in a file is its writer's business.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As for any file that a program writes: the umask decides.
    Usual,
    /// Its owner alone.
    Owner,
}

/// Puts a file in place of what the path names: the old content or the new one is there, never a part, and the new one
/// outlasts a power failure. A link is followed and stays; devices and pipes are written to as they are.
pub fn replace(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let path = match fs::canonicalize(path) {
        Ok(real) if !fs::metadata(&real)?.is_file() => return write_through(&real, content),
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            // A link to a file that is not there yet.
            Ok(target) => match path.parent() {
                Some(folder) => folder.join(target),
                None => target,
            },
            Err(_) => path.to_owned(),
        },
        Err(error) => return Err(error),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        // In place of an error that names a temporary file.
        let text = format!("there is no folder {}", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let kept = kept_mode(&path, access);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = match access {
            Access::Usual => kept.unwrap_or(0o666),
            Access::Owner => 0o600,
        };
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    let made = builder.prefix(".rulekeep-").tempfile_in(folder);
    let mut file = made.map_err(unnamed)?;
    #[cfg(unix)]
    if let Some(mode) = kept {
        use std::os::unix::fs::PermissionsExt as _;
        // The umask has taken bits away that the old file has.
        if file.as_file().metadata()?.permissions().mode() & 0o777 != mode {
            let permissions = fs::Permissions::from_mode(mode);
            file.as_file().set_permissions(permissions)?;
        }
    }
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Who may read and write the file that is replaced; what is its owner's alone becomes nobody else's.
#[cfg(unix)]
fn kept_mode(path: &Path, access: Access) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let old = fs::metadata(path).ok()?;
    (access == Access::Usual).then(|| old.permissions().mode() & 0o777)
}

/// An error without the temporary file's name, which tells nobody anything.
fn unnamed(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::from(error.kind()),
    }
}

fn write_through(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    file.write_all(content)?;
    file.flush()
}

/// Makes a rename last through a power failure; folders can be synced on Unix only.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        fs::File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_no_other_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        replace(&path, b"one", Access::Usual).unwrap();
        replace(&path, b"two", Access::Usual).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn no_error_names_a_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/plan.json");
        let error = replace(&path, b"x", Access::Usual).unwrap_err().to_string();
        assert!(error.starts_with("there is no folder "), "{error}");
        assert!(!error.contains(".rulekeep-"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_the_file_that_it_names_is_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("kept")).unwrap();
        let link = folder.path().join("plan.json");
        std::os::unix::fs::symlink("kept/plan.json", &link).unwrap();
        for text in ["first", "second"] {
            replace(&link, text.as_bytes(), Access::Usual).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            let target = folder.path().join("kept/plan.json");
            assert_eq!(fs::read_to_string(target).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_stays_a_device() {
        use std::os::unix::fs::FileTypeExt as _;
        replace(Path::new("/dev/null"), b"x", Access::Usual).unwrap();
        let kind = fs::metadata("/dev/null").unwrap().file_type();
        assert!(kind.is_char_device());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_replaced_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yaml");
        for mode in [0o600, 0o640, 0o444, 0o666] {
            let _ = fs::remove_file(&path);
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            replace(&path, b"new", Access::Usual).unwrap();
            let kept = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(kept & 0o777, mode, "{mode:o}");
            replace(&path, b"secret", Access::Owner).unwrap();
            let kept = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(kept & 0o777, 0o600, "{mode:o}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_its_owner_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.json");
        replace(&path, b"x", Access::Owner).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
