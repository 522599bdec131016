use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::{sample::desired, *};
use crate::{
    clouds::fake::{self, Fake},
    diag::Code,
    model::{GroupId, GroupName, Network, VpcId},
};

fn clouds(fake: &Fake) -> Clouds<Fake> {
    Clouds::from_iter([(AccountName::new("demo"), fake.clone())])
}

fn selection(paths: &[&str], targets: &[&str]) -> Selection {
    Selection {
        paths: paths.iter().map(PathBuf::from).collect(),
        targets: targets.iter().map(|target| (*target).to_owned()).collect(),
        ..Selection::default()
    }
}

async fn prepared<'a>(desired: &'a Desired, fake: &Fake, targets: &[&str]) -> Prepared<'a> {
    let selection = selection(&[], targets);
    let at = "2026-11-21T12:00:00Z".parse().unwrap();
    prepare(
        desired,
        &selection,
        &clouds(fake),
        at,
        &Options::default(),
        &(),
    )
    .await
    .unwrap()
}

fn named(id: &str, name: &str, vpc: &str) -> ObservedGroup {
    let mut group = fake::group(id, &[]);
    group.info.name = GroupName::new(name);
    group.info.network = Network::Vpc(VpcId::new(vpc));
    group
}

fn is_incomplete(prepared: &Prepared<'_>) -> bool {
    let answer = prepared.guarded(&Overrides::default());
    answer.is_err_and(|error| error == NotApproved::Incomplete)
}

#[tokio::test]
async fn only_chosen_groups_are_read_and_those_they_name_are_looked_up() {
    let desired = desired(&[
        "demo/cn-hangzhou/web rules/web.yaml 22@group:jump",
        "demo/cn-hangzhou/jump rules/jump.yaml",
        "demo/cn-hangzhou/other rules/other.yaml",
    ]);
    let fake = Fake::new([
        fake::group("sg-web", &[]),
        fake::group("sg-jump", &[]),
        fake::group("sg-other", &[]),
    ]);
    let prepared = prepared(&desired, &fake, &["web"]).await;
    assert_eq!(fake.world().log, ["find 2 in cn-hangzhou", "read sg-web"]);
    assert_eq!(prepared.groups.len(), 1);
    assert!(prepared.guarded(&Overrides::default()).is_ok());
}

#[tokio::test]
async fn a_group_that_is_not_there_and_one_that_is_there_twice_are_errors() {
    let desired = desired(&[
        "demo/cn-hangzhou/gone rules/a.yaml",
        "demo/cn-hangzhou/web rules/b.yaml",
    ]);
    let fake = Fake::new([named("sg-1", "web", "vpc-1"), named("sg-2", "web", "vpc-2")]);
    let prepared = prepared(&desired, &fake, &[]).await;
    let said: Vec<_> = prepared
        .diagnostics()
        .map(|d| (d.code, d.message.as_str(), d.labels[0].span.line))
        .collect();
    assert_eq!(
        said,
        [
            (
                Code::GroupNotFound,
                "there is no security group gone in region cn-hangzhou of account demo",
                1
            ),
            (
                Code::AmbiguousGroup,
                "2 security groups in region cn-hangzhou of account demo are called web",
                2
            ),
        ]
    );
    assert_eq!(
        prepared.plan.diagnostics[1].help,
        [
            "sg-1 in vpc-1",
            "sg-2 in vpc-2",
            "write the id, or narrow the name with `vpc:`"
        ]
    );
    assert!(is_incomplete(&prepared));
}

#[tokio::test]
async fn two_documents_for_one_live_group_are_an_error() {
    let desired = desired(&[
        "demo/cn-hangzhou/sg-web rules/a.yaml",
        "demo/cn-hangzhou/web rules/b.yaml",
    ]);
    let fake = Fake::new([fake::group("sg-web", &[])]);
    let prepared = prepared(&desired, &fake, &[]).await;
    let [diagnostic] = &prepared.plan.diagnostics[..] else {
        panic!("{:?}", prepared.plan.diagnostics);
    };
    assert_eq!(diagnostic.code, Code::DuplicateGroup);
    let lines: Vec<u32> = diagnostic
        .labels
        .iter()
        .map(|label| label.span.line)
        .collect();
    assert_eq!(lines, [2, 1]);
    assert!(is_incomplete(&prepared));
}

#[tokio::test]
async fn a_second_document_of_a_chosen_group_is_an_error_though_it_was_not_chosen() {
    for (chosen, other) in [("sg-web", "web"), ("web", "sg-web")] {
        let desired = desired(&[
            &format!("demo/cn-hangzhou/{chosen} rules/a.yaml"),
            &format!("demo/cn-hangzhou/{other} rules/b.yaml"),
            "demo/cn-hangzhou/db rules/c.yaml",
        ]);
        let fake = Fake::new([fake::group("sg-web", &[]), fake::group("sg-db", &[])]);
        let prepared = prepared(&desired, &fake, &[chosen]).await;
        let codes: Vec<Code> = prepared.diagnostics().map(|d| d.code).collect();
        assert_eq!(codes, [Code::DuplicateGroup], "{chosen}");
        assert_eq!(fake.world().log, ["find 1 in cn-hangzhou"], "{chosen}");
        assert!(is_incomplete(&prepared));
    }
}

#[tokio::test]
async fn a_group_that_cannot_be_read_hides_no_other_and_stops_the_apply() {
    let desired = desired(&[
        "demo/cn-beijing/b rules/b.yaml",
        "demo/cn-hangzhou/a rules/a.yaml",
        "demo/cn-hangzhou/web rules/web.yaml",
    ]);
    let fake = Fake::new([
        fake::group("sg-a", &[]),
        fake::group("sg-b", &[]),
        fake::group("sg-web", &[]),
    ]);
    fake.world()
        .unreadable
        .extend(["sg-web".to_owned(), "cn-beijing".to_owned()]);
    let prepared = prepared(&desired, &fake, &[]).await;
    let failed: Vec<_> = prepared
        .unreadable
        .iter()
        .map(|failure| (failure.group.as_str(), failure.error.to_string()))
        .collect();
    assert_eq!(
        failed,
        [
            ("b", "no route".to_owned()),
            ("web", "reading failed".to_owned())
        ]
    );
    assert_eq!(prepared.groups.len(), 1);
    assert!(prepared.plan.diagnostics.is_empty());
    assert!(is_incomplete(&prepared));
}

#[tokio::test]
async fn groups_whose_lists_cannot_be_read_are_unreadable() {
    let desired = desired(&[
        "demo/cn-hangzhou/a rules/a.yaml 22@pl-1",
        "demo/cn-hangzhou/b rules/b.yaml 22@10.0.0.0/8",
    ]);
    let fake = Fake::new([fake::group("sg-a", &[]), fake::group("sg-b", &[])]);
    fake.world().unreadable.insert("lists".to_owned());
    let prepared = prepared(&desired, &fake, &[]).await;
    let failed: Vec<_> = prepared
        .unreadable
        .iter()
        .map(|f| f.group.as_str())
        .collect();
    assert_eq!(failed, ["a"]);
    assert_eq!(prepared.groups.len(), 1);
}

#[tokio::test]
async fn the_answer_is_the_same_at_any_parallelism() {
    let lines: Vec<String> = (0..30)
        .map(|at| format!("demo/r{}/g{at:02} rules/{at}.yaml", at % 3))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let desired = desired(&lines);
    let mut answers = Vec::new();
    for parallelism in [1, 2, 7, 100] {
        let groups = (0..27).map(|at| fake::group(&format!("sg-g{at:02}"), &["22 10.0.0.0/8"]));
        let fake = Fake::new(groups);
        fake.world().unreadable.insert("sg-g05".to_owned());
        let options = Options { parallelism };
        let at = Timestamp::UNIX_EPOCH;
        let none = Selection::default();
        let prepared = prepare(&desired, &none, &clouds(&fake), at, &options, &())
            .await
            .unwrap();
        assert!(fake.world().most_in_flight <= parallelism);
        let failed: Vec<String> = prepared
            .unreadable
            .iter()
            .map(|f| f.group.clone())
            .collect();
        answers.push((
            prepared.plan,
            prepared.groups.into_iter().cloned().collect::<Vec<_>>(),
            failed,
        ));
    }
    assert_eq!(answers[0].1.len(), 26);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test]
async fn an_account_without_a_provider_is_an_error() {
    let desired = desired(&["prod/cn-hangzhou/web rules/web.yaml"]);
    let fake = Fake::new([]);
    let answer = prepare(
        &desired,
        &Selection::default(),
        &clouds(&fake),
        Timestamp::UNIX_EPOCH,
        &Options::default(),
        &(),
    )
    .await;
    assert_eq!(
        answer.unwrap_err().to_string(),
        "account prod is not connected"
    );
}

fn chosen(paths: &[&str], targets: &[&str]) -> Result<Vec<String>, String> {
    let desired = desired(&[
        "demo/cn-beijing/web rules/north/web.yaml",
        "demo/cn-hangzhou/sg-1 rules/one.yaml",
        "demo/cn-hangzhou/web rules/web.yaml",
        "prod/cn-hangzhou/web-2 rules/web-2.yaml",
    ]);
    let chosen = select::select(&desired, &selection(paths, targets));
    let chosen = chosen.map_err(|error| error.to_string())?;
    Ok(chosen
        .into_iter()
        .map(|at| {
            let group = &desired.groups[at];
            format!("{}/{}/{}", group.account, group.region, group.selector)
        })
        .collect())
}

#[test]
fn groups_are_chosen_by_path_by_target_and_by_both() {
    let all = [
        "demo/cn-beijing/web",
        "demo/cn-hangzhou/sg-1",
        "demo/cn-hangzhou/web",
        "prod/cn-hangzhou/web-2",
    ];
    let cases: [(&[&str], &[&str], &[usize]); 9] = [
        (&[], &[], &[0, 1, 2, 3]),
        (&["."], &[], &[0, 1, 2, 3]),
        (&["rules/north"], &[], &[0]),
        (&["rules/north/../web.yaml", "rules/one.yaml"], &[], &[1, 2]),
        (&[], &["web"], &[0, 2]),
        (&[], &["web*"], &[0, 2, 3]),
        (&[], &["demo/*/web", "sg-1"], &[0, 1, 2]),
        (&[], &["*/cn-hangzhou/*"], &[1, 2, 3]),
        (&["rules/north"], &["web*"], &[0]),
    ];
    for (paths, targets, expected) in cases {
        let expected: Vec<String> = expected.iter().map(|at| all[*at].to_owned()).collect();
        assert_eq!(
            chosen(paths, targets),
            Ok(expected),
            "{paths:?} {targets:?}"
        );
    }
}

#[test]
fn what_chooses_nothing_is_an_error_that_names_what_is_near() {
    let cases: [(&[&str], &[&str], &str); 5] = [
        (
            &[],
            &["wbe"],
            "no declared group is called `wbe`; is it web?",
        ),
        (
            &[],
            &["web-3"],
            "no declared group is called `web-3`; is it web-2?",
        ),
        (
            &[],
            &["prod/cn-hangzhou/web"],
            "no declared group is called `prod/cn-hangzhou/web`; is it demo/cn-beijing/web or \
             demo/cn-hangzhou/web?",
        ),
        (
            &["rules/web.yml"],
            &[],
            "no group is declared in rules/web.yml; is it rules/web.yaml or rules/web-2.yaml or \
             rules/one.yaml?",
        ),
        (
            &["rules/north"],
            &["sg-1"],
            "none of the targets is declared in the given paths",
        ),
    ];
    for (paths, targets, expected) in cases {
        assert_eq!(chosen(paths, targets), Err(expected.to_owned()));
    }
}

#[tokio::test]
async fn one_group_is_read_by_id_or_by_a_name_that_is_unique() {
    let fake = Fake::new([
        named("sg-1", "web", "vpc-1"),
        named("sg-2", "web", "vpc-2"),
        named("sg-3", "db", "vpc-1"),
    ]);
    let clouds = clouds(&fake);
    let (account, region) = (AccountName::new("demo"), RegionId::new("cn-hangzhou"));
    let name = |name: &str| Selector::Name {
        name: GroupName::new(name),
        vpc: None,
    };
    for (selector, expected) in [
        (Selector::Id(GroupId::new("sg-1")), "sg-1"),
        (name("db"), "sg-3"),
        (
            name("web"),
            "2 security groups are called web: sg-1 in vpc-1, sg-2 in vpc-2",
        ),
        (
            name("no"),
            "there is no security group no in region cn-hangzhou of account demo",
        ),
    ] {
        let answer = read_group(&clouds, &account, &region, &selector).await;
        let said = answer.map_or_else(|error| error.to_string(), |g| g.info.id.to_string());
        assert_eq!(said, expected);
    }
}

/// Where a group is and how its document names it.
#[derive(Clone, Debug)]
enum Named {
    Id,
    Name,
    NameAndVpc,
    /// There is no such group.
    Gone,
}

fn estates() -> impl proptest::strategy::Strategy<Value = (Vec<(u8, Named, Option<usize>)>, u32)> {
    use proptest::prelude::*;
    let named = prop_oneof![
        4 => Just(Named::Id),
        4 => Just(Named::Name),
        4 => Just(Named::NameAndVpc),
        1 => Just(Named::Gone),
    ];
    let group = (0u8..6, named, proptest::option::of(0usize..12));
    (proptest::collection::vec(group, 1..12), 1u32..6)
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: crate::testing::cases(64), ..Default::default() })]

    /// Network 0 is the classic one; a rule may name any other group as its peer.
    #[test]
    fn parts_are_whole_networks_and_together_the_whole((groups, count) in estates()) {
        let network = |network: u8| match network {
            0 => Network::Classic,
            n => Network::Vpc(VpcId::new(format!("vpc-{n}"))),
        };
        let named_by = |number: usize| match groups.get(number) {
            Some((_, Named::Id, _)) => format!("sg-{number}"),
            _ => format!("name-{number}"),
        };
        let lines: Vec<String> = groups
            .iter()
            .enumerate()
            .map(|(number, (_, _, peer))| {
                let name = named_by(number);
                let rule = match peer {
                    // A group that is selected by its id has no name that rules could use.
                    Some(peer) if *peer < groups.len() && named_by(*peer).starts_with("name") && *peer != number =>
                        format!(" 22@group:{}", named_by(*peer)),
                    _ => String::new(),
                };
                format!("demo/cn-hangzhou/{name} rules/{number}.yaml{rule}")
            })
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut desired = desired(&lines);
        for group in &mut desired.groups {
            for rule in group.ingress.iter_mut().flatten() {
                rule.nic = Some(crate::model::NicType::Intranet);
            }
            let Selector::Name { name, vpc } = &mut group.selector else { continue };
            let number: usize = name.as_str().trim_start_matches("name-").parse().unwrap();
            if let ((n @ 1.., Named::NameAndVpc, _), Network::Vpc(own)) = (&groups[number], network(groups[number].0)) {
                let _ = n;
                *vpc = Some(own);
            }
        }
        let live = groups.iter().enumerate().filter(|(_, (_, named, _))| !matches!(named, Named::Gone));
        let fake = Fake::new(live.map(|(number, (n, _, _))| {
            let mut group = named(&format!("sg-{number}"), &format!("name-{number}"), "");
            group.info.network = network(*n);
            group
        }));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let run = |shard: Option<Shard>| {
            let selection = Selection { shard, ..Selection::default() };
            let at = "2026-11-21T12:00:00Z".parse().unwrap();
            let clouds = clouds(&fake);
            let prepared = runtime.block_on(prepare(&desired, &selection, &clouds, at, &Options::default(), &()));
            let prepared = prepared.unwrap();
            let said: BTreeSet<String> = prepared.diagnostics().map(|d| d.message.clone()).collect();
            (prepared.plan.groups, said)
        };
        let (whole, said) = run(None);
        let mut together = Vec::new();
        let mut said_together = BTreeSet::new();
        let mut homes: BTreeMap<Network, u32> = BTreeMap::new();
        for index in 1..=count {
            let (part, said) = run(format!("{index}/{count}").parse().ok());
            for group in &part {
                let home = *homes.entry(group.observed.info.network.clone()).or_insert(index);
                proptest::prop_assert_eq!(home, index, "{} is in two parts", group.observed.info.network);
            }
            together.extend(part);
            said_together.extend(said);
        }
        together.sort_by(|a, b| a.address.cmp(&b.address));
        proptest::prop_assert_eq!(together, whole);
        proptest::prop_assert_eq!(said_together, said);
    }
}
