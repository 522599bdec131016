//! Files in, groups or drawn diagnostics out.

use std::{fs, path::Path};

use rulekeep::{
    desired::{Desired, SourceFile, load_files},
    diag::{Diagnostic, Sources, render, summary},
};

const PROJECT: &str = "\
rules: rules/
accounts:
  demo: { local: .rulekeep/demo.json }
  production: { profile: prod }
defaults: { account: demo, region: cn-hangzhou }
networks:
  office: [203.0.113.0/24, \"2001:db8:1::/48\"]
services:
  web: [tcp/80, tcp/443]
";

/// Files of one text: `#### path` begins each; a text without it is one group file of the project above.
fn split(text: &str) -> (SourceFile, Vec<SourceFile>) {
    let mut project = SourceFile::new("rulekeep.yaml", PROJECT);
    let mut files = Vec::new();
    if !text.starts_with("#### ") {
        files.push(SourceFile::new("rules/web.yaml", text));
        return (project, files);
    }
    for part in text.split("#### ").skip(1) {
        let (path, text) = part.split_once('\n').expect("a path on a line of its own");
        let file = SourceFile::new(path, text);
        if path == "rulekeep.yaml" {
            project = file;
        } else {
            files.push(file);
        }
    }
    (project, files)
}

fn load(text: &str) -> Result<(Desired, Vec<Diagnostic>), (Sources, Vec<Diagnostic>)> {
    let (project, files) = split(text);
    load_files(Path::new(""), project, files).map_err(|error| (error.sources, error.diagnostics))
}

#[test]
fn every_bad_input_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/desired/bad");
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    assert!(names.len() >= 30);
    for path in names {
        let text = fs::read_to_string(&path).unwrap();
        let (sources, diagnostics) = load(&text).expect_err(&path.display().to_string());
        let drawn = format!(
            "{}\n{}",
            render(&sources, &diagnostics, false),
            summary(&diagnostics)
        );
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, drawn);
        });
    }
}
