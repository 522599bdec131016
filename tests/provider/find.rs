//! Finding groups with few calls.

use super::*;

#[tokio::test]
async fn ids_are_asked_for_by_the_hundred_and_unknown_ones_have_no_candidates() {
    let server = Server::start(|_, asked| {
        let ids: Vec<String> = serde_json::from_str(asked.param("SecurityGroupIds")).unwrap();
        assert!(ids.len() <= 100);
        let known = ids.iter().filter(|id| *id != "sg-007");
        groups(
            &known.map(|id| security_group(id, "")).collect::<Vec<_>>(),
            "",
        )
    })
    .await;
    let selectors: Vec<Selector> = (0..150)
        .map(|n| Selector::Id(GroupId::new(format!("sg-{n:03}"))))
        .collect();
    let found = provider(&server).find(&region(), &selectors).await.unwrap();
    assert_eq!(found.len(), 150);
    for (n, candidates) in found.iter().enumerate() {
        match n {
            7 => assert!(candidates.is_empty()),
            _ => assert_eq!(candidates[0].id.as_str(), format!("sg-{n:03}")),
        }
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].action(), "DescribeSecurityGroups");
    assert_eq!(asked[0].param("MaxResults"), "100");
    assert_eq!(
        found[0][0].tags.get("env").map(|value| &**value),
        Some("prod")
    );
}

#[tokio::test]
async fn a_few_names_are_asked_for_one_by_one_and_compared_exactly() {
    let server = Server::start(|_, asked| match asked.param("SecurityGroupName") {
        "web" => groups(
            &[security_group("sg-2", "web"), security_group("sg-1", "web")],
            "",
        ),
        "db" => groups(&[security_group("sg-3", "db-old")], ""),
        _ => groups(&[], ""),
    })
    .await;
    let narrowed = |vpc: &str| Selector::Name {
        name: GroupName::new("web"),
        vpc: Some(VpcId::new(vpc)),
    };
    let selectors = [
        named("web"),
        named("db"),
        narrowed("vpc-1"),
        narrowed("vpc-2"),
        named("web"),
    ];
    let found = provider(&server).find(&region(), &selectors).await.unwrap();
    assert_eq!(
        ids(&found),
        [
            vec!["sg-1", "sg-2"],
            vec![],
            vec!["sg-1", "sg-2"],
            vec![],
            vec!["sg-1", "sg-2"]
        ]
    );
    let mut vpcs: Vec<String> = server
        .asked()
        .iter()
        .map(|asked| {
            format!(
                "{} {}",
                asked.param("SecurityGroupName"),
                asked.param("VpcId")
            )
        })
        .collect();
    vpcs.sort();
    assert_eq!(vpcs, ["db ", "web ", "web vpc-1", "web vpc-2"]);
}

#[tokio::test]
async fn many_names_are_looked_up_in_the_list_of_the_region() {
    let server = Server::start(|_, asked| {
        assert_eq!(asked.param("SecurityGroupName"), "");
        match asked.param("NextToken") {
            "" => groups(
                &(0..100)
                    .map(|n| security_group(&format!("sg-{n}"), &format!("g{n}")))
                    .collect::<Vec<_>>(),
                "p2",
            ),
            _ => groups(&[security_group("sg-100", "g100")], ""),
        }
    })
    .await;
    let mut selectors: Vec<Selector> = (90..=101).map(|n| named(&format!("g{n}"))).collect();
    selectors.push(Selector::Id(GroupId::new("sg-5")));
    selectors.push(Selector::Id(GroupId::new("sg-999")));
    let found = provider(&server).find(&region(), &selectors).await.unwrap();
    assert_eq!(
        ids(&found)[10..],
        [vec!["sg-100"], vec![], vec!["sg-5"], vec![]]
    );
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_endless_region_is_not_listed_to_its_end_for_a_dozen_names() {
    let server = Server::start(|number, asked| match asked.param("SecurityGroupName") {
        "" => groups(&[], &format!("page-{number}")),
        name => groups(&[security_group("sg-1", name)], ""),
    })
    .await;
    let selectors: Vec<Selector> = (0..12).map(|n| named(&format!("g{n}"))).collect();
    let found = provider(&server).find(&region(), &selectors).await.unwrap();
    assert!(found.iter().all(|candidates| candidates.len() <= 1));
    assert_eq!(server.asked().len(), 24);
}

#[tokio::test]
async fn a_group_of_unknown_kind_is_not_guessed() {
    let server = Server::start(|_, _| {
        let mut group = security_group("sg-1", "web");
        group["SecurityGroupType"] = json!("super");
        groups(&[group], "")
    })
    .await;
    let error = provider(&server)
        .find(&region(), &[named("web")])
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the cloud's answer to DescribeSecurityGroups cannot be read: SecurityGroupType of sg-1 is `super`, neither \
         `normal` nor `enterprise`"
    );
}

#[tokio::test]
async fn a_group_that_is_not_understood_troubles_only_those_who_mean_it() {
    let server = Server::start(|_, _| {
        let mut odd = security_group("sg-odd", "odd");
        odd["SecurityGroupType"] = "quantum".into();
        groups(&[security_group("sg-web", "web"), odd], "")
    })
    .await;
    let provider = provider(&server);
    let found = provider
        .find(
            &region(),
            &[named("web"), Selector::Id(GroupId::new("sg-web"))],
        )
        .await
        .unwrap();
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    for selector in [named("odd"), Selector::Id(GroupId::new("sg-odd"))] {
        let error = provider.find(&region(), &[selector]).await.unwrap_err();
        assert!(error.to_string().contains("`quantum`"), "{error}");
    }
}
