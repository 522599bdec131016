//! The program on a terminal, which util-linux's `script` provides: there it asks before it changes anything.

use std::{
    io::Read as _,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

/// The key that an embedded cloud takes by default.
pub const KEYS: [(&str, &str); 2] = [
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
    ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
];

/// Starts the program with words in a folder and waits until it has asked; what it says afterwards is read with [`until`].
pub fn asked(folder: &Path, words: &str) -> (Child, ChildStdout) {
    let program = snapbox::cmd::cargo_bin!("rulekeep");
    let mut asking = Command::new("script")
        .args([
            "-qec",
            &format!("{} {words}", program.display()),
            "/dev/null",
        ])
        .current_dir(folder)
        .envs(KEYS)
        .env("NO_COLOR", "1")
        .env_remove("CI")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("util-linux is there");
    let mut out = asking.stdout.take().expect("it is a pipe");
    until(&mut out, "Only 'yes' is accepted");
    (asking, out)
}

/// Reads until a text has come.
pub fn until(out: &mut ChildStdout, text: &str) -> String {
    let mut said = String::new();
    let mut piece = [0; 1024];
    while !said.contains(text) {
        let count = out.read(&mut piece).expect("it can be read");
        assert!(count > 0, "it ended before {text:?}: {said}");
        said.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    said
}
