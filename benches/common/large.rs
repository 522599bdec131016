//! Estates of any size: group files, and the state that an embedded cloud starts as. The same numbers give the same text.
//!
//! One file per group; about a fifth of the rules are egress, one item in seven is IPv6, some name groups or prefix lists, and most items stand
//! for several rules, as people write them.

use std::{collections::BTreeSet, fmt::Write as _, fs, io, path::Path};

/// What an estate is like.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Groups, over all accounts and regions.
    pub groups: usize,
    /// Rules of each group, both directions together.
    pub rules: usize,
    /// How many accounts they are spread over.
    pub accounts: usize,
    /// How many regions of each account.
    pub regions: usize,
    /// Groups of one VPC.
    pub per_vpc: usize,
    /// Of so many groups one differs from its file: a rule is missing, another one is too many. 0: none.
    pub drifted: usize,
    /// Long descriptions in several scripts, single values in place of lists, comments, flow style, quotes everywhere.
    pub odd: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            groups: 10_000,
            rules: 50,
            accounts: 1,
            regions: 1,
            per_vpc: 20,
            drifted: 0,
            odd: false,
        }
    }
}

/// Regions in the order in which they are used.
const REGIONS: [&str; 4] = [
    "cn-hangzhou",
    "cn-beijing",
    "eu-central-1",
    "ap-southeast-1",
];

/// Groups that share prefix lists: the cloud lets no more than 1,000 resources name one list.
const PER_LISTS: usize = 1_000;

/// Prefix lists that they share.
const LISTS: usize = 4;

/// A group as a file and as a part of the cloud's state.
pub struct Group {
    /// Number of its account.
    pub account: usize,
    /// Path of its file below the project.
    pub path: String,
    /// Text of its file.
    pub yaml: String,
    /// Its entry in the state.
    pub json: String,
}

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn new(seed: usize) -> Self {
        Self((seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

/// The id of a group.
pub fn id(number: usize) -> String {
    format!("sg-bp1g{number:013}")
}

/// The id of a prefix list of a region.
fn list_id(region: usize, number: usize) -> String {
    format!("pl-bp1r{region}list{number:09}")
}

impl Spec {
    /// Account and region of a group, both as numbers.
    fn place(&self, number: usize) -> (usize, usize) {
        let place = number * self.accounts * self.regions / self.groups.max(1);
        (place / self.regions, place % self.regions)
    }

    fn vpc(&self, number: usize) -> String {
        let (account, region) = self.place(number);
        format!("vpc-bp1a{account}r{region}n{:012}", number / self.per_vpc)
    }

    /// One group of it.
    pub fn group(&self, number: usize) -> Group {
        let mut dice = Dice::new(number);
        let (account, region) = self.place(number);
        let name = format!("service-{number:05}");
        let by_id = number.is_multiple_of(2);
        let vpc = self.vpc(number);
        let mut yaml = String::with_capacity(8 << 10);
        let selected = match by_id {
            true => format!("group: {}\nname: {name}\n", id(number)),
            false => format!("group: {name}\nvpc: {vpc}\n"),
        };
        yaml.push_str(&selected);
        if self.accounts > 1 || self.odd {
            let _ = writeln!(yaml, "account: account-{account}");
        }
        if self.regions > 1 || self.odd {
            let _ = writeln!(yaml, "region: {}", REGIONS[region]);
        }
        yaml.push_str("mode: complete\nowner: team-network\n");

        let mut rules: Vec<String> = Vec::with_capacity(self.rules);
        let mut groups_named = 0;
        let mut lists_named = 0;
        for (direction, count) in [
            ("ingress", self.rules - self.rules / 5),
            ("egress", self.rules / 5),
        ] {
            let _ = writeln!(yaml, "{direction}:");
            let end = rules.len() + count;
            let mut item = 0;
            while rules.len() < end {
                let kind = dice.below(14);
                let room = end - rules.len();
                let (peers, members) = match kind {
                    0 | 1 => {
                        let prefix = format!("2001:db8:{:x}:{:x}::/64", number % 65_536, item);
                        (vec![prefix.clone()], vec![("Ipv6CidrIp", prefix)])
                    }
                    2 if groups_named < 8 => {
                        let near = number - number % 2;
                        // Of the same VPC, and selected by its id, so that it has both names.
                        let other = [near + 2, near.wrapping_sub(2)].into_iter().find(|other| {
                            *other < self.groups && *other != number && self.vpc(*other) == vpc
                        });
                        match other {
                            Some(other) => {
                                groups_named += 1;
                                let written = match item % 2 {
                                    0 => id(other),
                                    _ => format!("group:service-{other:05}"),
                                };
                                (vec![written], vec![("GroupId", id(other))])
                            }
                            None => cidrs(&mut dice, number, item, 1),
                        }
                    }
                    3 if lists_named < 2 => {
                        lists_named += 1;
                        let list = list_id(region, number / PER_LISTS * LISTS + item % LISTS);
                        (vec![list.clone()], vec![("PrefixListId", list)])
                    }
                    _ => {
                        let most = if self.odd { 1 } else { 3 };
                        let count = (1 + dice.below(most)).min(room);
                        cidrs(&mut dice, number, item, count)
                    }
                };
                let ports = match (room >= peers.len() * 2, dice.below(4)) {
                    (true, 0) if !self.odd => 2,
                    _ => 1,
                };
                let description = self.description(number, item);
                let policy = if kind == 13 { "drop" } else { "accept" };
                let priority = if kind == 13 {
                    1
                } else {
                    1 + dice.below(3) * 10
                };
                let protocol = ["tcp", "tcp", "tcp", "udp"][dice.below(4)];
                let listed: Vec<String> = (0..ports)
                    .map(|port| match dice.below(3) {
                        0 => format!(
                            "{0}-{1}",
                            1000 + item * 20 + port * 10,
                            1005 + item * 20 + port * 10
                        ),
                        _ => (1000 + item * 20 + port * 10).to_string(),
                    })
                    .collect();
                self.item(
                    &mut yaml,
                    item,
                    direction,
                    protocol,
                    &listed,
                    &peers,
                    policy,
                    priority,
                    &description,
                );
                let side = if direction == "ingress" {
                    "Source"
                } else {
                    "Dest"
                };
                for ports in &listed {
                    let range = match ports.split_once('-') {
                        Some((first, last)) => format!("{first}/{last}"),
                        None => format!("{ports}/{ports}"),
                    };
                    for (member, value) in &members {
                        let member = match *member {
                            "Ipv6CidrIp" => format!("Ipv6{side}CidrIp"),
                            other => format!("{side}{other}"),
                        };
                        let policy = if policy == "drop" { "Drop" } else { "Accept" };
                        rules.push(format!(
                            r#"{{"Direction":"{direction}","IpProtocol":"{}","PortRange":"{range}","{member}":"{value}","Policy":"{policy}","Priority":{priority},"Description":{}}}"#,
                            protocol.to_uppercase(),
                            serde_json::Value::from(description.as_str()),
                        ));
                    }
                }
                item += 1;
            }
        }
        if self.drifted > 0 && number.is_multiple_of(self.drifted) {
            rules.pop();
            rules.push(
                r#"{"IpProtocol":"TCP","PortRange":"3389/3389","SourceCidrIp":"198.51.100.7/32","Description":"by hand"}"#
                    .to_owned(),
            );
        }
        let json = format!(
            r#"{{"id":"{}","name":"{name}","region":"{}","vpc":"{vpc}","tags":{{"team":"network"}},"rules":[{}]}}"#,
            id(number),
            REGIONS[region],
            rules.join(",")
        );
        Group {
            account,
            path: format!("rules/{:03}/{name}.yaml", number / 100),
            yaml,
            json,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a rule")]
    fn item(
        &self,
        yaml: &mut String,
        number: usize,
        direction: &str,
        protocol: &str,
        ports: &[String],
        peers: &[String],
        policy: &str,
        priority: usize,
        description: &str,
    ) {
        let preposition = if direction == "ingress" { "from" } else { "to" };
        let quoted = |peer: &String| match peer.contains(':') || self.odd {
            true => format!("\"{peer}\""),
            false => peer.clone(),
        };
        let peers: Vec<String> = peers.iter().map(quoted).collect();
        let list = |items: &[String]| match items {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let (ports, peers) = (list(ports), list(&peers));
        if self.odd {
            let _ = writeln!(
                yaml,
                "  # {number}: {description}\n  - {{ protocol: '{protocol}', ports: \"{ports}\", {preposition}: [{peers}], policy: {policy}, priority: {priority}, description: {} }}",
                serde_json::Value::from(description),
            );
            return;
        }
        let _ = writeln!(
            yaml,
            "  - protocol: {protocol}\n    ports: {ports}\n    {preposition}: {peers}\n    description: {description}"
        );
        if policy == "drop" {
            yaml.push_str("    policy: drop\n");
        }
        if priority != 1 {
            let _ = writeln!(yaml, "    priority: {priority}");
        }
    }

    fn description(&self, group: usize, item: usize) -> String {
        if self.odd {
            return format!(
                "{group}/{item}: \"quoted\", back\\slash, Größe, 安全组规则 {}",
                "and more words ".repeat(item % 8)
            )
            .trim_end()
            .to_owned();
        }
        format!("service {} of team {}", item, group % 40)
    }

    /// The project file; every account is reached at an endpoint, or is an embedded cloud with the seed beside it.
    pub fn project(&self, endpoints: &[String]) -> String {
        let mut text = "rules: rules/\naccounts:\n".to_owned();
        for account in 0..self.accounts {
            let _ = match endpoints.get(account) {
                Some(endpoint) => {
                    writeln!(text, "  account-{account}: {{ endpoint: \"{endpoint}\" }}")
                }
                None => writeln!(
                    text,
                    "  account-{account}: {{ local: .rulekeep/account-{account}.json, seed: seed-{account}.json }}"
                ),
            };
        }
        let _ = writeln!(
            text,
            "defaults: {{ account: account-0, region: {}, quota: 100000 }}",
            REGIONS[0]
        );
        text
    }

    /// The state that the cloud of an account starts as.
    pub fn seed(&self, account: usize, groups: &[Group]) -> String {
        let mut text = r#"{"version":1,"security_groups":["#.to_owned();
        let mut first = true;
        for group in groups.iter().filter(|group| group.account == account) {
            if !std::mem::take(&mut first) {
                text.push_str(",\n");
            }
            text.push_str(&group.json);
        }
        text.push_str("],\"prefix_lists\":[");
        for (number, (region, list)) in self.lists(account).into_iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let _ = write!(
                text,
                r#"{comma}{{"id":"{}","name":"list-{list}","region":"{}","family":"IPv4","max_entries":10,"entries":[{{"Cidr":"203.0.113.{}/32"}}]}}"#,
                list_id(region, list),
                REGIONS[region],
                list % 256,
            );
        }
        text.push_str("]}");
        text
    }

    /// The prefix lists that groups of an account may name, each as its region and its number.
    fn lists(&self, account: usize) -> BTreeSet<(usize, usize)> {
        let groups = (0..self.groups).map(|number| (number, self.place(number)));
        let of_account = groups.filter(|(_, place)| place.0 == account);
        of_account
            .flat_map(|(number, (_, region))| {
                let first = number / PER_LISTS * LISTS;
                (first..first + LISTS).map(move |list| (region, list))
            })
            .collect()
    }

    /// The ids of all prefix lists of an account.
    pub fn list_ids(&self, account: usize) -> Vec<String> {
        let lists = self.lists(account).into_iter();
        lists.map(|(region, list)| list_id(region, list)).collect()
    }

    /// Every group.
    pub fn all(&self) -> Vec<Group> {
        (0..self.groups).map(|number| self.group(number)).collect()
    }

    /// Writes the project file, the group files and the seeds below a folder.
    pub fn write(&self, folder: &Path, endpoints: &[String]) -> io::Result<()> {
        let groups = self.all();
        for group in &groups {
            let path = folder.join(&group.path);
            fs::create_dir_all(path.parent().expect("a folder is part of it"))?;
            fs::write(path, &group.yaml)?;
        }
        for account in 0..self.accounts {
            fs::write(
                folder.join(format!("seed-{account}.json")),
                self.seed(account, &groups),
            )?;
        }
        fs::write(folder.join("rulekeep.yaml"), self.project(endpoints))
    }
}

/// So many CIDRs that no other item of the group has; and the member that holds each.
fn cidrs(
    dice: &mut Dice,
    group: usize,
    item: usize,
    count: usize,
) -> (Vec<String>, Vec<(&'static str, String)>) {
    let listed: Vec<String> = (0..count)
        .map(|n| match dice.below(3) {
            0 => format!("10.{}.{}.{}/32", group % 256, item % 256, n + 1),
            1 => format!("172.{}.{}.0/24", 16 + n, item % 256),
            _ => format!("100.{}.0.0/16", 64 + n),
        })
        .collect();
    let members = listed.iter().map(|cidr| ("CidrIp", cidr.clone())).collect();
    (listed, members)
}
