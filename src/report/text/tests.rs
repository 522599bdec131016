mod order;

use snapbox::{assert_data_eq, prelude::*, str};

use crate::{
    apply::{GroupOutcome, GroupReport, Report},
    plan::{GroupPlan, Plan},
    report::{
        PlanReport,
        sample::{self, Files},
    },
};

use super::{TextStyle, applied, drift, plan, width};

const PLAIN: TextStyle = TextStyle {
    width: 120,
    colour: false,
    verbose: false,
};

fn drawn(groups: Vec<GroupPlan>, files: &Files, style: &TextStyle) -> String {
    let made = Plan {
        groups,
        schedules: Vec::new(),
        diagnostics: Vec::new(),
    };
    plan(&sample::bare(&made, files, &sample::stamp()), style)
}

#[test]
fn every_kind_of_line_is_aligned_and_starts_with_its_sign() {
    let files = Files::new();
    let made = sample::every_kind(&files);
    let text = plan(&sample::bare(&made, &files, &sample::stamp()), &PLAIN);
    assert_data_eq!(text, str![[r#"
db  sg-bp1db000000000000  demo/cn-hangzhou/vpc-bp1demo  ingress partial, egress not managed  rules/web.yaml:2
  +1 ~0 -0
+ ingress  accept  tcp/3306  from sg-bp1web000000000000  prio 1  rules/web.yaml:33
  egress is not managed: 1 live rule left alone
  newly admits ingress tcp/3306 from sg-bp1web000000000000  by rules/web.yaml:33

web  sg-bp1web000000000000  demo/cn-hangzhou/vpc-bp1demo  ingress complete, egress partial  rules/web.yaml:2
  +2 ~2 -1   complete: 1 live-only rule will be deleted   1 unmanaged   1 ignored   1 expired   1 system-level: kept
  quota 190 of 200, 191 on the way
+ ingress  accept  tcp/443         from 0.0.0.0/0                 prio 1       public web         rules/web.yaml:7
+ ingress  accept  tcp/443         from ::/0                      prio 1       公网 Web 入口      rules/web.yaml:7
~ ingress  accept  tcp/22 → 22-23  from 203.0.113.0/24            prio 1 → 10  "ssh" → "ssh fr…"  rules/web.yaml:12
~ egress   accept  udp/53          to 10.0.0.2/32 → 10.0.0.53/32  prio 1       dns                rules/web.yaml:20
- ingress  accept  tcp/3389        from 0.0.0.0/0                 prio 1       left over          sgr-bp1deleted00000000
? egress   drop    all             to sg-far0000                  prio 100     made by hand       sgr-bp1unmanaged000000
  expired, no longer desired: rules/web.yaml:16
  newly admits ingress tcp/443 from ::/0                    by rules/web.yaml:7
  newly admits egress udp/53 to sg-far0000 at 10.0.0.53/32  by rules/web.yaml:20
  no longer admits egress udp/53 to sg-far0000 at 10.0.0.2/32
      was by sgr-bp1moved0000000000, now by sgr-bp1unmanaged000000

2 groups unchanged, with 2 unmanaged rules (--verbose lists them)
order: safe at every step (5 calls, 2 layers)

Plan: 3 to add, 2 to change, 1 to destroy.

"#]].raw());
}

#[test]
fn verbose_shows_every_field_and_every_group() {
    let files = Files::new();
    let made = sample::every_kind(&files);
    let style = TextStyle {
        verbose: true,
        ..PLAIN
    };
    let text = plan(&sample::bare(&made, &files, &sample::stamp()), &style);
    assert_data_eq!(text, str![[r#"
db  sg-bp1db000000000000  demo/cn-hangzhou/vpc-bp1demo  ingress partial, egress not managed  rules/web.yaml:2
  +1 ~0 -0
+ ingress  accept  tcp/3306  from sg-bp1web000000000000  prio 1  rules/web.yaml:33
  egress is not managed: 1 live rule left alone
  newly admits ingress tcp/3306 from sg-bp1web000000000000  by rules/web.yaml:33

jump  sg-bp1jump000000000000  demo/cn-hangzhou/vpc-bp1demo  partial  rules/web.yaml:2
  unchanged   2 unmanaged
? ingress  accept  tcp/22  from 10.0.0.0/8     prio 1  sgr-1
    nic intranet, created 2021-04-01T08:00:00Z
? ingress  accept  tcp/22  from 172.16.0.0/12  prio 1  sgr-2
    nic intranet, created 2021-04-01T08:00:00Z

api  sg-bp1api000000000000  demo/cn-hangzhou/vpc-bp1demo  complete  rules/web.yaml:2
  unchanged

web  sg-bp1web000000000000  demo/cn-hangzhou/vpc-bp1demo  ingress complete, egress partial  rules/web.yaml:2
  +2 ~2 -1   complete: 1 live-only rule will be deleted   1 unmanaged   1 ignored   1 expired   1 system-level: kept
  quota 190 of 200, 191 on the way
+ ingress  accept  tcp/443         from 0.0.0.0/0                 prio 1       public web                     rules/web.yaml:7
+ ingress  accept  tcp/443         from ::/0                      prio 1       公网 Web 入口                  rules/web.yaml:7
~ ingress  accept  tcp/22 → 22-23  from 203.0.113.0/24            prio 1 → 10  "ssh" → "ssh from the office"  rules/web.yaml:12
    sgr-bp1modified0000000, nic intranet, created 2021-04-01T08:00:00Z
~ egress   accept  udp/53          to 10.0.0.2/32 → 10.0.0.53/32  prio 1       dns                            rules/web.yaml:20
    sgr-bp1moved0000000000, nic intranet, created 2021-04-01T08:00:00Z
- ingress  accept  tcp/3389        from 0.0.0.0/0                 prio 1       left over                      sgr-bp1deleted00000000
    nic intranet, created 2021-04-01T08:00:00Z
? egress   drop    all             to sg-far0000                  prio 100     made by hand                   sgr-bp1unmanaged000000
    nic intranet, peer owned by 1234567890123456, created 2021-04-01T08:00:00Z
  ingress  drop    all             from 198.51.100.0/24           prio 1       Cloud Firewall 7               sgr-bp1ignored00000000
    ignored by rules/web.yaml:30; nic intranet, created 2021-04-01T08:00:00Z
  ingress  accept  all             from 0.0.0.0/0                 prio 110     System created rule.           sgr-bp1system000000000
    system-level, kept; nic intranet, created 2021-04-01T08:00:00Z
  expired, no longer desired: rules/web.yaml:16
  newly admits ingress tcp/443 from ::/0                    by rules/web.yaml:7
  newly admits egress udp/53 to sg-far0000 at 10.0.0.53/32  by rules/web.yaml:20
  no longer admits egress udp/53 to sg-far0000 at 10.0.0.2/32
      was by sgr-bp1moved0000000000, now by sgr-bp1unmanaged000000

order: safe at every step (5 calls, 2 layers)

Plan: 3 to add, 2 to change, 1 to destroy.

"#]].raw());
}

#[test]
fn a_narrow_terminal_cuts_descriptions_and_nothing_else() {
    let files = Files::new();
    let mut group = sample::group("web", &files);
    group.changes = vec![sample::add(
        sample::rule(
            "ingress accept tcp/443 from 2001:db8:1234:5678::/64 priority 1",
            "a description that goes on for longer than anybody needs to know",
        ),
        files.line(7),
    )];
    let narrow = TextStyle {
        width: 100,
        ..PLAIN
    };
    let text = drawn(vec![group], &files, &narrow);
    assert!(text.lines().all(|line| width(line) <= 100), "{text}");
    assert_data_eq!(
        text,
        str![[r#"
web  sg-bp1web000000000000  demo/cn-hangzhou/vpc-bp1demo  complete  rules/web.yaml:2
  +1 ~0 -0
+ ingress  accept  tcp/443  from 2001:db8:1234:5678::/64  prio 1  a description t…  rules/web.yaml:7
  same traffic

Plan: 1 to add, 0 to change, 0 to destroy.

"#]]
        .raw()
    );
}

#[test]
fn text_of_others_cannot_act_on_the_terminal() {
    let files = Files::new();
    let mut group = sample::group("web", &files);
    group.name = crate::model::GroupName::new("web\u{1b}[2J\nPlan: 0 to add");
    group.changes = vec![sample::add(
        sample::rule(
            "ingress accept tcp/443 from 0.0.0.0/0 priority 1",
            "nice\u{1b}[1A\u{1b}[2K\r\u{202e}",
        ),
        files.line(7),
    )];
    let text = drawn(vec![group], &files, &PLAIN);
    assert!(
        text.chars()
            .all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'),
        "{text:?}"
    );
    assert_data_eq!(text, str![[r#"
web\u{1b}[2J\nPlan: 0 to add  sg-bp1web000000000000  demo/cn-hangzhou/vpc-bp1demo  complete  rules/web.yaml:2
  +1 ~0 -0
+ ingress  accept  tcp/443  from 0.0.0.0/0  prio 1  nice\u{1b}[1A\u{1b}[2K\r\u{202e}  rules/web.yaml:7
  same traffic

Plan: 1 to add, 0 to change, 0 to destroy.

"#]].raw());
}

#[test]
fn colour_adds_escape_codes_and_changes_no_text() {
    let files = Files::new();
    let made = sample::every_kind(&files);
    let stamp = sample::stamp();
    let report = sample::bare(&made, &files, &stamp);
    let style = TextStyle {
        colour: true,
        ..PLAIN
    };
    let coloured = plan(&report, &style);
    assert_eq!(
        anstream::adapter::strip_str(&coloured).to_string(),
        plan(&report, &PLAIN)
    );
    let line = |sign: &str| {
        let line = coloured.lines().find(|line| line.contains(sign));
        line.unwrap_or_default().to_owned()
    };
    assert!(line("+ ").starts_with("\u{1b}[32m+ "), "{:?}", line("+ "));
    assert!(line("- ").starts_with("\u{1b}[31m- "), "{:?}", line("- "));
    assert!(line("~ ").starts_with("\u{1b}[33m~ "), "{:?}", line("~ "));
    assert!(line("? ").starts_with("\u{1b}[2m? "), "{:?}", line("? "));
}

#[test]
fn the_owner_of_a_peer_group_is_no_difference() {
    let files = Files::new();
    let mut group = sample::group("web", &files);
    let live = "ingress accept tcp/22 from sg-far0000 priority 5";
    let mut wanted = sample::rule("ingress accept tcp/22 from sg-far0000 priority 1", "");
    wanted.peer_owner = None;
    group.changes = vec![sample::modify(
        sample::seen("sgr-1", live, ""),
        wanted,
        files.line(7),
    )];
    let text = drawn(vec![group], &files, &PLAIN);
    let expected = "~ ingress  accept  tcp/22  from sg-far0000  prio 5 → 1  rules/web.yaml:7";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn without_changes_the_report_is_two_lines() {
    let files = Files::new();
    let groups = ["api", "db"].map(|name| sample::group(name, &files));
    assert_data_eq!(
        drawn(groups.into(), &files, &PLAIN),
        str![[r#"
2 groups unchanged

No changes.

"#]]
        .raw()
    );
    assert_data_eq!(
        drawn(Vec::new(), &files, &PLAIN),
        str![[r#"
No changes.

"#]]
        .raw()
    );
}

#[test]
fn a_long_list_of_unmanaged_rules_is_cut() {
    let files = Files::new();
    let mut group = sample::group("web", &files);
    group.changes = vec![sample::add(
        sample::rule("ingress accept tcp/443 from 0.0.0.0/0 priority 1", ""),
        files.line(7),
    )];
    group.unmanaged = (0..25)
        .map(|n| {
            let text = format!("ingress accept tcp/{} from 10.0.0.0/8 priority 1", 1000 + n);
            sample::seen(&format!("sgr-{n:02}"), &text, "")
        })
        .collect();
    let text = drawn(vec![group], &files, &PLAIN);
    let signs = text.lines().filter(|line| line.starts_with("? ")).count();
    assert_eq!(signs, 11, "{text}");
    assert!(
        text.contains("? 15 more unmanaged; --verbose lists them\n"),
        "{text}"
    );
}

#[test]
fn a_part_of_an_estate_is_called_so() {
    let files = Files::new();
    let mut made = Plan {
        groups: vec![sample::group("api", &files)],
        schedules: Vec::new(),
        diagnostics: Vec::new(),
    };
    let stamp = sample::stamp();
    let said = |made: &Plan| {
        let report = PlanReport {
            shard: Some("2/3".parse().unwrap()),
            ..sample::bare(made, &files, &stamp)
        };
        [plan(&report, &PLAIN), drift(&report, &PLAIN)]
    };
    for text in said(&made) {
        assert!(
            text.contains("\npart 2/3 of the estate: 1 group\nNo "),
            "{text}"
        );
    }
    made.groups.clear();
    for text in said(&made) {
        assert!(
            text.contains("part 2/3 of the estate: no group is in it\nNo "),
            "{text}"
        );
    }
}

#[test]
fn refusals_and_groups_that_could_not_be_read_stand_before_the_summary() {
    let files = Files::new();
    let made = Plan {
        groups: vec![sample::group("api", &files)],
        schedules: Vec::new(),
        diagnostics: Vec::new(),
    };
    let stamp = sample::stamp();
    let report = PlanReport {
        refusals: &[sample::refusal(&files)],
        failures: &[sample::failure()],
        ..sample::bare(&made, &files, &stamp)
    };
    assert_data_eq!(
        plan(&report, &PLAIN),
        str![[r#"
1 group unchanged
could not be read: prod/cn-beijing/cache
  the cloud refused with Forbidden.RAM: no permission (request 4711)

refused[too-many-deletes]: web: 12 of 20 live rules would be deleted; the limit is 30 percent
  --> rules/web.yaml:2
  help: `--allow-deletes 12` lets this plan through

refused: apply makes none of these changes (exit 4): web (too-many-deletes)
Plan incomplete: 1 group could not be read.

"#]]
        .raw()
    );
}

#[test]
fn drift_speaks_of_what_the_cloud_has_otherwise() {
    let files = Files::new();
    let made = sample::every_kind(&files);
    let text = drift(&sample::bare(&made, &files, &sample::stamp()), &PLAIN);
    assert_data_eq!(text, str![[r#"
db  sg-bp1db000000000000  demo/cn-hangzhou/vpc-bp1demo  ingress partial, egress not managed  rules/web.yaml:2
missing  ingress  accept  tcp/3306  from sg-bp1web000000000000  prio 1  rules/web.yaml:33

web  sg-bp1web000000000000  demo/cn-hangzhou/vpc-bp1demo  ingress complete, egress partial  rules/web.yaml:2
missing    ingress  accept  tcp/443         from 0.0.0.0/0                 prio 1       public web        rules/web.yaml:7
missing    ingress  accept  tcp/443         from ::/0                      prio 1       公网 Web 入口     rules/web.yaml:7
differs    ingress  accept  tcp/22 → 22-23  from 203.0.113.0/24            prio 1 → 10  "ssh" → "ssh f…"  rules/web.yaml:12
differs    egress   accept  udp/53          to 10.0.0.2/32 → 10.0.0.53/32  prio 1       dns               rules/web.yaml:20
live only  ingress  accept  tcp/3389        from 0.0.0.0/0                 prio 1       left over         sgr-bp1deleted00000000

2 groups as declared

Drift: 3 missing, 2 differ, 1 live only.

"#]].raw());
}

fn ended(name: &str, outcome: GroupOutcome, counts: [usize; 3]) -> GroupReport {
    let [added, changed, destroyed] = counts;
    GroupReport {
        address: sample::group(name, &Files::new()).address,
        name: name.to_owned(),
        outcome,
        added,
        changed,
        destroyed,
        notes: Vec::new(),
    }
}

#[test]
fn a_complete_apply_ends_with_terraforms_line() {
    let report = Report {
        run_id: "run".into(),
        groups: vec![
            ended("api", GroupOutcome::Done, [2, 0, 2]),
            ended("web", GroupOutcome::Done, [1, 1, 0]),
        ],
    };
    assert_data_eq!(
        applied(&report, &PLAIN),
        str![[r#"
api  done  +2 ~0 -2  demo/cn-hangzhou/sg-bp1api000000000000
web  done  +1 ~1 -0  demo/cn-hangzhou/sg-bp1web000000000000

Apply complete! Resources: 3 added, 1 changed, 2 destroyed.

"#]]
        .raw()
    );
}

#[test]
fn an_incomplete_apply_says_for_each_group_how_far_it_came_and_what_to_do() {
    let mut noted = ended("api", GroupOutcome::Done, [2, 0, 0]);
    noted.notes = vec!["the cloud took `ingress accept tcp/22 ..` for a duplicate of sgr-1".into()];
    let report = Report {
        run_id: "run".into(),
        groups: vec![
            noted,
            ended(
                "db",
                GroupOutcome::Failed {
                    call: "authorize 3 ingress rules".into(),
                    error: "the cloud refused with InvalidParam.SourceIp: \u{1b}[1mbad (request 473469C7)".into(),
                    rules: vec![
                        "ingress accept tcp/443 from 10.0.0.0/8 priority 1  rules/db.yaml:7".into(),
                        "ingress accept tcp/444 from 10.0.0.0/8 priority 1  rules/db.yaml:8".into(),
                    ],
                },
                [1, 0, 0],
            ),
            ended(
                "jump-hosts",
                GroupOutcome::HeldBack {
                    reason: "adds of db failed, and these deletes could cut traffic that they admit".into(),
                    rules: vec!["delete ingress accept tcp/22 from 10.0.0.0/8 priority 1  sgr-9".into()],
                },
                [0, 0, 0],
            ),
            ended("old", GroupOutcome::Drifted(vec!["sgr-7 is gone".into()]), [0, 0, 0]),
            ended("slow", GroupOutcome::NotYetVisible(vec!["ingress accept tcp/80 from ::/0 priority 1".into()]), [1, 0, 0]),
            ended("x", GroupOutcome::Interrupted, [0, 1, 0]),
            ended("y", GroupOutcome::NotBegun, [0, 0, 0]),
        ],
    };
    assert_data_eq!(applied(&report, &PLAIN), str![[r#"
api         done               +2 ~0 -0  demo/cn-hangzhou/sg-bp1api000000000000
    note    the cloud took `ingress accept tcp/22 ..` for a duplicate of sgr-1
db          failed             +1 ~0 -0  demo/cn-hangzhou/sg-bp1db000000000000
    call    authorize 3 ingress rules
    error   the cloud refused with InvalidParam.SourceIp: \u{1b}[1mbad (request 473469C7)
    rules   ingress accept tcp/443 from 10.0.0.0/8 priority 1  rules/db.yaml:7
            ingress accept tcp/444 from 10.0.0.0/8 priority 1  rules/db.yaml:8
jump-hosts  held back          +0 ~0 -0  demo/cn-hangzhou/sg-bp1jump-hosts000000000000
    reason  adds of db failed, and these deletes could cut traffic that they admit
    rules   delete ingress accept tcp/22 from 10.0.0.0/8 priority 1  sgr-9
old         changed by others  +0 ~0 -0  demo/cn-hangzhou/sg-bp1old000000000000
    moved   sgr-7 is gone
    next    nothing more was sent; look at a new `rulekeep plan`
slow        not yet visible    +1 ~0 -0  demo/cn-hangzhou/sg-bp1slow000000000000
    missing ingress accept tcp/80 from ::/0 priority 1
    next    the calls were accepted; `rulekeep plan` shows when they have come through
x           interrupted        +0 ~1 -0  demo/cn-hangzhou/sg-bp1x000000000000
y           not begun          +0 ~0 -0  demo/cn-hangzhou/sg-bp1y000000000000

Apply incomplete: 1 group done, 1 failed, 1 held back, 1 changed by others, 1 not yet visible, 1 interrupted, 1 not begun. Resources: 4 added, 1 changed, 0 destroyed.

"#]].raw());
}

#[test]
fn directions_of_unchanged_groups_that_are_not_managed_are_told_in_a_line() {
    let files = Files::new();
    let mut open = sample::group("open", &files);
    open.modes = [Some(crate::desired::Mode::Complete), None];
    open.observed.rules = vec![
        sample::seen("sgr-1", "egress accept tcp/443 to 0.0.0.0/0 priority 1", ""),
        sample::seen(
            "sgr-2",
            "ingress accept tcp/443 from 0.0.0.0/0 priority 1",
            "",
        ),
    ];
    let text = drawn(vec![open, sample::group("calm", &files)], &files, &PLAIN);
    assert_data_eq!(
        text,
        str![[r#"
2 groups unchanged, 1 live rule left alone in directions of 1 group that are not managed

No changes.

"#]]
        .raw()
    );
}
