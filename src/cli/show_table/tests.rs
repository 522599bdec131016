use snapbox::{assert_data_eq, prelude::*, str};

use crate::report::sample::{self, Files};

use super::*;

#[test]
fn each_direction_is_a_table_with_the_place_of_each_rule() {
    let mut group = sample::group("web", &Files::new()).observed;
    group.rules = vec![
        sample::seen(
            "sgr-1",
            "ingress accept tcp/443 from 0.0.0.0/0 priority 1",
            "公网\u{1b}[1m",
        ),
        sample::seen("sgr-2", "ingress drop all from 10.0.0.0/8 priority 100", ""),
    ];
    let lines: Vec<_> = group
        .rules
        .iter()
        .zip([Some("rules/web.yaml:7".to_owned()), None])
        .map(|(seen, declared)| Line {
            seen,
            peer_name: None,
            declared,
        })
        .collect();
    let style = TextStyle {
        width: 120,
        colour: false,
        verbose: false,
    };
    let text = table(&group, &lines, &Direction::BOTH, &style);
    assert_data_eq!(
        text,
        str![[r#"
web  sg-bp1web000000000000  vpc-bp1demo

Ingress  2 rules
 Policy  Priority  Protocol  Source      Rule   Created     Declared          Description
 accept  1         tcp/443   0.0.0.0/0   sgr-1  2021-04-01  rules/web.yaml:7  公网\u{1b}[1m
 drop    100       all       10.0.0.0/8  sgr-2  2021-04-01  -

Egress  0 rules

"#]]
        .raw()
    );
}

#[test]
fn an_owner_stands_before_its_group_also_where_the_group_itself_is_limited() {
    let cell = |text: &str, local: Option<&str>, owner: Option<&str>, name: Option<&str>| {
        let mut seen = sample::seen("sgr-1", text, "");
        seen.rule.local = local.map(|local| local.parse().unwrap());
        seen.rule.peer_owner = owner.map(crate::model::OwnerId::new);
        let direction = seen.rule.direction;
        let line = Line {
            seen: &seen,
            peer_name: name,
            declared: None,
        };
        Cells::of(&line, direction).peer
    };
    let far = Some("9876543210987654");
    assert_eq!(
        cell(
            "egress accept tcp/22 to sg-far priority 1",
            Some("10.0.0.0/8"),
            far,
            None
        ),
        "9876543210987654/sg-far from 10.0.0.0/8"
    );
    assert_eq!(
        cell(
            "ingress accept tcp/22 from sg-far priority 1",
            Some("10.0.0.0/8"),
            far,
            None
        ),
        "9876543210987654/sg-far to 10.0.0.0/8"
    );
    assert_eq!(
        cell(
            "egress accept tcp/22 to sg-peer priority 1",
            None,
            None,
            Some("web")
        ),
        "sg-peer (web)"
    );
}

#[test]
fn ids_stay_whole_at_every_width_and_descriptions_give_way() {
    let mut group = sample::group("web", &Files::new()).observed;
    let ids = ["sgr-bp1ank48edtum4e2noh9", "sgr-bp1z4g8jiau3xakxg5sa"];
    group.rules = vec![
        sample::seen(
            ids[0],
            "ingress accept tcp/22 from sg-bp1bastion0000000000 priority 1",
            "administration of every server, by those on duty",
        ),
        sample::seen(
            ids[1],
            "ingress accept all from 0.0.0.0/0 priority 1",
            "ping",
        ),
    ];
    let lines: Vec<_> = group
        .rules
        .iter()
        .zip([Some("bastion"), None])
        .map(|(seen, peer_name)| Line {
            seen,
            peer_name,
            declared: Some("rules/web.yaml:17".to_owned()),
        })
        .collect();
    let drawn = |width: usize| {
        let style = TextStyle {
            width,
            colour: false,
            verbose: false,
        };
        table(&group, &lines, &[Direction::Ingress], &style)
    };
    for width in [40, 60, 80, 100, 120, 140, 200] {
        let text = drawn(width);
        for whole in [
            ids[0],
            ids[1],
            "sg-bp1bastion0000000000 (bastion)",
            "rules/web.yaml:17",
        ] {
            assert!(text.contains(whole), "{width}: {whole}\n{text}");
        }
        let longest = text.lines().map(str::len).max().unwrap();
        assert!(
            width < 100 || longest <= width,
            "{width}: {longest}\n{text}"
        );
    }
    assert_data_eq!(
        drawn(100),
        str![[r#"
web  sg-bp1web000000000000  vpc-bp1demo

Ingress  2 rules
 Policy  Priority  Protocol  Source                             Declared
                             Rule                               Description
 accept  1         tcp/22    sg-bp1bastion0000000000 (bastion)  rules/web.yaml:17
                             sgr-bp1ank48edtum4e2noh9           administration of every server, by
                                                                those on duty
 accept  1         all       0.0.0.0/0                          rules/web.yaml:17
                             sgr-bp1z4g8jiau3xakxg5sa           ping

"#]]
        .raw()
    );
    let wide = drawn(140);
    let first = "sgr-bp1ank48edtum4e2noh9  2021-04-01  rules/web.yaml:17  administration of\n";
    assert!(wide.contains(first), "{wide}");
}
