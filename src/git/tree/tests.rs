use super::*;

fn tree(paths: &[(&str, Kind)]) -> Tree {
    let entry = |(path, kind): &(&str, Kind)| {
        let entry = Entry {
            kind: kind.clone(),
            id: "0".to_owned(),
        };
        ((*path).to_owned(), entry)
    };
    Tree {
        git: Git::of_process(),
        entries: paths.iter().map(entry).collect(),
        met: RefCell::default(),
    }
}

#[test]
fn a_path_is_followed_from_the_top_of_the_tree() {
    let tree = tree(&[
        ("net/rules/web.yaml", Kind::File),
        ("net/rulekeep.yaml", Kind::File),
        ("net/other", Kind::Module),
    ]);
    let found = |path: &str| tree.lookup(path).unwrap();
    assert_eq!(found("net/rules"), Found::Folder("net/rules".to_owned()));
    assert_eq!(
        found("./net//rules/"),
        Found::Folder("net/rules".to_owned())
    );
    assert_eq!(
        found("net/../net/rules/web.yaml"),
        Found::File("net/rules/web.yaml".to_owned())
    );
    assert_eq!(found(""), Found::Folder(String::new()));
    assert_eq!(found("net/rule"), Found::Nothing);
    assert_eq!(found("net/rulekeep.yaml/x"), Found::Nothing);
    assert!(matches!(found("net/../../x"), Found::Unknown(_)));
    assert!(matches!(found("net/other/web.yaml"), Found::Unknown(_)));
}

#[test]
fn a_path_that_leaves_the_repository_is_told_from_one_that_stays() {
    let tree = tree(&[
        ("net/rulekeep.yaml", Kind::File),
        ("net/.RuleKeep", Kind::Link),
        ("seed.json", Kind::File),
    ]);
    let leaves = |path: &str| tree.leaves("net", path).unwrap().is_some();
    for path in ["../seed.json", "new/state.json", "rulekeep.yaml"] {
        assert!(!leaves(path), "{path}");
    }
    // A folder that is not there may be made before the path is followed.
    for path in ["/seed.json", "../../seed.json", "new/../../../x"] {
        assert!(leaves(path), "{path}");
    }
    // A file is no folder, but not every system asks.
    for path in ["rulekeep.yaml/../../x", "rulekeep.yaml/.."] {
        assert!(leaves(path), "{path}");
    }
    for path in [".git/config", "x/.GIT", "GIT~1/config", ".git ./config"] {
        assert!(leaves(path), "{path}");
    }
    assert_eq!(tree.state(), Some("net/.RuleKeep"));
}

#[test]
fn on_windows_a_path_stays_without_drive_root_and_lexical_ascent() {
    let tree = tree(&[
        ("net/rulekeep.yaml", Kind::File),
        ("net/rules/web.yaml", Kind::File),
    ]);
    let leaves = |path: &str| tree.leaves_on(true, "net", path).unwrap().is_some();
    for path in ["rules\\web.yaml", "..\\net\\rules", ".\\state.json"] {
        assert!(!leaves(path), "{path}");
    }
    for path in [
        "\\outside",
        "/outside",
        "\\\\server\\share",
        "C:x",
        "C:\\x",
        "rulekeep.yaml:stream",
        "..\\..\\outside",
        "rulekeep.yaml\\..\\..\\outside",
        "rulekeep.yaml/../../../outside",
        "rules\\.git\\config",
    ] {
        assert!(leaves(path), "{path}");
    }
    // Elsewhere these are names.
    for path in ["\\outside", "C:x"] {
        assert!(tree.leaves_on(false, "net", path).unwrap().is_none());
    }
    for (path, out) in [("a/../b", false), ("a/../../b", true), ("..", true)] {
        assert_eq!(goes_out(path), out, "{path}");
    }
}

#[test]
fn names_that_are_no_text_are_refused() {
    let listed = b"100644 blob 1\tr/a.yaml\x00100644 blob 2\tr/b\xff.yaml\0";
    let error = Tree::parse(&Git::of_process(), listed, 2).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("b\u{fffd}.yaml\" is not UTF-8"), "{said}");
}

#[test]
fn the_names_in_a_folder_are_those_right_below_it() {
    let tree = tree(&[
        ("rules/a/b.yaml", Kind::File),
        ("rules/c.yaml", Kind::File),
        ("rules-old/d.yaml", Kind::File),
    ]);
    let names: Vec<String> = tree.names("rules").into_iter().collect();
    assert_eq!(names, ["a", "c.yaml"]);
    assert!(!tree.is_folder("rule"));
}
