use std::{fs, path::PathBuf};

use proptest::prelude::*;

use super::{super::load, Loader};

const PROJECT: &str = "rules: rules/\naccounts: { a: { local: a.json } }\ndefaults: { region: cn-hangzhou }\nnetworks: { office: [203.0.113.0/24] }\n";

/// A project in a folder.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.0.path().join("rules")).unwrap();
        folder.project(PROJECT);
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("rulekeep.yaml")
    }

    fn project(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    fn path(&self, number: usize) -> PathBuf {
        self.0.path().join(format!("rules/g{number:04}.yaml"))
    }

    fn group(&self, number: usize, text: &str) {
        fs::write(self.path(number), text).unwrap();
    }
}

fn group(number: usize, port: u16) -> String {
    format!(
        "group: g{number}\nmode: complete\ningress:\n  - {{ protocol: tcp, ports: {port}, from: office }}\n"
    )
}

/// Everything that a load says, the place of every rule included.
fn told(loaded: Result<(super::Desired, Vec<super::Diagnostic>), super::LoadError>) -> String {
    match loaded {
        Ok(loaded) => format!("{loaded:#?}"),
        Err(error) => format!("{:#?}\n{:#?}", error.sources, error.diagnostics),
    }
}

#[test]
fn only_files_whose_content_has_changed_are_parsed() {
    let folder = Folder::new();
    for number in 0..200 {
        folder.group(number, &group(number, 80));
    }
    let mut loader = Loader::default();
    let mut parsed = || {
        let told_now = told(loader.load(&folder.file()));
        assert_eq!(told_now, told(load(&folder.file())));
        loader.parsed()
    };
    assert_eq!(parsed(), 200);
    assert_eq!(parsed(), 0);
    folder.group(17, &group(17, 443));
    assert_eq!(parsed(), 1);
    // Saved without a change.
    folder.group(17, &group(17, 443));
    assert_eq!(parsed(), 0);
    // The same size within the same tick of the clock.
    folder.group(17, &group(17, 444));
    assert_eq!(parsed(), 1);
    folder.group(17, "group: [\n");
    assert_eq!(parsed(), 1);
    assert_eq!(parsed(), 0, "what is wrong with a file is known as well");
    folder.group(17, &group(17, 444));
    assert_eq!(parsed(), 1);
    // Those behind one that is gone have moved up.
    fs::remove_file(folder.path(197)).unwrap();
    assert_eq!(parsed(), 2);
    // Names may mean something else.
    folder.project(&PROJECT.replace("203.0.113.0", "198.51.100.0"));
    assert_eq!(parsed(), 199);
    folder.project("rules: [\n");
    parsed();
    folder.project(PROJECT);
    assert_eq!(parsed(), 199);
}

#[cfg(unix)]
#[test]
fn files_that_were_left_alone_for_some_time_are_not_read_again() {
    let folder = Folder::new();
    for number in 0..20 {
        folder.group(number, &group(number, 80));
    }
    let mut loader = Loader::default();
    let mut read = || {
        let told_now = told(loader.load(&folder.file()));
        assert_eq!(told_now, told(load(&folder.file())));
        loader.read()
    };
    // Just written: their times prove nothing yet.
    assert_eq!(read(), 20);
    std::thread::sleep(std::time::Duration::from_secs(4));
    read();
    assert_eq!(read(), 0);
    folder.group(17, &group(17, 443));
    fs::remove_file(folder.path(3)).unwrap();
    assert_eq!(read(), 1);
    // Another project file changes what they mean, and not what they say.
    folder.project(&PROJECT.replace("203.0.113.0", "198.51.100.0"));
    assert!(read() <= 1);
}

/// What somebody does to the files between two loads.
#[derive(Clone, Debug)]
enum Edit {
    Write(usize, String),
    Unreadable(usize),
    Remove(usize),
    Project(String),
    UnreadableProject,
    RemoveProject,
}

fn edit() -> impl Strategy<Value = Edit> {
    let number = || 0_usize..6;
    let text = (number(), 1_u16..4).prop_flat_map(|(named, port)| {
        let sound = group(named, port);
        prop_oneof![
            5 => Just(sound.clone()),
            1 => Just(format!("# moved down\n{sound}")),
            1 => Just(format!("{sound}---\n{}", group(named + 10, port))),
            1 => Just(sound.replace("office", "offise")),
            1 => Just(sound.replace("office", "198.51.100.1/24")),
            1 => Just(format!("{sound}waivers: [{{ assertion: x, because: y, until: 2999-01-01 }}]\n")),
            1 => Just("group: [\n".to_owned()),
            1 => Just(String::new()),
        ]
    });
    let project = prop_oneof![
        Just(PROJECT.to_owned()),
        Just(format!("# below\n{PROJECT}")),
        Just(PROJECT.replace("office", "headquarters")),
        Just(format!(
            "{PROJECT}assertions: [{{ forbid: [ssh], from: internet, because: no }}]\n"
        )),
        Just(PROJECT.replace("rules/", "elsewhere/")),
        Just("rules: [\n".to_owned()),
        Just(String::new()),
    ];
    prop_oneof![
        8 => (number(), text).prop_map(|(number, text)| Edit::Write(number, text)),
        1 => number().prop_map(Edit::Unreadable),
        2 => number().prop_map(Edit::Remove),
        2 => project.prop_map(Edit::Project),
        1 => Just(Edit::UnreadableProject),
        1 => Just(Edit::RemoveProject),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("RULEKEEP_PROPERTY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
    ))]

    #[test]
    fn a_load_that_remembers_is_the_same_as_one_that_does_not(edits in prop::collection::vec(edit(), 1..20)) {
        let folder = Folder::new();
        let mut loader = Loader::default();
        for edit in edits {
            match edit {
                Edit::Write(number, text) => folder.group(number, &text),
                Edit::Unreadable(number) => fs::write(folder.path(number), b"\xff").unwrap(),
                // It may not be there.
                Edit::Remove(number) => drop(fs::remove_file(folder.path(number))),
                Edit::Project(text) => folder.project(&text),
                Edit::UnreadableProject => fs::write(folder.file(), b"\xff").unwrap(),
                Edit::RemoveProject => drop(fs::remove_file(folder.file())),
            }
            let file = folder.file();
            prop_assert_eq!(told(loader.load(&file)), told(load(&file)));
        }
    }
}
