use proptest::prelude::*;

use super::*;

#[test]
fn a_file_gets_the_canonical_layout_and_keeps_its_comments() {
    let text = "\n\n# head\r\ngroup:   web   # which\nmode:  {ingress: complete,egress: partial}\n\n\n\ningress:\n-   protocol:  tcp\n    ports: [22,   80]    # two\n    # the far end\n    from:\n    -  10.0.0.0/8\n    - 'a: b'\n    # last of the list\n# next\n-   { service: ssh,from: office }\negress: []   \n---\ngroup: db\ndescription: |\n   one\n     two\n\n   three\nowner: a\n   b\n\n";
    assert_eq!(
        fmt(text).unwrap(),
        "# head\ngroup: web     # which\nmode: { ingress: complete, egress: partial }\n\ningress:\n  - protocol: tcp\n    ports: [22, 80]      # two\n    # the far end\n    from:\n      - 10.0.0.0/8\n      - \"a: b\"\n      # last of the list\n  # next\n  - { service: ssh, from: office }\negress: []\n---\ngroup: db\ndescription: |\n  one\n    two\n\n  three\nowner: a\n  b\n"
    );
}

#[test]
fn what_is_broken_or_unusual_keeps_its_layout() {
    assert_eq!(fmt("a: ["), Err(FmtError::Broken));
    assert_eq!(fmt("a: |1\n  x\n"), Err(FmtError::Unusual(1)));
    assert_eq!(fmt("? a\n: b\n"), Err(FmtError::Unusual(1)));
}

/// A document with lists, maps, comments and quotes in layouts that people write.
fn document() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z]{1,5}",
        Just("'it''s'".to_owned()),
        Just("\"::/0\"".to_owned()),
        Just("10".to_owned())
    ];
    let inline = prop_oneof![
        word.clone(),
        proptest::collection::vec(word.clone(), 0..4)
            .prop_map(|words| format!("[{}]", words.join(" ,  "))),
        (word.clone(), word.clone()).prop_map(|(a, b)| format!("{{k: {a},  j:   {b}}}")),
    ];
    let comment = prop_oneof![4 => Just(String::new()), 1 => Just("   # note".to_owned()), 1 => Just(" #x".to_owned())];
    let entry = (inline, comment, 1..4usize, 0..3usize, any::<bool>());
    let entries = proptest::collection::vec(entry, 1..5);
    (proptest::collection::vec((entries, 0..5usize, any::<bool>()), 1..4), any::<bool>()).prop_map(
        |(lists, ends)| {
            let mut text = String::new();
            for (n, (entries, indent, own_line)) in lists.into_iter().enumerate() {
                text.push_str(&format!("key{n}:\n"));
                let space = " ".repeat(indent);
                for (value, comment, gap, blank, map) in entries {
                    text.push_str(&"\n".repeat(blank));
                    if own_line {
                        text.push_str(&format!("{space}# before\n"));
                    }
                    let gap = " ".repeat(gap);
                    if map {
                        let inner = " ".repeat(indent + 1 + gap.len());
                        text.push_str(&format!("{space}-{gap}a:{gap}{value}{comment}\n{inner}# in\n{inner}b:\n{inner} - {value}\n"));
                    } else {
                        text.push_str(&format!("{space}-{gap}{value}{comment}\n"));
                    }
                }
            }
            if ends {
                text.push_str("# end\n\n\n");
            }
            text
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::testing::cases(256)))]

    #[test]
    fn formatting_twice_is_formatting_once(text in document()) {
        let once = fmt(&text);
        prop_assert!(once.is_ok(), "{:?}\n{}", once, text);
        let once = once.unwrap();
        prop_assert_eq!(fmt(&once).unwrap(), once.clone(), "{}", text);
    }
}
