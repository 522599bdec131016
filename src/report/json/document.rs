//! The members of a plan in JSON. The doc comments are the descriptions in the schema.

use schemars::JsonSchema;
use serde::Serialize;

use super::failed::FailureBody;

/// What an apply would do.
///
/// `resource_changes` has the shape of Terraform's plan, so that policies written for it can be reused.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "Rulekeep plan")]
pub struct PlanDocument {
    /// Version of this format: minor is additive, major breaks.
    pub format_version: &'static str,
    /// Version of the program.
    pub tool_version: &'static str,
    /// Stable id of the plan: equal input gives an equal id.
    pub plan_id: String,
    /// When the plan was made, RFC 3339.
    pub timestamp: String,
    /// Git commit of the files.
    pub commit: Option<String>,
    /// Whether the files differ from that commit; null: not known.
    pub dirty: Option<bool>,
    /// Which part of the estate it is about, `2/3`; null: no part, or there is no plan.
    pub shard: Option<String>,
    /// Whether an apply would be let through and have something to do.
    pub applyable: bool,
    /// Whether something could not be planned; also where nothing could.
    pub errored: bool,
    /// Numbers over all groups.
    pub summary: Summary,
    /// Changes, and live rules that are left alone; unchanged rules are not listed.
    pub resource_changes: Vec<ResourceChange>,
    /// Every group that was planned, also those without changes.
    pub groups: Vec<GroupBody>,
    /// Groups that could not be read.
    pub unread: Vec<Unread>,
    /// What is wrong or odd about the files in view of the cloud; where there is no plan, everything that was found.
    pub diagnostics: Vec<DiagnosticBody>,
    /// Why there is no plan, and nothing in this document but diagnostics; null: there is one.
    pub failure: Option<FailureBody>,
}

/// Numbers over all groups.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub struct Summary {
    /// Rules to add.
    pub add: usize,
    /// Rules to modify in place.
    pub change: usize,
    /// Rules to delete.
    pub destroy: usize,
    /// Live rules that partial mode leaves alone.
    pub unmanaged: usize,
    /// API calls that write.
    pub calls: usize,
}

/// What becomes of one rule.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ResourceChange {
    /// `account/region/group/rule`: the rule's id, or for a rule that has none yet the rule in words.
    pub address: String,
    /// Always `security_group_rule`.
    pub r#type: &'static str,
    /// Before and after.
    pub change: ChangeBody,
    /// The cloud's id of the rule; null before it exists.
    pub rule_id: Option<String>,
    /// Where the change comes from in the files.
    pub declared_at: Option<Place>,
    /// Why.
    pub reason: Reason,
}

/// Before and after.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ChangeBody {
    /// One action.
    pub actions: [Action; 1],
    /// The rule as it is; null for a rule that does not exist yet.
    pub before: Option<RuleBody>,
    /// The rule as it shall be; null for a rule that is deleted.
    pub after: Option<RuleBody>,
}

/// What is done to a rule, in Terraform's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Action {
    /// It is added.
    #[serde(rename = "create")]
    Create,
    /// It is modified in place and keeps its id.
    #[serde(rename = "update")]
    Update,
    /// It is deleted.
    #[serde(rename = "delete")]
    Delete,
    /// It is left alone.
    #[serde(rename = "no-op")]
    NoOp,
}

/// Why something is done to a rule, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Declared and not there.
    Missing,
    /// Declared otherwise.
    Differs,
    /// There and not declared, in complete mode.
    LiveOnly,
    /// There and declared absent.
    Absent,
    /// There and not declared, in partial mode.
    Unmanaged,
    /// There and covered by an `ignore` pattern.
    Ignored,
    /// Made by the platform (priority 110) and kept.
    SystemLevel,
}

/// A rule.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RuleBody {
    /// Id of the security group.
    pub security_group_id: String,
    /// `ingress` or `egress`.
    pub direction: String,
    /// `accept` or `drop`.
    pub policy: String,
    /// 1, the strongest, to 100; 110 is a rule made by the platform.
    pub priority: u8,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `gre`, `all` or an IANA number.
    pub protocol: String,
    /// `22`, `8000-8010` or the id of a port list; null where the protocol has no ports.
    pub ports: Option<String>,
    /// The sender's ports; null: any.
    pub source_ports: Option<String>,
    /// The far end: source of an ingress rule, destination of an egress rule.
    pub peer: PeerBody,
    /// The members' own addresses that the rule is limited to; null: all.
    pub local: Option<String>,
    /// `intranet`, or `internet` in the classic network.
    pub nic_type: String,
    /// Free text.
    pub description: Option<String>,
}

/// The far end of a rule: exactly one of the three, and the owner beside a group of another account.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct PeerBody {
    /// Addresses, IPv4 or IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// Id of a security group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The account that owns the group, when it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_owner: Option<String>,
    /// Id of a prefix list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_list: Option<String>,
}

/// A place in the files.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Place {
    /// Path relative to the folder of the project file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

/// One group.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GroupBody {
    /// `account/region/group`.
    pub address: String,
    /// Name to show.
    pub name: String,
    /// Id of the VPC, or `classic network`.
    pub network: String,
    /// What becomes of rules that are not declared.
    pub mode: ModesBody,
    /// SHA-256 over the rules as they were read.
    pub fingerprint: String,
    /// Where the group is declared.
    pub declared_at: Place,
    /// Declared rules that are past their date.
    pub expired: Vec<Place>,
    /// The group's numbers.
    pub summary: Summary,
    /// The calls in order.
    pub steps: Vec<StepBody>,
    /// What the changes mean in traffic; empty lists: the same traffic.
    pub traffic: TrafficBody,
    /// Traffic that for a while is not what it is before and after; empty: safe at every step.
    pub transients: Vec<TransientBody>,
    /// Set where the group cannot hold its old and new rules together: its changes are made in turns, each of which needs those before it, and
    /// were not replayed with groups outside the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_turns: Option<InTurnsBody>,
    /// What the guard has against the group's changes, and assertions that are violated without refusing them.
    pub findings: Vec<Finding>,
}

/// Changes of a group that cannot hold its old and new rules together.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InTurnsBody {
    /// Free slots with which the changes would be safe at every step; null: they are as it is, or none are known to help.
    pub more_slots: Option<u32>,
    /// There are transients, and not every order was looked at: there may be one without.
    pub orders_left_out: bool,
    /// There are transients, and fewer slots than `more_slots` may do; where that is null, some number may.
    pub least_slots_unknown: bool,
    /// Peers that are in three groups or unread lists at once were not looked at: that the changes are safe at every step is not proved.
    pub memberships_left_out: bool,
    /// Groups that may share an interface with this one and were too many to be replayed together with it; where there are any, that the changes
    /// are safe at every step is not proved.
    pub pairs_left_out: usize,
}

/// What changes mean in traffic.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TrafficBody {
    /// Refused before, admitted after.
    pub newly_admitted: Vec<TrafficLine>,
    /// Admitted before, refused after.
    pub no_longer_admitted: Vec<TrafficLine>,
}

/// Some traffic.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TrafficLine {
    /// `ingress` or `egress`.
    pub direction: String,
    /// `intranet`, or `internet` in the classic network.
    pub nic: String,
    /// `tcp/22 from 0.0.0.0/0 except 10.0.0.0/8`.
    pub traffic: String,
    /// The rules that decided before, the widest first: places in the files, rule ids, or `default`.
    pub decided_before: Vec<String>,
    /// The rules that decide after.
    pub decided_after: Vec<String>,
}

/// Traffic that is cut or let through for a while.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TransientBody {
    /// Another group: only on network interfaces in both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// `ingress` or `egress`.
    pub direction: String,
    /// `intranet`, or `internet` in the classic network.
    pub nic: String,
    /// `interrupted` or `opened`.
    pub what: String,
    /// The wave in which it may happen, from 1.
    pub wave: usize,
    /// Which traffic.
    pub traffic: Vec<String>,
}

/// The mode of each direction.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct ModesBody {
    /// Of ingress rules.
    pub ingress: ModeBody,
    /// Of egress rules.
    pub egress: ModeBody,
}

/// What becomes of rules that are not declared.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModeBody {
    /// They are deleted.
    Complete,
    /// They are left alone.
    Partial,
    /// The files say nothing of this direction; nothing is changed.
    NotManaged,
}

/// One API call.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StepBody {
    /// Calls of one wave may be made side by side; a wave begins when the one before it has ended. From 1.
    pub wave: usize,
    /// `ingress` or `egress`.
    pub direction: String,
    /// What is done.
    pub action: StepAction,
    /// Addresses of the rules, as in `resource_changes`.
    pub rules: Vec<String>,
}

/// The cloud's three ways to change rules.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepAction {
    /// Adds rules.
    Authorize,
    /// Deletes rules.
    Revoke,
    /// Changes one rule in place.
    Modify,
}

/// A reason not to apply, or an assertion that is violated.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// Stable name of the reason; `assertion` for assertions.
    pub code: String,
    /// Whether it refuses the plan.
    pub refuses: bool,
    /// One sentence.
    pub message: String,
    /// What lets the plan through, or what to do instead.
    pub help: Vec<String>,
    /// The place in the files.
    pub declared_at: Option<Place>,
    /// What is violated; null for other reasons.
    pub assertion: Option<AssertionBody>,
}

/// An assertion, and what violates it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AssertionBody {
    /// Its id.
    pub id: String,
    /// A few words for it.
    pub title: Option<String>,
    /// `forbid ssh from internet`.
    pub says: String,
    /// Why.
    pub because: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// Where to read about it.
    pub reference: Option<String>,
    /// Since when it is violated.
    pub status: AssertionStatus,
    /// For `on_the_way` the wave in which it may happen, from 1.
    pub wave: Option<usize>,
    /// `intranet`, or `internet` in the classic network.
    pub nic: String,
    /// The packets.
    pub traffic: Vec<ViolatingTraffic>,
    /// Prefix lists and port lists that decide and could not be read.
    pub depends_on: Vec<String>,
    /// What excuses it.
    pub waiver: Option<WaiverBody>,
}

/// Since when an assertion is violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssertionStatus {
    /// By the result, and not before.
    New,
    /// Neither before nor by the result, but in between.
    OnTheWay,
    /// Before, and still by the result.
    Known,
    /// By the result, and a waiver covers that.
    Waived,
}

/// Packets that violate an assertion.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ViolatingTraffic {
    /// `ingress` or `egress`.
    pub direction: String,
    /// `admitted` where it is forbidden, `refused` where it is required.
    pub what: String,
    /// `tcp/22 from 0.0.0.0/0 except 10.0.0.0/8`.
    pub traffic: String,
    /// The rules that decide, the widest first: places in the files, rule ids, or `default`.
    pub decided_by: Vec<String>,
}

/// Leave to violate an assertion until a date.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WaiverBody {
    /// The date as written.
    pub until: String,
    /// Why.
    pub reason: String,
    /// Where it is declared.
    pub declared_at: Place,
}

/// A group that could not be read.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Unread {
    /// Which group.
    pub group: String,
    /// What the cloud or the connection said.
    pub error: String,
}

/// Something wrong or odd about the files.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DiagnosticBody {
    /// How bad it is.
    pub severity: Level,
    /// Stable name.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The first place is the one to mend.
    pub places: Vec<Place>,
    /// How to mend it.
    pub help: Vec<String>,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing is planned or sent while it stands.
    Error,
    /// Worth a look.
    Warning,
}

/// How a group of an apply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplyResult {
    /// Everything is done and was read back.
    Done,
    /// Accepted by the cloud, not shown by it within the wait.
    NotYetVisible,
    /// A call failed.
    Failed,
    /// Changes were not made, because others that they build on failed.
    HeldBack,
    /// Somebody else changed the group meanwhile.
    Drifted,
    /// Interrupted before its end.
    Interrupted,
    /// Interrupted before its first call.
    NotBegun,
}
