//! From groups that were read to files that are proven and written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{
    adopt::{self, Adopted, NewFile, Refused},
    cli::{
        Failure, Global, Screen, pass,
        progress::Meter,
        project::{self, Selection},
    },
    desired::{self, Desired, Mode, Selector, SourceFile, Template},
    diag::{Diagnostic, FileId, Sources, Span},
    exit::Exit,
    files::{self, Access},
    model::{AccountName, GroupId, GroupInfo, GroupName, ObservedGroup, RegionId, Rule},
    plan::Plan,
    report::text::{count, escape},
};

/// From groups that were read to files that are proven and written.
pub(in crate::cli) struct Job<'a> {
    pub(in crate::cli) desired: &'a Desired,
    pub(in crate::cli) global: &'a Global,
    pub(in crate::cli) screen: &'a Screen,
    pub(in crate::cli) account: &'a AccountName,
    pub(in crate::cli) region: &'a RegionId,
    pub(in crate::cli) found: &'a BTreeMap<GroupName, GroupId>,
    pub(in crate::cli) at: Timestamp,
    pub(in crate::cli) parallelism: usize,
    pub(in crate::cli) mode: Mode,
    pub(in crate::cli) dry_run: bool,
    /// Whether the groups can be read again, to plan them from the new files.
    pub(in crate::cli) proves: bool,
}

/// What stands in comments of new files, by group.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Notes {
    /// At the head of the file.
    pub(in crate::cli) head: BTreeMap<GroupId, Vec<String>>,
    /// Above rules.
    pub(in crate::cli) rules: BTreeMap<GroupId, BTreeMap<Rule, Vec<String>>>,
}

impl Job<'_> {
    /// Writes the files of the groups; `notes` stand above rules, `refused` were refused before.
    pub(in crate::cli) async fn adopt(
        &self,
        groups: Vec<ObservedGroup>,
        mut notes: Notes,
        mut refused: Vec<Refused>,
    ) -> Result<Exit, Failure> {
        let declared: BTreeMap<GroupId, usize> = self.declared(&groups);
        let not_ours = self.not_ours(&declared).await?;
        let mut adopted = Vec::new();
        for group in groups {
            let id = group.info.id.clone();
            if group.info.managed {
                let reason = "it belongs to a cloud service and cannot be changed by its user";
                refused.push(Refused {
                    group: id,
                    reason: reason.to_owned(),
                    expected: true,
                });
                continue;
            }
            if let Some(template) = self.template(&group.info) {
                let place = self.desired.sources.place(template.body.span);
                refused.push(Refused {
                    group: id,
                    reason: format!(
                        "`targets` at {place} matches it, and a group has one document; edit that one, or narrow its `targets`"
                    ),
                    expected: false,
                });
                continue;
            }
            adopted.push(Adopted {
                group,
                declared: declared.get(&id).map(|index| &self.desired.groups[*index]),
                not_ours: not_ours.get(&id).cloned().unwrap_or_default(),
                head: notes.head.remove(&id).unwrap_or_default(),
                notes: notes.rules.remove(&id).unwrap_or_default(),
            });
        }
        // What one group does wrong must not keep the others back: without it everything is tried again.
        let (files, desired, plan) = loop {
            let place = adopt::Place {
                account: self.account,
                region: self.region,
                found: self.found,
                mode: self.mode,
                at: self.at,
            };
            let (files, more) = adopt::files(self.desired, place, &adopted);
            if !more.is_empty() {
                drop_groups(&mut adopted, &mut refused, more);
                continue;
            }
            let desired = match self.load(&files) {
                Ok(desired) => desired,
                Err(more) => {
                    if more.is_empty() {
                        return Err(Failure::new("the written files do not load").help(
                            "please report this with the output of `rulekeep export --format json`",
                        ));
                    }
                    drop_groups(&mut adopted, &mut refused, more);
                    continue;
                }
            };
            let (plan, more) = self.prove(&desired, &files, &adopted).await?;
            if more.is_empty() {
                break (files, desired, plan);
            }
            drop_groups(&mut adopted, &mut refused, more);
        };
        self.write(&files, &adopted, &desired, plan.as_ref(), &refused)
    }

    /// The document with `targets` that is about a group.
    fn template(&self, info: &GroupInfo) -> Option<&Template> {
        self.desired.templates.iter().find(|template| {
            let body = &template.body;
            (&body.account, &body.region) == (self.account, self.region)
                && template.targets.admit(info)
        })
    }

    /// Declarations of the groups, as indices, by the group's id.
    fn declared(&self, groups: &[ObservedGroup]) -> BTreeMap<GroupId, usize> {
        let mut declared = BTreeMap::new();
        for (index, group) in self.desired.groups.iter().enumerate() {
            if group.account != *self.account || group.region != *self.region {
                continue;
            }
            let id = groups
                .iter()
                .map(|group| &group.info)
                .find(|info| match &group.selector {
                    Selector::Id(id) => *id == info.id,
                    Selector::Name { name, vpc } => {
                        info.name == *name
                            && vpc.as_ref().is_none_or(|vpc| {
                                info.network == crate::model::Network::Vpc(vpc.clone())
                            })
                    }
                });
            if let Some(info) = id {
                declared.insert(info.id.clone(), index);
            }
        }
        declared
    }

    /// The live rules that declarations ignore, by group.
    async fn not_ours(
        &self,
        declared: &BTreeMap<GroupId, usize>,
    ) -> Result<BTreeMap<GroupId, BTreeSet<Rule>>, Failure> {
        if declared.is_empty() || !self.proves {
            return Ok(BTreeMap::new());
        }
        let with_ignore: BTreeSet<&GroupId> = declared
            .iter()
            .filter(|(_, index)| !self.desired.groups[**index].ignore.is_empty())
            .map(|(id, _)| id)
            .collect();
        if with_ignore.is_empty() {
            return Ok(BTreeMap::new());
        }
        let kept: BTreeSet<usize> = with_ignore.iter().map(|id| declared[*id]).collect();
        let targets = self.targets(self.desired, |index| kept.contains(&index));
        let meter = Meter::new(self.global);
        let prepared =
            pass::prepare(self.desired, &targets, self.at, self.parallelism, &meter).await?;
        let groups = prepared.plan().groups.iter().map(|plan| {
            let rules = plan.ignored.iter().map(|(seen, _)| {
                let mut rule = seen.rule.clone();
                rule.peer_owner = None;
                rule
            });
            let owned = plan.ignored.iter().map(|(seen, _)| seen.rule.clone());
            (plan.address.group.clone(), rules.chain(owned).collect())
        });
        let groups = groups.collect();
        prepared.close().await?;
        Ok(groups)
    }

    pub(super) fn targets(&self, desired: &Desired, is_meant: impl Fn(usize) -> bool) -> Selection {
        let targets = desired.groups.iter().enumerate().filter(|(index, group)| {
            group.account == *self.account && group.region == *self.region && is_meant(*index)
        });
        let targets = targets.map(|(_, group)| {
            let name = match &group.selector {
                Selector::Id(id) => id.to_string(),
                Selector::Name { name, .. } => name.to_string(),
            };
            format!("{}/{}/{name}", group.account, group.region)
        });
        Selection {
            paths: Vec::new(),
            targets: project::Targets {
                targets: targets.collect(),
            },
            ..Selection::default()
        }
    }

    /// The project with the new files in place of the old ones, or the groups whose documents are refused.
    fn load(&self, files: &[NewFile]) -> Result<Desired, Vec<Refused>> {
        let mut sources = self.desired.sources.iter();
        let project = sources.next().map_or_else(
            || SourceFile::new("rulekeep.yaml", ""),
            |(_, source)| SourceFile::new(source.path.clone(), source.text.clone()),
        );
        let mut texts: BTreeMap<PathBuf, SourceFile> = sources
            .map(|(_, source)| {
                let file = SourceFile::new(source.path.clone(), source.text.clone());
                (source.path.clone(), file)
            })
            .collect();
        for file in files {
            let source = SourceFile::new(file.path.clone(), file.text.as_str());
            texts.insert(file.path.clone(), source);
        }
        let root = &self.desired.project.root;
        if texts.is_empty() {
            return Ok(self.desired.clone());
        }
        let error = match desired::load_files(root, project, texts.into_values().collect()) {
            Ok((desired, _)) => return Ok(desired),
            Err(error) => error,
        };
        let mut refused = Vec::new();
        for diagnostic in error.diagnostics.iter().filter(|d| d.is_error()) {
            let spans = diagnostic.labels.iter().map(|label| label.span.file);
            let of: BTreeSet<FileId> = spans.collect();
            for id in of {
                let path = &error.sources.get(id).path;
                let file = files.iter().find(|file| file.path == *path);
                for group in file.into_iter().flat_map(|file| &file.groups) {
                    refused.push(Refused {
                        group: group.clone(),
                        reason: self.told(diagnostic, &error.sources),
                        expected: false,
                    });
                }
            }
        }
        Err(refused)
    }

    fn write(
        &self,
        files: &[NewFile],
        adopted: &[Adopted<'_>],
        desired: &Desired,
        plan: Option<&Plan>,
        refused: &[Refused],
    ) -> Result<Exit, Failure> {
        let root = &self.desired.project.root;
        let mut text = String::new();
        let mut unwritten = 0;
        // Before anything is written.
        let taken = files
            .iter()
            .find(|file| !file.existed && root.join(&file.path).exists());
        if let Some(file) = taken {
            return Err(Failure::new(format!(
                "{} is there already and is no group file of the project",
                file.path.display()
            ))
            .help("move it away, and adopt again"));
        }
        for file in files {
            if self.dry_run {
                text.push_str(&format!("# {}\n{}\n", file.path.display(), file.text));
                continue;
            }
            // The other files are no worse for one that cannot be written.
            match self.write_one(file) {
                Ok(()) => {
                    let word = if file.existed { "edited" } else { "wrote " };
                    text.push_str(&format!("{word} {}\n", file.path.display()));
                }
                Err(reason) => {
                    unwritten += 1;
                    let name = file.path.display().to_string();
                    let (name, reason) = (escape(&name), escape(&reason));
                    text.push_str(&format!("not written: {name}: {reason}\n"));
                }
            }
        }
        let unchanged = adopted.len() - files.iter().map(|file| file.groups.len()).sum::<usize>();
        if unchanged > 0 {
            let groups = count(unchanged, "group");
            text.push_str(&format!("{groups} declared as live already\n"));
        }
        for Refused { group, reason, .. } in refused {
            text.push_str(&format!("not adopted: {group}: {}\n", escape(reason)));
        }
        let rules: usize = desired
            .groups
            .iter()
            .filter(|group| {
                plan.is_some_and(|plan| plan.groups.iter().any(|of| of.span == group.span))
            })
            .map(|group| group.rules().count())
            .sum();
        if unwritten > 0 {
            text.push_str(&format!(
                "\n{} could not be written, so that nothing is proven of those that are there: mend the cause, and adopt again.\n",
                count(unwritten, "file"),
            ));
        } else if let Some(plan) = plan {
            text.push_str(&format!(
                "\n{} with {} planned from the files: No changes, same traffic.\n",
                count(plan.groups.len(), "group"),
                count(rules, "rule"),
            ));
        }
        if !self.proves && !files.is_empty() {
            text.push_str(
                "\nNot proven: the groups were not read. `rulekeep plan` shows what differs.\n",
            );
        }
        self.screen.result(&text)?;
        let failed = unwritten > 0 || refused.iter().any(|one| !one.expected);
        let nothing = unwritten == files.len() && unchanged == 0;
        Ok(match (failed, nothing) {
            (false, _) => Exit::Done,
            (true, true) => Exit::Error,
            (true, false) => Exit::Partial,
        })
    }
}

impl Job<'_> {
    /// Puts a file in place, unless somebody has changed it since it was read.
    fn write_one(&self, file: &NewFile) -> Result<(), String> {
        let path = self.desired.project.root.join(&file.path);
        if file.existed {
            let now = fs::read(&path).map_err(|error| error.to_string())?;
            if self
                .as_read(&file.path)
                .is_none_or(|old| old.as_bytes() != now)
            {
                return Err("it was changed while adopt read the cloud; adopt again".to_owned());
            }
        } else if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        }
        files::replace(&path, file.text.as_bytes(), Access::Usual)
            .map_err(|error| error.to_string())
    }

    /// The text of a file of the project when the run began.
    fn as_read(&self, path: &Path) -> Option<&str> {
        let mut sources = self.desired.sources.iter();
        let (_, source) = sources.find(|(_, source)| source.path == path)?;
        Some(&source.text)
    }

    /// What is wrong, where, and what to do about it.
    pub(super) fn told(&self, diagnostic: &Diagnostic, sources: &Sources) -> String {
        let labels = diagnostic.labels.iter();
        let places = labels.map(|label| {
            let place = self.place(label.span, sources);
            match label.text.as_str() {
                "" => place,
                text => format!("{text}: {place}"),
            }
        });
        let places: Vec<String> = places.collect();
        let mut told = diagnostic.message.clone();
        if !places.is_empty() {
            told.push_str(&format!(" ({})", places.join(", ")));
        }
        for help in &diagnostic.help {
            told.push_str(&format!("; {help}"));
        }
        told
    }

    /// Where a piece of a new text stands in the file that is there; the file alone where it does not.
    pub(super) fn place(&self, span: Span, sources: &Sources) -> String {
        let source = sources.get(span.file);
        let path = source.path.display();
        let old = self.as_read(&source.path);
        if old == Some(&*source.text) {
            return sources.place(span);
        }
        let line = source.text.lines().nth(span.line as usize - 1);
        let at = old.and_then(|old| old.lines().position(|there| Some(there) == line));
        match at {
            Some(at) => format!("{path}:{}", at + 1),
            None => path.to_string(),
        }
    }
}

/// Takes refused groups out.
fn drop_groups(adopted: &mut Vec<Adopted<'_>>, refused: &mut Vec<Refused>, more: Vec<Refused>) {
    for one in more {
        adopted.retain(|adopted| adopted.group.info.id != one.group);
        if !refused.iter().any(|old| old.group == one.group) {
            refused.push(one);
        }
    }
}
