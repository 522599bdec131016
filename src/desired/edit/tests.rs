use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Editor, splice};
use crate::{
    desired::{Desired, SourceFile, Vocabulary, load_files, write::Words},
    model::{NicType, Rule},
};

const PROJECT: &str = "rules: rules/\naccounts: { demo: { local: x.json } }\ndefaults: { account: demo, region: cn-hangzhou }\n";

fn load(text: &str) -> Desired {
    let files = vec![SourceFile::new("rules/x.yaml", text)];
    let project = SourceFile::new("rulekeep.yaml", PROJECT);
    match load_files(std::path::Path::new("."), project, files) {
        Ok((desired, _)) => desired,
        Err(error) => panic!("{text}\n{:#?}", error.diagnostics),
    }
}

fn rules(desired: &Desired) -> BTreeSet<Rule> {
    let rules = desired.groups[0].rules();
    rules
        .map(|rule| rule.bind(NicType::Intranet, |_| None).unwrap())
        .collect()
}

/// The text after which the group declares these rules.
fn edit(text: &str, wanted: &BTreeSet<Rule>) -> String {
    let desired = load(text);
    let vocabulary = Vocabulary::of(&desired.sources);
    let group = &desired.groups[0];
    let editor = Editor {
        file: group.span.file,
        text,
        words: Words {
            vocabulary: &vocabulary,
            groups: &BTreeMap::new(),
            classic: false,
        },
        names: &BTreeMap::new(),
        at: Timestamp::UNIX_EPOCH,
    };
    let wanted: Vec<Rule> = wanted.iter().cloned().collect();
    let changes = editor.edit(group, &wanted);
    splice(
        text,
        changes.unwrap_or_else(|error| panic!("{error}\n{text}")),
    )
}

fn rule(port: usize, net: usize) -> Rule {
    let text = format!(
        "group: sg-x\nmode: complete\ningress: [{{protocol: tcp, ports: {port}, from: 10.{net}.0.0/16}}]\n"
    );
    rules(&load(&text)).pop_first().unwrap()
}

/// How an item is written.
#[derive(Clone, Copy, Debug)]
enum Look {
    Lines,
    Braces,
    BracesOverLines,
    Anchored,
    AnchoredAbove,
    /// Merges the nearest anchored item above it.
    Merged,
    /// Has the peer of the nearest anchored item above it.
    Aliased,
}

#[derive(Clone, Debug)]
struct Item {
    look: Look,
    ports: usize,
    above: bool,
    behind: bool,
    wanted: [bool; 2],
}

fn item() -> impl Strategy<Value = Item> {
    let look = prop::sample::select(vec![
        Look::Lines,
        Look::Braces,
        Look::BracesOverLines,
        Look::Anchored,
        Look::AnchoredAbove,
        Look::Merged,
        Look::Aliased,
    ]);
    (
        look,
        1..3usize,
        any::<bool>(),
        any::<bool>(),
        any::<[bool; 2]>(),
    )
        .prop_map(|(look, ports, above, behind, wanted)| Item {
            look,
            ports,
            above,
            behind,
            wanted,
        })
}

/// How the list is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Lines(usize),
    Brackets,
    DocumentInBraces,
}

fn text(items: &[Item], form: Form) -> (String, BTreeSet<Rule>) {
    let mut wanted = BTreeSet::new();
    let mut anchored: Option<usize> = None;
    let in_lines = matches!(form, Form::Lines(_));
    let indent = match form {
        Form::Lines(indent) => " ".repeat(indent),
        Form::Brackets | Form::DocumentInBraces => "  ".to_owned(),
    };
    let mut list = String::new();
    for (at, item) in items.iter().enumerate() {
        let numbers: Vec<usize> = (0..item.ports).map(|n| 100 + 2 * at + n).collect();
        let ports = format!(
            "[{}]",
            numbers
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        );
        let (net, written) = match (item.look, anchored) {
            (Look::Merged, Some(net)) => (net, format!("{{ <<: *a{net}, ports: {ports} }}")),
            (Look::Aliased, Some(net)) => (
                net,
                format!("{{ protocol: tcp, ports: {ports}, from: *f{net} }}"),
            ),
            (Look::Lines, _) if in_lines => (
                at,
                format!(
                    "protocol: tcp  # in {at}\n{indent}  ports: {ports}\n{indent}  from: 10.{at}.0.0/16"
                ),
            ),
            (Look::BracesOverLines, _) => (
                at,
                format!(
                    "{{ protocol: tcp,\n{indent}   ports: {ports}, # in {at}\n{indent}   from: 10.{at}.0.0/16 }}"
                ),
            ),
            (Look::Anchored, _) => {
                anchored = Some(at);
                (
                    at,
                    format!(
                        "&a{at} {{ protocol: tcp, ports: {ports}, from: &f{at} 10.{at}.0.0/16 }}"
                    ),
                )
            }
            (Look::AnchoredAbove, _) if in_lines => {
                anchored = Some(at);
                (
                    at,
                    format!(
                        "&a{at}  # anchor\n{indent}  protocol: tcp\n{indent}  ports: {ports}\n{indent}  from: &f{at} 10.{at}.0.0/16"
                    ),
                )
            }
            _ => (
                at,
                format!("{{ protocol: tcp, ports: {ports}, from: 10.{at}.0.0/16 }}"),
            ),
        };
        for (port, wanted_too) in numbers.iter().zip(item.wanted) {
            if wanted_too {
                wanted.insert(rule(*port, net));
            }
        }
        let space = if in_lines || item.above { &*indent } else { "" };
        if item.above {
            list.push_str(&format!(
                "{}{indent}# above {at}\n",
                if in_lines { "" } else { "\n" }
            ));
        }
        let behind = if item.behind {
            format!("  # behind {at}\n")
        } else {
            String::new()
        };
        if in_lines {
            let end = if behind.is_empty() { "\n" } else { &behind };
            list.push_str(&format!("{space}- {written}{end}"));
        } else {
            let comma = if at + 1 < items.len() { "," } else { "" };
            list.push_str(&format!("{space}{written}{comma}{behind} "));
        }
    }
    let empty = items.is_empty();
    let text = match form {
        Form::Lines(_) if empty => {
            "group: sg-x\nmode: complete\ningress: []  # empty\negress: []\n".to_owned()
        }
        Form::Lines(_) => {
            format!("group: sg-x\nmode: complete\ningress:\n{list}# next\negress: []\n")
        }
        Form::Brackets => {
            format!("group: sg-x\nmode: complete\ningress: [{list} ]  # list\negress: []\n")
        }
        Form::DocumentInBraces => {
            format!(
                "{{ \"group\":\"sg-x\", # which\n mode: complete, ingress: [{list} ], egress: []}} # end\n"
            )
        }
    };
    (text, wanted)
}

fn comments(text: &str) -> Vec<&str> {
    let comments = text
        .lines()
        .filter_map(|line| Some(line.split_once('#')?.1.trim()));
    let mut comments: Vec<&str> = comments.collect();
    comments.sort_unstable();
    comments
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::testing::cases(128)))]
    #[test]
    fn an_edited_document_declares_the_wanted_rules_and_keeps_the_comments_of_what_stays(
        items in proptest::collection::vec(item(), 0..6),
        form in prop_oneof![
            3 => (0..4usize).prop_map(Form::Lines),
            1 => Just(Form::Brackets),
            1 => Just(Form::DocumentInBraces),
        ],
        new in proptest::collection::btree_set((900..905usize, 0..3usize), 0..3),
    ) {
        let (before, mut wanted) = text(&items, form);
        wanted.extend(new.into_iter().map(|(port, net)| rule(port, net)));
        let after = edit(&before, &wanted);
        let read = load(&after);
        prop_assert_eq!(rules(&read), wanted.clone(), "{}\nbecame\n{}", before, after);
        let (old, mut new) = (comments(&before), comments(&after));
        for comment in old {
            if let Some(at) = new.iter().position(|kept| *kept == comment) {
                new.swap_remove(at);
                continue;
            }
            // Said behind an item that is gone.
            let item = comment.strip_prefix("behind ").or(comment.strip_prefix("in "));
            let is_gone = |item: &Item| !item.wanted[..item.ports].contains(&true);
            let gone = match item.and_then(|at| at.parse::<usize>().ok()) {
                Some(at) => is_gone(&items[at]),
                None => comment == "anchor" && items.iter().any(is_gone),
            };
            prop_assert!(gone, "{}: {}\nbecame\n{}", comment, before, after);
        }
        prop_assert!(new.is_empty(), "{:?}: {}\nbecame\n{}", new, before, after);
        prop_assert_eq!(edit(&after, &wanted), after.clone(), "a second time");
        if rules(&load(&before)) == wanted {
            prop_assert_eq!(before, after);
        }
    }
}
