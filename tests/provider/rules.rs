//! Reading rules and lists.

use super::*;

#[tokio::test]
async fn every_page_is_read_and_the_rules_come_in_canonical_order() {
    let server = Server::start(|_, asked| match asked.param("NextToken") {
        "" => attribute(
            &[
                permission("sgr-3", "egress", 1),
                permission("sgr-2", "ingress", 9),
            ],
            "two",
        ),
        "two" => attribute(&[permission("sgr-1", "ingress", 3)], "three"),
        _ => attribute(&[permission("sgr-0", "ingress", 9)], ""),
    })
    .await;
    let observed = provider(&server)
        .observe(&region(), &group(vpc()))
        .await
        .unwrap();
    let order: Vec<&str> = observed
        .rules
        .iter()
        .map(|seen| seen.id.as_ref().unwrap().as_str())
        .collect();
    assert_eq!(order, ["sgr-1", "sgr-0", "sgr-2", "sgr-3"]);
    assert_eq!(observed.inner_access, InnerAccess::Drop);
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    for request in &asked {
        assert_eq!(request.action(), "DescribeSecurityGroupAttribute");
        assert_eq!(request.param("MaxResults"), "1000");
        assert_eq!(request.param("Direction"), "all");
        assert_eq!(request.param("NicType"), "intranet");
    }
}

#[tokio::test]
async fn a_classic_group_is_read_once_per_interface() {
    let server = Server::start(|_, asked| {
        let mut rule = permission(&format!("sgr-{}", asked.param("NicType")), "ingress", 22);
        rule["NicType"] = json!(asked.param("NicType"));
        attribute(&[rule], "")
    })
    .await;
    let observed = provider(&server)
        .observe(&region(), &group(Network::Classic))
        .await
        .unwrap();
    let nics: Vec<NicType> = observed.rules.iter().map(|seen| seen.rule.nic).collect();
    assert_eq!(nics, [NicType::Intranet, NicType::Internet]);
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_answer_that_does_not_add_up_is_never_taken_for_the_rules() {
    let internet = |id: &str| {
        let mut rule = permission(id, "ingress", 22);
        rule["NicType"] = json!("internet");
        rule
    };
    for (answers, problem) in [
        (
            vec![
                ("", attribute(&[], "again")),
                ("again", attribute(&[], "again")),
            ],
            "NextToken came a second time",
        ),
        (
            vec![("", attribute(&[internet("sgr-1")], ""))],
            "sgr-1 is for the internet interface",
        ),
        (
            vec![(
                "",
                attribute(
                    &[
                        permission("sgr-1", "ingress", 1),
                        permission("sgr-1", "ingress", 2),
                    ],
                    "",
                ),
            )],
            "sgr-1 is in it twice",
        ),
        (
            vec![("", attribute(&[permission("sgr-1", "sideways", 1)], ""))],
            "rule sgr-1: Direction is `sideways`",
        ),
        (
            vec![(
                "",
                Answer::json(json!({"SecurityGroupId": "sg-2", "InnerAccessPolicy": "Accept"})),
            )],
            "it is about sg-2, not sg-1",
        ),
        (
            vec![("", Answer::json(json!({"SecurityGroupId": "sg-1"})))],
            "InnerAccessPolicy is ``",
        ),
        (
            vec![("", Answer::json(json!({})))],
            "missing field `SecurityGroupId`",
        ),
    ] {
        let answers: BTreeMap<String, String> = answers
            .into_iter()
            .map(|(token, answer)| (token.to_owned(), answer.body))
            .collect();
        let server = Server::start(move |_, asked| Answer {
            status: 200,
            headers: Vec::new(),
            body: answers[asked.param("NextToken")].clone(),
        })
        .await;
        let error = provider(&server)
            .observe(&region(), &group(vpc()))
            .await
            .unwrap_err();
        assert!(
            matches!(error, ProviderError::Malformed { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[tokio::test]
async fn lists_come_with_capacity_and_entries_and_unknown_ones_are_left_out() {
    let server = Server::start(|_, asked| match (asked.action(), asked.param("PrefixListId")) {
        ("DescribePrefixListAttributes", "pl-1") => Answer::json(json!({
            "RequestId": "R", "PrefixListId": "pl-1", "PrefixListName": "office", "AddressFamily": "IPv4",
            "MaxEntries": 20, "Entries": {"Entry": [{"Cidr": "192.0.2.0/24", "Description": "x"}]},
        })),
        ("DescribePrefixListAttributes", _) => {
            Answer::error(404, "InvalidPrefixListId.NotFound", "The specified prefix list was not found.")
        }
        ("DescribePortRangeLists", _) => Answer::json(json!({
            "RequestId": "R", "PortRangeLists": [
                {"PortRangeListId": "prl-1", "PortRangeListName": "web", "MaxEntries": 5},
            ],
        })),
        ("DescribePortRangeListEntries", _) => Answer::json(json!({
            "RequestId": "R", "Entries": [{"PortRange": "80/80"}, {"PortRange": "8000/8010", "Description": ""}],
        })),
        _ => Answer::error(404, "InvalidAction.NotFound", "no"),
    })
    .await;
    let wanted = ListIds {
        prefix: ["pl-1", "pl-2"].map(PrefixListId::new).into(),
        port: ["prl-1", "prl-2"].map(PortListId::new).into(),
    };
    let provider = provider(&server);
    let lists = provider.lists(&region(), &wanted).await.unwrap();
    let prefix = &lists.prefix[&PrefixListId::new("pl-1")];
    assert_eq!(
        (prefix.max_entries, prefix.entries[0].to_string()),
        (20, "192.0.2.0/24".to_owned())
    );
    let port = &lists.port[&PortListId::new("prl-1")];
    let ranges: Vec<String> = port.entries.iter().map(ToString::to_string).collect();
    assert_eq!(
        (port.max_entries, ranges),
        (5, vec!["80".to_owned(), "8000-8010".to_owned()])
    );
    assert_eq!((lists.prefix.len(), lists.port.len()), (1, 1));
    let asked = server.asked();
    assert_eq!(asked.len(), 4);
    let ports = asked
        .iter()
        .find(|asked| asked.action() == "DescribePortRangeLists")
        .unwrap();
    assert_eq!(
        ports.below("PortRangeListId."),
        [("1", "prl-1"), ("2", "prl-2")].into()
    );
    assert!(
        provider
            .lists(&region(), &ListIds::default())
            .await
            .unwrap()
            .prefix
            .is_empty()
    );
    assert_eq!(server.asked().len(), 4);
}

/// What the cloud refuses to tell is known to be unknown; what it does not have is left out; nothing else is lost by either.
#[tokio::test]
async fn lists_that_may_not_be_read_and_lists_that_are_not_there_are_told_apart() {
    let server = Server::start(|_, asked| match (asked.action(), asked.param("PrefixListId")) {
        ("DescribePrefixListAttributes", "pl-mine") => Answer::json(json!({
            "RequestId": "R", "PrefixListId": "pl-mine", "PrefixListName": "mine", "AddressFamily": "IPv4",
            "MaxEntries": 20, "Entries": {"Entry": []},
        })),
        ("DescribePrefixListAttributes", "pl-gone") => {
            Answer::error(404, "InvalidPrefixListId.NotFound", "The specified prefix list was not found.")
        }
        ("DescribePortRangeLists", _) => {
            let all = asked.below("PortRangeListId.");
            if all.values().any(|id| *id == "prl-gone") {
                return Answer::error(400, "InvalidPortRangeListId.NotFound", "The specified port range list was not found.");
            }
            if all.values().any(|id| *id == "prl-hidden") {
                return Answer::error(403, "Forbidden.Unauthorized", "User not authorized to operate on the specified resource.");
            }
            let lists: Vec<_> = all
                .values()
                .map(|id| json!({"PortRangeListId": id, "PortRangeListName": "", "MaxEntries": 5}))
                .collect();
            Answer::json(json!({"RequestId": "R", "PortRangeLists": lists}))
        }
        ("DescribePortRangeListEntries", _) if asked.param("PortRangeListId") == "prl-mine" => {
            Answer::json(json!({"RequestId": "R", "Entries": [{"PortRange": "80/80"}]}))
        }
        _ => Answer::error(403, "Forbidden.RAM", "User not authorized to operate on the specified resource."),
    })
    .await;
    let wanted = ListIds {
        prefix: ["pl-mine", "pl-gone", "pl-theirs"]
            .map(PrefixListId::new)
            .into(),
        port: ["prl-mine", "prl-gone", "prl-hidden", "prl-theirs"]
            .map(PortListId::new)
            .into(),
    };
    let lists = provider(&server).lists(&region(), &wanted).await.unwrap();
    let read: Vec<&str> = lists
        .prefix
        .keys()
        .map(PrefixListId::as_str)
        .chain(lists.port.keys().map(PortListId::as_str))
        .collect();
    assert_eq!(read, ["pl-mine", "prl-mine"]);
    let unread: Vec<(&str, &str, &str)> = lists
        .unread
        .iter()
        .map(|(id, why)| (&**id, &*why.action, &*why.code))
        .collect();
    assert_eq!(
        unread,
        [
            ("pl-theirs", "DescribePrefixListAttributes", "Forbidden.RAM"),
            (
                "prl-hidden",
                "DescribePortRangeLists",
                "Forbidden.Unauthorized"
            ),
            (
                "prl-theirs",
                "DescribePortRangeListEntries",
                "Forbidden.RAM"
            ),
        ]
    );
}

/// Only that something is not for these credentials is an answer about a list.
#[tokio::test]
async fn no_other_refusal_makes_a_list_a_symbol() {
    for (status, code) in [
        (400, "InvalidParameter"),
        (403, "Forbidden.RiskControl"),
        (403, "InvalidAccount.Arrearage"),
    ] {
        let server = Server::start(move |_, _| Answer::error(status, code, "no")).await;
        let wanted = ListIds {
            prefix: [PrefixListId::new("pl-1")].into(),
            port: [PortListId::new("prl-1")].into(),
        };
        let error = provider(&server).lists(&region(), &wanted).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(code), "{error}");
    }
    let proxy = || Answer {
        status: 403,
        headers: Vec::new(),
        body: "<html>Forbidden</html>".to_owned(),
    };
    let server = Server::start(move |_, _| proxy()).await;
    let wanted = ListIds {
        prefix: [PrefixListId::new("pl-1")].into(),
        ..ListIds::default()
    };
    let error = provider(&server).lists(&region(), &wanted).await;
    assert!(error.unwrap_err().to_string().contains("403"));
}
