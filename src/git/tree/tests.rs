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
