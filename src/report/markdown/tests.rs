use proptest::prelude::*;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use snapbox::{assert_data_eq, str};

use crate::{
    apply::{GroupOutcome, GroupReport, Report},
    model::GroupName,
    plan::{Change, GroupPlan, Plan},
    report::{
        PlanReport, ReadFailure, Review, Subject,
        finding::{Finding, Found, findings},
        sample::{self, Files},
    },
};

use super::*;

fn found(files: &Files, report: PlanReport<'_>) -> Vec<Finding> {
    findings(&Found {
        sources: &files.sources,
        folder: "",
        groups: &[],
        files: &[],
        plan: Some(report),
    })
}

fn drawn(files: &Files, report: PlanReport<'_>, subject: Subject) -> String {
    let findings = found(files, report);
    review(&Review {
        plan: report,
        checked: Checked {
            findings: &findings,
            ..Checked::default()
        },
        subject,
        apply: "rulekeep apply plan.json",
    })
}

#[test]
fn a_comment_begins_with_counts_and_the_worst_finding() {
    let files = Files::new();
    let plan = sample::every_kind(&files);
    let stamp = sample::stamp();
    let report = PlanReport {
        refusals: &[sample::refusal(&files)],
        ..sample::bare(&plan, &files, &stamp)
    };
    let text = drawn(&files, report, Subject::Plan);
    assert_data_eq!(
        text,
        str![[r####"
### Plan: 3 to add, 2 to change, 1 to destroy · error: `too-many-deletes` in `sg-bp1web000000000000` <!-- rulekeep:plan -->

- **error** `too-many-deletes` **in** `sg-bp1web000000000000`: 12 of 20 live rules would be deleted; the limit is 30 percent (`rules/web.yaml:2`)
  - `--allow-deletes 12` lets this plan through

Order: safe at every step (5 calls, 2 layers).

**Newly admitted traffic:**

```diff
+ db (cn-hangzhou)   ingress tcp/3306 from sg-bp1web000000000000  by rules/web.yaml:33
+ web (cn-hangzhou)  ingress tcp/443 from ::/0  by rules/web.yaml:7
+ web (cn-hangzhou)  egress udp/53 to sg-far0000 at 10.0.0.53/32  by rules/web.yaml:20
```

**1 rule to delete:**

```diff
- web (cn-hangzhou)  ingress  accept  tcp/3389  from 0.0.0.0/0  prio 1  left over  sgr-bp1deleted00000000
```

<details><summary>db (cn-hangzhou) +1 ~0 −0</summary>

`sg-bp1db000000000000` · `rules/web.yaml:2` · mode ingress partial, egress not managed

```diff
+ ingress  accept  tcp/3306  from sg-bp1web000000000000  prio 1  rules/web.yaml:33
```

</details>

<details><summary>web (cn-hangzhou) +2 ~2 −1</summary>

`sg-bp1web000000000000` · `rules/web.yaml:2` · mode ingress complete, egress partial

```diff
+ ingress  accept  tcp/443         from 0.0.0.0/0                 prio 1       public web                     rules/web.yaml:7
+ ingress  accept  tcp/443         from ::/0                      prio 1       公网 Web 入口                  rules/web.yaml:7
! ingress  accept  tcp/22 → 22-23  from 203.0.113.0/24            prio 1 → 10  "ssh" → "ssh from the office"  rules/web.yaml:12
! egress   accept  udp/53          to 10.0.0.2/32 → 10.0.0.53/32  prio 1       dns                            rules/web.yaml:20
- ingress  accept  tcp/3389        from 0.0.0.0/0                 prio 1       left over                      sgr-bp1deleted00000000
```

No longer admitted:

```diff
- egress udp/53 to sg-far0000 at 10.0.0.2/32  was by sgr-bp1moved0000000000, now by sgr-bp1unmanaged000000
```

</details>

---
Commit `0123456789abcdef0123456789abcdef01234567` · Plan `53b57f7211483dd7` · made `2026-11-21T08:00:00Z`  
The guard refuses `rulekeep apply plan.json` until the errors above are mended or let through.

"####]]
    );
}

#[test]
fn a_plan_without_changes_says_so_in_its_first_line() {
    let files = Files::new();
    let mut plan = sample::every_kind(&files);
    plan.groups.retain(|group| group.changes.is_empty());
    plan.schedules.clear();
    let stamp = sample::stamp();
    let text = drawn(&files, sample::bare(&plan, &files, &stamp), Subject::Plan);
    assert!(
        text.starts_with("### No changes <!-- rulekeep:plan -->\n"),
        "{text}"
    );
    assert!(text.ends_with("There is nothing to apply.\n"), "{text}");
}

#[test]
fn drift_has_its_own_words_and_marker() {
    let files = Files::new();
    let plan = sample::every_kind(&files);
    let stamp = sample::stamp();
    let text = drawn(&files, sample::bare(&plan, &files, &stamp), Subject::Drift);
    let first = text.lines().next().unwrap();
    assert_eq!(
        first,
        "### Drift: 3 missing, 2 differ, 1 live only <!-- rulekeep:drift -->"
    );
    assert!(
        text.contains("**1 live rule that nobody declares:**"),
        "{text}"
    );
    for words in ["Order:", "ewly admitted", "No longer admitted"] {
        assert!(!text.contains(words), "{words}: {text}");
    }
    assert!(
        text.contains("Not admitted now, though the files say so:"),
        "{text}"
    );
}

#[test]
fn a_report_of_an_apply_shows_what_failed_outside_of_any_fold() {
    let files = Files::new();
    let address = sample::group("web", &files).address;
    let group = |name: &str, outcome| GroupReport {
        address: address.clone(),
        name: name.into(),
        outcome,
        added: 1,
        changed: 0,
        destroyed: 0,
        notes: Vec::new(),
    };
    let report = Report {
        run_id: "20261121-080000".into(),
        groups: vec![
            group("db", GroupOutcome::Done),
            group(
                "web",
                GroupOutcome::Failed {
                    call: "authorize 1 ingress rule".into(),
                    error: "Forbidden.RAM: `no` *permission* (request 4711)".into(),
                    rules: vec!["ingress tcp/22".into()],
                },
            ),
        ],
    };
    assert_data_eq!(
        applied(&report, ""),
        str![[r#"
### Apply incomplete: 1 group done, 1 failed. Resources: 2 added, 0 changed, 0 destroyed <!-- rulekeep:apply -->

- **failed** `web` +1 ~0 −0
  - **call** `authorize 1 ingress rule`
  - **error** ``Forbidden.RAM: `no` *permission* (request 4711)``
  - **rules** `ingress tcp/22`

<details><summary>1 group done</summary>

- `db` +1 ~0 −0 (`demo/cn-hangzhou/sg-bp1web000000000000`)

</details>

---
Run `20261121-080000`

"#]]
    );
}

/// What would break out of a fence, a code span, a summary or a list if it were not escaped.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "```",
        "````\n",
        "`",
        "\n",
        "</details>",
        "<details>",
        "<script>alert(1)</script>",
        "-->",
        "<!--",
        "\n\n# x\n\n",
        "@team",
        "#12",
        "https://x.example/",
        "[a](b)",
        "![a](b)",
        "**",
        "_",
        "|",
        "\\",
        "公网入口",
        "🔒",
        "\u{202e}",
        "\u{0}",
        "~~~",
        "+ ",
        "- ",
        "&lt;",
        "word",
        "  ",
        "\r\n",
        "$$",
        "e\u{301}",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

#[derive(Debug)]
struct Shape {
    groups: usize,
    changes: usize,
    deletes: u8,
    refusals: usize,
    failures: usize,
    texts: Vec<String>,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let size = prop_oneof![3 => 0..6_usize, 1 => 40..120_usize, 1 => 600..900_usize];
    let changes = prop_oneof![3 => 0..30_usize, 1 => 150..400_usize];
    let few = prop_oneof![3 => 0..3_usize, 1 => 0..800_usize];
    (
        size,
        changes,
        0..=100_u8,
        few.clone(),
        few,
        prop::collection::vec(hostile(), 1..8),
    )
        .prop_map(
            |(groups, changes, deletes, refusals, failures, texts)| Shape {
                groups,
                // Long enough to overflow, short enough to be quick.
                changes: changes.min(20_000 / groups.max(1)),
                deletes,
                refusals,
                failures,
                texts,
            },
        )
}

impl Shape {
    fn text(&self, index: usize) -> &str {
        &self.texts[index % self.texts.len()]
    }

    fn plan(&self, files: &Files) -> Plan {
        let groups = (0..self.groups)
            .map(|index| self.group(index, files))
            .collect();
        Plan {
            groups,
            schedules: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    fn group(&self, index: usize, files: &Files) -> GroupPlan {
        let mut group = sample::group(&format!("g{index}"), files);
        group.name = GroupName::new(format!("g{index}{}", self.text(index)));
        group.changes = (0..self.changes)
            .map(|nth| {
                let rule = sample::rule(
                    &format!(
                        "ingress accept tcp/{} from 10.0.{}.0/24 priority 1",
                        nth % 60_000 + 1,
                        nth % 250
                    ),
                    "",
                );
                let mut described = rule.clone();
                described.description = Some(self.text(index + nth).into());
                let seen = sample::seen(
                    "sgr-bp1deleted00000000",
                    "ingress accept tcp/22 from 10.9.9.0/24 priority 1",
                    "",
                );
                let live = crate::model::ObservedRule {
                    rule: described.clone(),
                    ..seen
                };
                match nth * 100 < usize::from(self.deletes) * self.changes {
                    true => sample::delete(live),
                    false if nth % 7 == 0 => sample::modify(live, rule, files.line(9)),
                    false => sample::add(described, files.line(7)),
                }
            })
            .collect::<Vec<Change>>();
        group
    }
}

/// Reads a comment as a forge does and says what is in it that is not ours.
fn foreign(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    let mut open = 0_i32;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(word))) => {
                fenced = true;
                if &*word != "diff" {
                    found.push(format!("block {word}"));
                }
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => found.push("indented".into()),
            Event::End(TagEnd::CodeBlock) => fenced = false,
            Event::Text(lines) if fenced => {
                let strange = lines
                    .split_inclusive('\n')
                    .filter(|line| !line.starts_with(['+', '-', '!']));
                found.extend(strange.map(|line| format!("line {line:?}")));
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let html = html.trim();
                let summary =
                    html.starts_with("<details><summary>") && html.ends_with("</summary>");
                let inner = html
                    .trim_start_matches("<details><summary>")
                    .trim_end_matches("</summary>");
                let inner = inner.replace("<code>", "").replace("</code>", "");
                open += i32::from(summary) - i32::from(html == "</details>");
                let ours = html == "</details>"
                    || html.starts_with("<!-- rulekeep:")
                        && html.ends_with(" -->")
                        && html.len() < 30
                    || summary && !inner.contains('<');
                if !ours {
                    found.push(format!("html {html:?}"));
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                found.push(format!("link {dest_url}"))
            }
            Event::Start(Tag::Heading { level, .. }) if level as usize != 3 => {
                found.push(format!("heading {level}"))
            }
            Event::Start(Tag::Table(_) | Tag::BlockQuote(_)) => found.push("table or quote".into()),
            Event::Text(words) if words.contains('@') || words.contains("://") => {
                found.push(format!("mention {words}"))
            }
            _ => {}
        }
    }
    if open != 0 {
        found.push(format!("{open} folds are open"));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::testing::cases(24)))]

    #[test]
    fn whatever_is_planned_the_comment_is_short_enough_whole_and_nobody_elses(shape in shapes()) {
        let files = Files::new();
        let plan = shape.plan(&files);
        let stamp = sample::stamp();
        let refusals: Vec<_> = (0..shape.refusals)
            .map(|index| {
                let mut refusal = sample::refusal(&files);
                refusal.message = shape.text(index).to_owned();
                refusal.help = vec![shape.text(index + 1).to_owned()];
                refusal.address = sample::group(&format!("g{index}"), &files).address;
                refusal
            })
            .collect();
        let failures: Vec<_> = (0..shape.failures)
            .map(|index| ReadFailure {
                group: format!("demo/cn-hangzhou/u{index}{}", shape.text(index)),
                is_document: false,
                span: None,
                error: shape.text(index + 2).to_owned(),
            })
            .collect();
        let report = PlanReport {
            refusals: &refusals,
            failures: &failures,
            ..sample::bare(&plan, &files, &stamp)
        };
        let text = drawn(&files, report, Subject::Plan);
        prop_assert!(text.len() <= LIMIT, "{} bytes", text.len());
        prop_assert_eq!(foreign(&text), Vec::<String>::new());

        // Nothing is lost without a word: what is not shown is counted.
        let deletes = plan.counts().destroy;
        if deletes > 0 {
            let title = format!("**{} to delete:**", count(deletes, "rule"));
            prop_assert!(text.contains(&title), "{}", title);
        }
        let headline = format!("{} to destroy", plan.counts().destroy);
        prop_assert!(plan.counts().is_empty() || text.lines().next().unwrap().contains(&headline));
        for kind in ["too-many-deletes", "unreadable-group"] {
            let any = if kind == "too-many-deletes" { shape.refusals } else { shape.failures };
            prop_assert_eq!(text.contains(kind), any > 0, "{}", kind);
        }
    }

    #[test]
    fn a_report_of_an_apply_is_short_enough_too(groups in 0..900_usize, words in hostile(), failed in 0..900_usize) {
        let files = Files::new();
        let address = sample::group("web", &files).address;
        let groups = (0..groups)
            .map(|index| GroupReport {
                address: address.clone(),
                name: words.clone(),
                outcome: match index < failed {
                    false => GroupOutcome::Done,
                    true => GroupOutcome::Failed {
                        call: words.clone(),
                        error: words.clone(),
                        rules: vec![words.clone(); index % 30],
                    },
                },
                added: 1,
                changed: 1,
                destroyed: 1,
                notes: vec![words.clone(); index % 5],
            })
            .collect();
        let text = applied(&Report { run_id: "run".into(), groups }, "");
        prop_assert!(text.len() <= LIMIT, "{} bytes", text.len());
        prop_assert_eq!(foreign(&text), Vec::<String>::new());
        let reasons = vec![words.clone(); 300];
        let text = unapplied(&words, &reasons, &Checked::default());
        prop_assert!(text.len() <= LIMIT, "{} bytes", text.len());
        prop_assert_eq!(foreign(&text), Vec::<String>::new());
    }
}
