//! Files in, groups or drawn diagnostics out.

mod properties;
mod schema;
mod show;

use std::{fs, path::Path};

use crate::show::show;
use rulekeep::{
    desired::{Desired, SourceFile, load_files},
    diag::{Code, Diagnostic, Sources, render, summary},
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

fn good() -> (SourceFile, Vec<SourceFile>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/desired/good");
    let read = |name: &str, path: &str| {
        SourceFile::new(path, fs::read_to_string(folder.join(name)).unwrap())
    };
    (
        read("rulekeep.yaml", "rulekeep.yaml"),
        vec![
            read("web.yaml", "rules/web.yaml"),
            read("jump.yaml", "rules/jump.yaml"),
        ],
    )
}

#[test]
fn every_key_means_what_it_says() {
    let (project, files) = good();
    let (desired, warnings) = load_files(Path::new("somewhere"), project, files)
        .unwrap_or_else(|error| panic!("{}", render(&error.sources, &error.diagnostics, false)));
    assert_eq!(warnings, []);
    insta::assert_snapshot!(show(&desired), @r#"
    demo cn-hangzhou sg-bp1jump00000000000: ingress partial, egress partial, quota 300, deletes 20% from 10, changes 50% from 10
      ingress empty
      egress not managed
      absent ingress accept tcp/3389 from 0.0.0.0/0 priority 1
    demo cn-hangzhou web in vpc-bp1aevy8sofi8mh100000: ingress complete, egress complete, quota 300, deletes 20% from 10, changes 50% from 10
      + ingress drop all from 198.51.100.0/24 priority 1
      + ingress accept tcp/80 from 0.0.0.0/0 priority 1, "public web"
      + ingress accept tcp/80 from ::/0 priority 1, "public web"
      + ingress accept tcp/443 from 0.0.0.0/0 priority 1, "public web"
      + ingress accept tcp/443 from ::/0 priority 1, "public web"
      + ingress accept udp/53 sport 1024-65535 from 2001:db8::7/128 priority 1, until 2027-01-31T10:00:00Z
      + ingress accept icmp from 192.0.2.7/32 priority 1, local 10.0.0.0/24
      + ingress accept icmp from 192.0.2.7/32 priority 1, local 10.0.1.0/24
      + ingress accept gre from 192.0.2.7/32 priority 1, local 10.0.0.0/24
      + ingress accept gre from 192.0.2.7/32 priority 1, local 10.0.1.0/24
      + ingress accept 132 from 192.0.2.7/32 priority 1, local 10.0.0.0/24
      + ingress accept 132 from 192.0.2.7/32 priority 1, local 10.0.1.0/24
      + ingress accept tcp/22 from 203.0.113.0/24 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/22 from 2001:db8:1::/48 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/22 from sg-bp1bastion00000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/22 from 1234567890123456/sg-bp1other0000000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/22 from group:jump-hosts priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/22 from pl-bp1list0000000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/8000-8010 from 203.0.113.0/24 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/8000-8010 from 2001:db8:1::/48 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/8000-8010 from sg-bp1bastion00000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/8000-8010 from 1234567890123456/sg-bp1other0000000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/8000-8010 from group:jump-hosts priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/8000-8010 from pl-bp1list0000000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/9000-9010 from 203.0.113.0/24 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/9000-9010 from 2001:db8:1::/48 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/9000-9010 from sg-bp1bastion00000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/9000-9010 from 1234567890123456/sg-bp1other0000000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/9000-9010 from group:jump-hosts priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/9000-9010 from pl-bp1list0000000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/prl-bp1ports from 203.0.113.0/24 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/prl-bp1ports from 2001:db8:1::/48 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/prl-bp1ports from sg-bp1bastion00000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/prl-bp1ports from 1234567890123456/sg-bp1other0000000000 priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/prl-bp1ports from group:jump-hosts priority 10, until 2027-02-01T00:00:00Z
      + ingress accept tcp/prl-bp1ports from pl-bp1list0000000000 priority 10, until 2027-02-01T00:00:00Z
      egress empty
      ignore None None None None None Some("Cloud Firewall *")
      ignore Some(Ingress) Some(110) Some("tcp") Some("22") Some("203.0.113.0/24") None
      ignore Some(Ingress) Some(110) Some("tcp") Some("22") Some("2001:db8:1::/48") None
    prod ap-southeast-1 legacy: ingress partial, egress partial, quota 50, deletes 20% from 10, changes 100% from 1
      + ingress accept tcp/22 from 10.0.0.0/8 priority 1, nic internet
      egress not managed
    "#);
    insta::assert_debug_snapshot!(desired.project.accounts, @r#"
    {
        "demo": Local {
            state: ".rulekeep/demo.json",
            seed: Some(
                "seed.json",
            ),
        },
        "prod": Alibaba {
            profile: Some(
                "prod",
            ),
            role_arn: Some(
                "acs:ram::1234567890123456:role/rulekeep",
            ),
            endpoint: Some(
                "http://127.0.0.1:8080",
            ),
            signature: V1,
        },
        "spare": Alibaba {
            profile: None,
            role_arn: None,
            endpoint: None,
            signature: V3,
        },
    }
    "#);
}

#[test]
fn a_single_account_is_the_default_and_absent_manages_its_direction() {
    let (desired, _) = load(
        "#### rulekeep.yaml\nrules: rules\naccounts:\n  only:\n\
         #### rules/a.yaml\ngroup: web\nregion: cn-hangzhou\nmode: partial\n\
         absent: { ingress: [{ service: rdp, from: 0.0.0.0/0 }] }\n",
    )
    .unwrap();
    let group = &desired.groups[0];
    assert_eq!(group.account.as_str(), "only");
    assert_eq!(group.ingress.as_deref(), Some(&[][..]));
    assert_eq!(group.egress, None);
    assert_eq!(group.quota, 200);
}

#[test]
fn warnings_do_not_stop_and_come_with_the_groups() {
    let (desired, warnings) = load(
        "group: web\nmode: complete\ningress:\n  - { service: ssh, from: 10.0.0.0/8 }\n  \
         - { service: ssh, from: 10.0.0.0/8, priority: 2 }\n\
         waivers: [{ assertion: nothing, until: 2027-01-31, reason: none }]\n",
    )
    .unwrap();
    assert_eq!(desired.groups[0].ingress.as_ref().unwrap().len(), 2);
    assert_eq!(
        warnings.iter().map(|w| w.code).collect::<Vec<_>>(),
        [Code::PriorityTwin, Code::WaiverNamesNothing]
    );
    assert_eq!(summary(&warnings), "2 warnings in 1 file");
}

#[test]
fn merge_keys_fill_in_what_is_not_written() {
    let (desired, _) = load(
        "group: web\nmode: complete\ningress:\n  - &ssh { service: ssh, from: 10.0.0.0/8, priority: 7 }\n  \
         - { <<: *ssh, from: 10.1.0.0/16 }\n  - { <<: [*ssh], service: [rdp, https], description: both }\n",
    )
    .unwrap();
    insta::assert_snapshot!(show(&desired), @r#"
    demo cn-hangzhou web: ingress complete, egress complete, quota 200, deletes 30% from 10, changes 50% from 10
      + ingress accept tcp/22 from 10.0.0.0/8 priority 7
      + ingress accept tcp/22 from 10.1.0.0/16 priority 7
      + ingress accept tcp/443 from 10.0.0.0/8 priority 7, "both"
      + ingress accept tcp/3389 from 10.0.0.0/8 priority 7, "both"
      egress not managed
    "#);
}

#[test]
fn a_description_in_a_block_has_no_line_break_at_its_end() {
    let (desired, _) = load(
        "group: web\nmode: complete\ningress:\n  - service: ssh\n    from: 10.0.0.0/8\n    \
         description: >\n      for the\n      admins\n",
    )
    .unwrap();
    let rules = desired.groups[0].ingress.as_ref().unwrap();
    assert_eq!(rules[0].description.as_deref(), Some("for the admins"));
}

#[test]
fn line_ends_and_byte_order_marks_of_windows_change_nothing() {
    let text = "group: web\nmode: complete\ningress:\n  - service: ssh\n    from: 10.0.0.0/8\n";
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(
        show(&load(text).unwrap().0),
        show(&load(&windows).unwrap().0)
    );
    let broken = windows.replace("10.0.0.0/8", "10.0.0.1/8");
    let (sources, diagnostics) = load(&broken).unwrap_err();
    insta::assert_snapshot!(render(&sources, &diagnostics, false), @r#"
    error[host-bits]: `10.0.0.1/8` has host bits set
     --> rules/web.yaml:5:11
      |
    5 |     from: 10.0.0.1/8
      |           ^^^^^^^^^^ the network is 10.0.0.0/8
      |
      = help: write 10.0.0.0/8, or 10.0.0.1/32 if one host is meant
    "#);
}

/// The group that a rule names may be the one that a document with an error is about.
#[test]
fn an_error_in_one_file_accuses_no_other() {
    let broken = "group: web\nmode: complet\ningress: []\n";
    let naming = |name: &str| {
        format!(
            "group: db\nmode: complete\ningress:\n  - {{ service: ssh, from: 'group:{name}' }}\n"
        )
    };
    let told = |name: &str| {
        let files = [("rules/web.yaml", broken), ("rules/db.yaml", &naming(name))];
        let files = files.map(|(path, text)| SourceFile::new(path, text));
        let project = SourceFile::new("rulekeep.yaml", PROJECT);
        let error = load_files(Path::new(""), project, files.into()).unwrap_err();
        let codes = error.diagnostics.iter().map(|one| one.code.to_string());
        codes.collect::<Vec<_>>()
    };
    assert_eq!(told("web"), ["invalid-value"]);
    assert_eq!(told("wbe"), ["unknown-peer-group", "invalid-value"]);
}

#[test]
fn files_are_found_below_the_folder_and_shown_relative_to_the_project() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("rulekeep.yaml", PROJECT.as_bytes());
    write("rules/b.yml", b"group: bb\nmode: complete\n");
    write(
        "rules/deep/a.yaml",
        b"# empty\n---\ngroup: aa\nmode: complete\n",
    );
    write("rules/_draft.yaml", b"nonsense: [");
    write("rules/notes.txt", b"no yaml");
    let project_file = folder.path().join("rulekeep.yaml");
    let (desired, _) = rulekeep::desired::load(&project_file).unwrap();
    let files: Vec<_> = desired
        .files()
        .map(|(path, digest)| format!("{} {}", path.display(), &digest[..8]))
        .collect();
    insta::assert_debug_snapshot!(files, @r#"
    [
        "rulekeep.yaml 0a1473b5",
        "rules/b.yml 0615c6d3",
        "rules/deep/a.yaml fad25164",
    ]
    "#);
    let names: Vec<_> = desired
        .groups
        .iter()
        .map(|g| g.selector.to_string())
        .collect();
    assert_eq!(names, ["aa", "bb"]);

    write("rules/broken.yaml", b"group: web\n\xff\n");
    let error = rulekeep::desired::load(&project_file).unwrap_err();
    insta::assert_snapshot!(render(&error.sources, &error.diagnostics, false), @r#"
    error[unreadable-file]: rules/broken.yaml cannot be read: line 2 is not UTF-8
     --> rules/broken.yaml:1:1
      |
    1 |
      | ^
      |
      = help: mend or remove the file; files whose names begin with `_` are not read
    "#);

    fs::remove_dir_all(folder.path().join("rules")).unwrap();
    let error = rulekeep::desired::load(&project_file).unwrap_err();
    insta::assert_snapshot!(render(&error.sources, &error.diagnostics, false), @r#"
    error[no-files]: there is no folder rules
     --> rulekeep.yaml:1:8
      |
    1 | rules: rules/
      |        ^^^^^^ cannot be read
      |
      = help: the path is relative to the project file; make the folder, or name another one
    "#);

    fs::create_dir(folder.path().join("rules")).unwrap();
    let error = rulekeep::desired::load(&project_file).unwrap_err();
    insta::assert_snapshot!(render(&error.sources, &error.diagnostics, false), @r#"
    error[no-files]: there is no group file below rules/
     --> rulekeep.yaml:1:8
      |
    1 | rules: rules/
      |        ^^^^^^ no *.yaml here whose name does not begin with `_`
      |
      = help: `rulekeep adopt` writes group files from the groups that there are
    "#);

    let error = rulekeep::desired::load(Path::new("no-such-project.yaml")).unwrap_err();
    insta::assert_snapshot!(render(&error.sources, &error.diagnostics, false), @r#"
    error[no-files]: there is no project file no-such-project.yaml
     |
     = help: `rulekeep init` writes one; another one is named with its path
    "#);
}

#[test]
fn colour_is_drawn_only_when_asked_for() {
    let (sources, diagnostics) = load("group: web\n").unwrap_err();
    assert!(!render(&sources, &diagnostics, false).contains('\u{1b}'));
    assert!(render(&sources, &diagnostics, true).contains('\u{1b}'));
}

#[test]
fn places_far_apart_and_lines_without_end_are_drawn_short() {
    let mut text =
        "group: web\nmode: complete\ningress:\n  - { service: ssh, from: 10.0.0.0/8 }\n".to_owned();
    for number in 0..4000 {
        text.push_str(&format!(
            "  - {{ protocol: tcp, ports: {}, from: 10.0.0.0/8 }}\n",
            30000 + number
        ));
    }
    let padding = "x".repeat(300);
    text.push_str(&format!(
        "  - {{ description: \"\t{padding}\", service: ssh, from: 10.0.0.0/8, owner: {padding} }}\n"
    ));
    let (sources, diagnostics) = load(&text).unwrap_err();
    let drawn = render(&sources, &diagnostics, false);
    assert_eq!(diagnostics.len(), 1);
    assert!(drawn.lines().count() < 20, "{drawn}");
    assert!(
        drawn.lines().all(|line| line.chars().count() < 700),
        "{drawn}"
    );
}

#[test]
fn a_file_that_declares_nothing_is_warned_about() {
    let (desired, warnings) = load(
        "#### rules/web.yaml\ngroup: web\nmode: complete\n#### rules/old.yaml\n# group: old\n#### rules/none.yaml\n",
    )
    .unwrap();
    assert_eq!(desired.groups.len(), 1);
    let found: Vec<_> = warnings
        .iter()
        .map(|warning| (warning.code.as_str(), warning.is_error()))
        .collect();
    assert_eq!(found, [("empty-file", false); 2]);
}
