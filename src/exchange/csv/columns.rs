//! The names that columns go by, English and Chinese.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Direction,
    Policy,
    Priority,
    Protocol,
    Ports,
    SourcePorts,
    Source,
    Destination,
    /// The far end, whichever the direction.
    Peer,
    Nic,
    Description,
    /// Kept for people; an import makes rules of its own.
    Passed,
    /// A member of the API by its own name.
    Member(&'static str),
}

/// Names of columns in lower case, without spaces, `_`, `-` and what stands in brackets.
const NAMES: &[(Column, &[&str])] = &[
    (
        Column::Direction,
        &["direction", "方向", "规则方向", "授权方向"],
    ),
    (
        Column::Policy,
        &[
            "policy",
            "action",
            "authorizationpolicy",
            "策略",
            "授权策略",
            "动作",
        ],
    ),
    (Column::Priority, &["priority", "优先级"]),
    (
        Column::Protocol,
        &["protocol", "ipprotocol", "protocoltype", "协议", "协议类型"],
    ),
    (
        Column::Ports,
        &[
            "portrange",
            "ports",
            "port",
            "destinationportrange",
            "destportrange",
            "端口",
            "端口范围",
            "目的端口",
            "目的端口范围",
        ],
    ),
    (
        Column::SourcePorts,
        &["sourceportrange", "sourceports", "源端口", "源端口范围"],
    ),
    (
        Column::Source,
        &[
            "source",
            "sourceaddress",
            "来源",
            "源",
            "源地址",
            "访问来源",
        ],
    ),
    (
        Column::Destination,
        &[
            "destination",
            "dest",
            "destinationaddress",
            "目的",
            "目的地址",
            "访问目的",
        ],
    ),
    (
        Column::Peer,
        &[
            "peer",
            "authorizationobject",
            "authorizedobject",
            "授权对象",
        ],
    ),
    (Column::Nic, &["nictype", "nic", "网卡类型", "网卡"]),
    (
        Column::Description,
        &["description", "remarks", "描述", "备注"],
    ),
    (
        Column::Passed,
        &[
            "ruleid",
            "securitygroupruleid",
            "安全组规则id",
            "规则id",
            "created",
            "createtime",
            "creationtime",
            "createdat",
            "创建时间",
            "sourcegroupname",
            "destgroupname",
            "sourceprefixlistname",
            "destprefixlistname",
            "portrangelistname",
        ],
    ),
    (Column::Member("SourceCidrIp"), &["sourcecidrip"]),
    (Column::Member("Ipv6SourceCidrIp"), &["ipv6sourcecidrip"]),
    (Column::Member("SourceGroupId"), &["sourcegroupid"]),
    (
        Column::Member("SourceGroupOwnerAccount"),
        &["sourcegroupowneraccount"],
    ),
    (
        Column::Member("SourcePrefixListId"),
        &["sourceprefixlistid"],
    ),
    (Column::Member("DestCidrIp"), &["destcidrip"]),
    (Column::Member("Ipv6DestCidrIp"), &["ipv6destcidrip"]),
    (Column::Member("DestGroupId"), &["destgroupid"]),
    (
        Column::Member("DestGroupOwnerAccount"),
        &["destgroupowneraccount"],
    ),
    (Column::Member("DestPrefixListId"), &["destprefixlistid"]),
    (Column::Member("PortRangeListId"), &["portrangelistid"]),
];

/// The column of a name, if it has a meaning here.
pub(super) fn column(name: &str) -> Option<Column> {
    let mut plain = String::new();
    for c in name.trim().chars() {
        match c {
            '(' | '（' => break,
            ' ' | '_' | '-' | '\u{feff}' => {}
            c => plain.extend(c.to_lowercase()),
        }
    }
    NAMES
        .iter()
        .find(|(_, names)| names.contains(&plain.as_str()))
        .map(|(column, _)| *column)
}
