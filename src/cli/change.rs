//! From a desired state that no group file holds to the cloud: the way of `import`, `restore` and `clone`. The same plan,
//! guard, order and apply as for files.

use std::{ops::Range, path::PathBuf, sync::Arc};

use clap::builder::FalseyValueParser;
use jiff::Timestamp;

use crate::{
    desired::{Desired, DesiredGroup, DesiredRule, Limits, Mode, Modes, Selector, SystemRules},
    diag::Span,
    exit::Exit,
    model::{AccountName, Direction, GroupId, ObservedGroup, RegionId, Rule},
    report::text,
};

use super::{
    Failure, Global, Screen,
    carry_out::{Job, Outcome, Preview, Work},
    consent,
    pass::{self, Prepared, Session},
    progress::Meter,
    project::{self, Selection},
};

/// What commands that change the cloud without files take.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "change")]
pub(super) struct Consent {
    #[command(flatten)]
    common: consent::Consent,
    /// Show what would be done, and do nothing
    #[arg(
        long,
        env = "RULEKEEP_DRY_RUN",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    pub(super) dry_run: bool,
}

impl Consent {
    fn job<'a>(
        &'a self,
        desired: &Desired,
        at: Timestamp,
        preview: &'a Preview<'a>,
        global: &'a Global,
        screen: &'a Screen,
    ) -> Job<'a> {
        let Self { common, dry_run } = self;
        Job {
            stamp: pass::stamp(desired, at),
            work: Work::Change,
            asks: !common.yes && !dry_run,
            dry_run: *dry_run,
            shown: false,
            saved: None,
            overrides: common.overrides(),
            preview: Some(preview),
            confirm_within: None,
            aside: false,
            part: "",
            shared: &common.shared,
            global,
            screen,
        }
    }

    /// Whether somebody is asked.
    pub(super) fn asks(&self) -> bool {
        !self.common.yes
    }

    /// Asks unless the answer is given; an error when it is not yes.
    pub(super) fn obtain(&self, screen: &Screen) -> Result<(), Failure> {
        match self.common.yes {
            true => Ok(()),
            false => Work::Change.ask(screen),
        }
    }

    /// Takes the lock of the project's folder, unless nothing will be changed.
    pub(super) async fn lock(
        &self,
        global: &Global,
        command: &str,
        screen: &Screen,
    ) -> Result<(), Failure> {
        if self.dry_run {
            return Ok(());
        }
        let root = project::root(global)?;
        self.common.lock(&root, command, screen).await
    }

    /// How the program ends; outputs are told why nothing was changed.
    pub(super) fn end(
        &self,
        done: Result<Outcome, Failure>,
        global: &Global,
        screen: &Screen,
    ) -> Result<Exit, Failure> {
        self.common.told(done, global, screen)?.exit()
    }

    /// Shows text beside the outputs: on stdout unless another format is there.
    pub(super) fn show(&self, text: &str, screen: &Screen) -> Result<(), Failure> {
        if self.common.shared.is_text() {
            return screen.result(text);
        }
        screen.say(text);
        Ok(())
    }
}

/// A text that stands where a group file would: each rule has a place in it.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// What it is called in messages.
    pub(super) name: PathBuf,
    /// The text.
    pub(super) text: Arc<str>,
    /// The rules and their places.
    pub(super) rules: Vec<(Rule, Range<usize>)>,
    /// How many rules were left out because their priority cannot be set.
    pub(super) skipped: usize,
}

impl Origin {
    /// Of rules that come from no file: a line each.
    pub(super) fn of_rules(name: PathBuf, rules: Vec<Rule>) -> Self {
        let mut text = String::new();
        let mut placed = Vec::new();
        for rule in rules {
            let start = text.len();
            text.push_str(&text::escape(&rule.to_string()));
            placed.push((rule, start..text.len()));
            text.push('\n');
        }
        Self {
            name,
            text: text.into(),
            rules: placed,
            skipped: 0,
        }
    }
}

/// The group that is to be changed.
#[derive(Clone, Debug)]
pub(super) struct Target<'a> {
    /// Account that holds it.
    pub(super) account: AccountName,
    /// Region that holds it.
    pub(super) region: RegionId,
    /// The group.
    pub(super) id: GroupId,
    /// Its declaration: quota and thresholds are its own.
    pub(super) declared: Option<&'a DesiredGroup>,
    /// What becomes of rules that the origin does not have.
    pub(super) mode: Mode,
    /// Whether a direction may end without rules.
    pub(super) allow_empty: bool,
}

/// Rules that a group holds unless its file says otherwise; the cloud publishes no number, older pages had 200.
pub(super) const QUOTA: u32 = 200;

/// The project with one group, which shall have the rules of the origin.
pub(super) fn desired(base: &Desired, target: &Target<'_>, origin: &Origin) -> Desired {
    let mut sources = base.sources.clone();
    let file = sources.add(origin.name.clone(), Arc::clone(&origin.text));
    let span = |range: &Range<usize>| {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let before = &origin.text[..range.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Span {
            file,
            start: number(range.start),
            end: number(range.end),
            line: number(1 + before.matches('\n').count()),
            column: number(1 + before[line_start..].chars().count()),
        }
    };
    let rules = |direction: Direction| {
        let mut rules: Vec<DesiredRule> = origin
            .rules
            .iter()
            .filter(|(rule, _)| rule.direction == direction)
            .map(|(rule, place)| DesiredRule::of(rule, span(place)))
            .collect();
        rules.sort_by(|a, b| {
            let key = |rule: &DesiredRule| (rule.priority, rule.policy, rule.span);
            key(a).cmp(&key(b))
        });
        rules
    };
    let group = DesiredGroup {
        account: target.account.clone(),
        region: target.region.clone(),
        selector: Selector::Id(target.id.clone()),
        alias: None,
        span: span(&(0..0)),
        mode: Modes {
            ingress: target.mode,
            egress: target.mode,
        },
        ingress: Some(rules(Direction::Ingress)),
        egress: Some(rules(Direction::Egress)),
        absent: Vec::new(),
        ignore: Vec::new(),
        allow_empty: target.allow_empty,
        system_rules: Some(SystemRules::Keep),
        limits: target
            .declared
            .map_or_else(Limits::default, |group| group.limits),
        quota: target.declared.map_or(QUOTA, |group| group.quota),
        assertions: target.declared.map_or_else(
            || base.project.assertions.clone(),
            |group| group.assertions.clone(),
        ),
        waivers: target.declared.map_or_else(
            || base.project.waivers.clone(),
            |group| group.waivers.clone(),
        ),
    };
    Desired {
        project: base.project.clone(),
        groups: vec![group],
        templates: Vec::new(),
        matched: Default::default(),
        sources,
    }
}

/// Plans and carries out; what `preview` makes of the plan stands before it.
pub(super) async fn carry_out(
    desired: &Desired,
    consent: &Consent,
    global: &Global,
    screen: &Screen,
    preview: &Preview<'_>,
) -> Result<Outcome, Failure> {
    let at = Timestamp::now();
    let prepared = prepared(desired, consent, global, at).await?;
    let job = consent.job(desired, at, preview, global, screen);
    job.carry_out(&prepared).await
}

/// As [`carry_out`] of a plan that a [rehearsal](rehearse) has shown, and that somebody has agreed to.
pub(super) async fn carry_out_shown(
    desired: &Desired,
    consent: &Consent,
    global: &Global,
    screen: &Screen,
) -> Result<Outcome, Failure> {
    let at = Timestamp::now();
    let prepared = prepared(desired, consent, global, at).await?;
    let job = Job {
        asks: false,
        shown: true,
        ..consent.job(desired, at, &|_, _| String::new(), global, screen)
    };
    job.carry_out(&prepared).await
}

async fn prepared<'a>(
    desired: &'a Desired,
    consent: &Consent,
    global: &Global,
    at: Timestamp,
) -> Result<Prepared<'a>, Failure> {
    let all = Selection::default();
    let parallelism = consent.common.shared.parallelism.into();
    pass::prepare(desired, &all, at, parallelism, &Meter::new(global)).await
}

/// What came of a rehearsal.
pub(super) struct Rehearsed {
    /// For whoever wanted no more than to look.
    pub(super) outcome: Outcome,
    /// The id of the plan that was shown.
    plan: String,
}

/// Plans for a group that is not there yet, as it would be before its first rule; shows and guards the plan. An error when it may not
/// be made.
pub(super) async fn rehearse(
    desired: &Desired,
    group: ObservedGroup,
    session: Session,
    consent: &Consent,
    preview: &Preview<'_>,
    global: &Global,
    screen: &Screen,
) -> Result<(Session, Rehearsed), Failure> {
    let at = Timestamp::now();
    let prepared = session.prepare_new(desired, group, at).await?;
    let job = consent.job(desired, at, preview, global, screen);
    let outcome = if consent.dry_run {
        job.carry_out(&prepared).await?
    } else {
        job.rehearse(&prepared).await?;
        Outcome::default()
    };
    let plan = prepared.plan().id();
    let session = Session::from(prepared.into_connected());
    Ok((session, Rehearsed { outcome, plan }))
}

/// Plans and guards once more what was [rehearsed](rehearse), without a word; whether it is still the same.
pub(super) async fn is_still_right(
    desired: &Desired,
    group: ObservedGroup,
    session: Session,
    consent: &Consent,
    agreed: &Rehearsed,
) -> Result<(Session, bool), Failure> {
    let prepared = session
        .prepare_new(desired, group, Timestamp::now())
        .await?;
    let is_approved = prepared.guarded(&consent.common.overrides()).is_ok();
    let right = is_approved && prepared.plan().id() == agreed.plan;
    Ok((Session::from(prepared.into_connected()), right))
}
