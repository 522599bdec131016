//! Any order of the same files means the same, and no text makes the reader panic.

use std::path::Path;

use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng},
};
use rulekeep::{
    desired::{Desired, DesiredGroup, SourceFile, load_files},
    diag::{Diagnostic, Span, render},
};

use crate::{PROJECT, good};

/// Few by default, as many as `RULEKEEP_PROPERTY_CASES` says.
fn cases(few: u32) -> u32 {
    std::env::var("RULEKEEP_PROPERTY_CASES").map_or(few, |text| {
        text.parse().expect("RULEKEEP_PROPERTY_CASES is a number")
    })
}

/// Everything but the places.
fn without_spans(desired: Desired, place: Span) -> Vec<DesiredGroup> {
    let mut groups = desired.groups;
    for group in &mut groups {
        group.span = place;
        let wanted = group.ingress.iter_mut().chain(&mut group.egress).flatten();
        for rule in wanted.chain(group.absent.iter_mut().map(|absent| &mut absent.rule)) {
            rule.span = place;
        }
        for pattern in &mut group.ignore {
            pattern.span = place;
        }
    }
    groups
}

fn shuffle<T>(items: &mut [T], rng: &mut TestRng) {
    for at in (1..items.len()).rev() {
        let other = rng.next_u32() as usize % (at + 1);
        items.swap(at, other);
    }
}

/// The same estate in another order: of files, documents, keys, rules and list items.
fn shuffled(rng: &mut TestRng) -> Vec<SourceFile> {
    const RULES: &[&[(&str, &[&str])]] = &[
        &[
            ("service", &["ssh", "web", "tcp/8443"]),
            ("from", &["office", "10.0.0.0/8", "sg-bp1peer"]),
        ],
        &[
            ("protocol", &["tcp", "udp"]),
            ("ports", &["53", "1000-2000", "prl-bp1"]),
            ("from", &["192.0.2.1", "2001:db8::/64"]),
            ("priority", &["7"]),
        ],
        &[
            ("protocol", &["all"]),
            ("from", &["198.51.100.0/24"]),
            ("policy", &["drop"]),
        ],
        &[
            ("protocol", &["icmp", "gre"]),
            ("from", &["10.1.0.0/16", "10.2.0.0/16"]),
            ("local", &["10.9.0.1", "10.9.0.2"]),
            ("description", &["ping"]),
        ],
        &[
            ("service", &["https"]),
            ("from", &["group:other"]),
            ("expires", &["2030-01-01"]),
        ],
    ];
    let mut documents = Vec::new();
    for name in ["web", "api", "jobs"] {
        let mut rules: Vec<String> = RULES
            .iter()
            .map(|rule| {
                let mut keys: Vec<String> = rule
                    .iter()
                    .map(|(key, items)| {
                        let mut items: Vec<String> =
                            items.iter().map(|item| format!("\"{item}\"")).collect();
                        shuffle(&mut items, rng);
                        match (*key, items.len()) {
                            ("priority", _) => format!("{key}: 7"),
                            (_, 1) => format!("{key}: {}", items[0]),
                            _ => format!("{key}: [{}]", items.join(", ")),
                        }
                    })
                    .collect();
                shuffle(&mut keys, rng);
                format!("{{ {} }}", keys.join(", "))
            })
            .collect();
        shuffle(&mut rules, rng);
        let mut keys = vec![
            format!("group: {name}"),
            "mode: { egress: complete, ingress: complete }".to_owned(),
            format!("ingress: [{}]", rules.join(", ")),
            "egress: []".to_owned(),
            "ignore: [{ from: office }, { description: \"x*\" }]".to_owned(),
        ];
        shuffle(&mut keys, rng);
        documents.push(keys.join("\n"));
    }
    documents.push("group: other\nmode: partial".to_owned());
    shuffle(&mut documents, rng);
    let at = 1 + rng.next_u32() as usize % (documents.len() - 1);
    let (first, second) = documents.split_at(at);
    let mut files = vec![
        SourceFile::new("rules/a.yaml", first.join("\n---\n")),
        SourceFile::new("rules/b.yaml", second.join("\n---\n")),
    ];
    shuffle(&mut files, rng);
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(64)))]

    #[test]
    fn order_in_the_files_changes_nothing(seed: [u8; 32]) {
        let project = || SourceFile::new("rulekeep.yaml", PROJECT);
        let mut groups = Vec::new();
        let mut place = None;
        for seed in [[0; 32], seed] {
            let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
            let (desired, warnings) =
                load_files(Path::new(""), project(), shuffled(&mut rng)).unwrap();
            prop_assert_eq!(warnings, vec![]);
            let place = *place.get_or_insert(desired.groups[0].span);
            groups.push(without_spans(desired, place));
        }
        prop_assert_eq!(&groups[0], &groups[1]);
        prop_assert_eq!(groups[0].len(), 4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(400)))]

    #[test]
    fn mutated_files_never_panic(
        which in 0..4usize,
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..12usize, prop::sample::select(SNIPPETS)),
            1..8,
        ),
    ) {
        let (project, groups) = good();
        let text = |file: &SourceFile| file.text.clone().unwrap().to_string();
        let mut texts = [text(&project), text(&groups[0]), text(&groups[1])];
        let victim = &mut texts[which % 3];
        for (at, length, snippet) in edits {
            let floor = |mut at: usize| {
                at = at.min(victim.len());
                while !victim.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let start = floor(at.index(victim.len() + 1));
            let end = floor(start + length);
            victim.replace_range(start..end, snippet);
        }
        let [project, first, second] = texts;
        let result = load_files(
            Path::new(""),
            SourceFile::new("rulekeep.yaml", project),
            vec![
                SourceFile::new("rules/a.yaml", first),
                SourceFile::new("rules/b.yaml", second),
            ],
        );
        match result {
            Ok((desired, warnings)) => {
                render(&desired.sources, &warnings, true);
            }
            Err(error) => {
                prop_assert!(error.diagnostics.iter().any(Diagnostic::is_error));
                render(&error.sources, &error.diagnostics, true);
            }
        }
    }
}

const SNIPPETS: &[&str] = &[
    "",
    " ",
    "\n",
    "\t",
    ":",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "#",
    "&a ",
    "*a",
    "!x ",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "\\",
    "~",
    "null",
    "true",
    "-1",
    "0",
    "99999999999999999999",
    "é",
    "\u{1F600}",
    "\u{feff}",
    "\u{2028}",
    "\0",
    "\r",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "<<: ",
    "? ",
    "group: ",
    "from: ",
    "0.0.0.0/0",
    "::/0",
    "sg-",
    "group:web",
    "@",
    "`",
];
