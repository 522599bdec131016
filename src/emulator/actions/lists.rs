//! What groups, prefix lists and port lists have in common: names, descriptions, tags, and the shape of list actions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};

use super::Ctx;
use crate::emulator::{
    error::{ApiError, absent, bad, forbidden, invalid_parameter},
    paging,
    params::Params,
    store::{Account, List},
};

/// Most entries that one call adds or removes.
const ENTRIES: usize = 200;

/// 2 to 128 characters: a letter, then letters, digits, `:`, `_`, `.` and `-`.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_alphabetic)
        && chars.all(|c| c.is_alphanumeric() || ":_.-".contains(c))
        && is_text(text, 128)
}

/// 2 to `most` characters, and no address of a page.
pub(super) fn is_text(text: &str, most: usize) -> bool {
    (2..=most).contains(&text.chars().count())
        && !text.starts_with("http://")
        && !text.starts_with("https://")
}

/// `Tag.N.Key` and `Tag.N.Value` of a resource to create.
pub(super) fn tags(params: &Params) -> Result<BTreeMap<String, String>, ApiError> {
    if params.rough_count("Tag") > 20 {
        return Err(forbidden(
            "QuotaExceed.Tags",
            "The maximum number of tags of a resource is 20.",
        ));
    }
    let address = |text: &str| text.contains("http://") || text.contains("https://");
    let mut tags = BTreeMap::new();
    for n in 1..=params.count("Tag", 20)? {
        let mut tag = params.object("Tag", n);
        let key = tag.remove("Key").or_else(|| tag.remove("key"));
        let value = tag.remove("Value").or_else(|| tag.remove("value"));
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        let reserved = key.starts_with("aliyun") || key.starts_with("acs:");
        if !(1..=128).contains(&key.chars().count()) || reserved || address(&key) {
            return Err(bad(
                "InvalidTagKey.Malformed",
                "Specified tag key is not valid.",
            ));
        }
        if value.chars().count() > 128 || address(&value) {
            return Err(bad(
                "InvalidTagValue.Malformed",
                "Specified tag value is not valid.",
            ));
        }
        if tags.insert(key, value).is_some() {
            return Err(bad(
                "Duplicate.TagKey",
                "The Tag.N.Key contain duplicate key.",
            ));
        }
    }
    Ok(tags)
}

/// Tags as answers have them.
pub(super) fn shown_tags(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter()
        .map(|(key, value)| json!({"TagKey": key, "TagValue": value}))
        .collect()
}

/// `ResourceGroupId`, taken as it comes when it looks like one.
pub(super) fn resource_group<'a>(
    params: &'a Params,
    message: &'static str,
) -> Result<&'a str, ApiError> {
    match params.get("ResourceGroupId") {
        None => Ok(""),
        Some(id) if id.starts_with("rg-") => Ok(id),
        Some(_) => Err(absent("InvalidResourceGroup.NotFound", message)),
    }
}

/// CIDR or port range, and description.
type Entries = Vec<(Box<str>, Box<str>)>;

/// What tells prefix lists from port lists.
pub(super) struct Kind {
    /// `PrefixList` or `PortRangeList`; parameters begin with it.
    pub(super) name: &'static str,
    /// `Cidr` or `PortRange`.
    pub(super) entry: &'static str,
    /// Canonical form of an entry, or why it is none.
    pub(super) canonical: fn(&str, ipv6: bool) -> Result<String, ApiError>,
    pub(super) not_found: fn() -> ApiError,
    pub(super) bad_name: fn() -> ApiError,
    pub(super) bad_description: fn() -> ApiError,
    pub(super) bad_entry: fn(&str) -> ApiError,
    pub(super) duplicate: fn(&str) -> ApiError,
    pub(super) too_long: fn() -> ApiError,
}

impl Kind {
    fn id_name(&self) -> String {
        format!("{}Id", self.name)
    }

    /// The lists of this kind.
    pub(super) fn all<'a>(&self, account: &'a Account) -> &'a BTreeMap<Box<str>, Arc<List>> {
        if self.name == "PrefixList" {
            &account.prefix_lists
        } else {
            &account.port_lists
        }
    }

    /// The list that the call names.
    pub(super) fn one<'a>(
        &self,
        ctx: &Ctx<'_>,
        account: &'a Account,
    ) -> Result<&'a Arc<List>, ApiError> {
        let name = self.id_name();
        let id = ctx.params.get(&name).ok_or_else(|| {
            bad(
                "MissingParameter",
                format!("The input parameter \"{name}\" that is mandatory for processing this request is not supplied"),
            )
        })?;
        self.all(account)
            .get(id)
            .filter(|list| *list.region == *ctx.region)
            .ok_or_else(self.not_found)
    }

    /// The name to give, checked.
    pub(super) fn given_name<'a>(&self, params: &'a Params) -> Result<Option<&'a str>, ApiError> {
        let name = params.get(&format!("{}Name", self.name));
        let reserved =
            |text: &str| text.starts_with("com.aliyun") || text.starts_with("com.alibabacloud");
        if name.is_some_and(|text| !is_name(text) || reserved(text)) {
            return Err((self.bad_name)());
        }
        Ok(name)
    }

    /// The description to give, checked.
    pub(super) fn given_description<'a>(
        &self,
        params: &'a Params,
    ) -> Result<Option<&'a str>, ApiError> {
        let text = params.get("Description");
        if text.is_some_and(|text| !is_text(text, 256)) {
            return Err((self.bad_description)());
        }
        Ok(text)
    }

    /// The entries of an array, canonical and different from each other.
    pub(super) fn entries(
        &self,
        params: &Params,
        array: &str,
        ipv6: bool,
    ) -> Result<Entries, ApiError> {
        if params.rough_count(array) > ENTRIES {
            return Err(bad(
                "LimitExceed.Entry",
                "The number of entries added or removed exceeds the limit.",
            ));
        }
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        for n in 1..=params.count(array, ENTRIES)? {
            let mut entry = params.object(array, n);
            let text = entry
                .remove(self.entry)
                .ok_or_else(|| (self.bad_entry)(array))?;
            let canonical = (self.canonical)(&text, ipv6)?;
            let description = entry.remove("Description").unwrap_or_default();
            if !description.is_empty() && !is_text(&description, 32) {
                return Err((self.bad_description)());
            }
            if !seen.insert(canonical.clone()) {
                return Err((self.duplicate)(&text));
            }
            entries.push((canonical.into(), description.into()));
        }
        Ok(entries)
    }

    /// The list as a modify call leaves it.
    pub(super) fn modified(&self, ctx: &Ctx<'_>, list: &List) -> Result<List, ApiError> {
        let name = self.given_name(ctx.params)?;
        let description = self.given_description(ctx.params)?;
        let add = self.entries(ctx.params, "AddEntry", list.ipv6)?;
        let remove = self.entries(ctx.params, "RemoveEntry", list.ipv6)?;
        let mut new = list.clone();
        for (gone, _) in &remove {
            if add.iter().any(|(text, _)| text == gone) {
                return Err((self.duplicate)(gone));
            }
            if !new.entries.iter().any(|(text, _)| text == gone) {
                return Err(invalid_parameter("RemoveEntry"));
            }
            new.entries.retain(|(text, _)| text != gone);
        }
        for (text, description) in add {
            match new.entries.iter_mut().find(|(other, _)| *other == text) {
                Some(entry) => entry.1 = description,
                None => new.entries.push((text, description)),
            }
        }
        if new.entries.len() > list.max_entries {
            return Err((self.too_long)());
        }
        if let Some(name) = name {
            new.name = name.into();
        }
        if let Some(description) = description {
            new.description = description.into();
        }
        Ok(new)
    }

    /// A page of the lists that the call asks for, and the token of the next.
    pub(super) fn page<'a>(
        &self,
        ctx: &Ctx<'_>,
        account: &'a Account,
        admits: impl Fn(&List) -> bool,
    ) -> Result<(Vec<&'a List>, String), ApiError> {
        let params = ctx.params;
        let id_name = self.id_name();
        if params.rough_count(&id_name) > 100 {
            return Err(bad(
                if self.name == "PrefixList" {
                    "LimitExceed.PrefixListId"
                } else {
                    "LimitExceed.PortRangeListId"
                },
                format!("The specified number of {id_name} exceeds the limit."),
            ));
        }
        let ids = params.list(&id_name, 100)?;
        let name = params.get(&format!("{}Name", self.name));
        let resource_group = params.get("ResourceGroupId");
        let mut tags = Vec::new();
        for n in 1..=params.count("Tag", 20)? {
            tags.push(params.object("Tag", n));
        }
        let lists = self.all(account).values().map(Arc::as_ref).filter(|list| {
            *list.region == *ctx.region
                && (ids.is_empty() || ids.contains(&&*list.id))
                && name.is_none_or(|name| *list.name == *name)
                && resource_group.is_none_or(|id| *list.resource_group == *id)
                && tags.iter().all(|tag| {
                    let key = tag.get("Key").map(String::as_str).unwrap_or_default();
                    list.tags
                        .get(key)
                        .is_some_and(|value| tag.get("Value").is_none_or(|wanted| wanted == value))
                })
                && admits(list)
        });
        paged(ctx, self.name, lists, |list| &list.id)
    }

    /// The groups whose rules name the list.
    pub(super) fn associations(
        &self,
        ctx: &Ctx<'_>,
        account: &Account,
        resource_type: &str,
    ) -> Result<(Vec<Value>, String), ApiError> {
        let list = self.one(ctx, account)?;
        let scope = format!("associations/{}", list.id);
        let (ids, next) = paged(ctx, &scope, account.associated(&list.id), |id| id)?;
        let shown = ids
            .into_iter()
            .map(|id| json!({"ResourceId": id, "ResourceType": resource_type}))
            .collect();
        Ok((shown, next))
    }
}

/// `MaxResults` 1 to 100 and `NextToken` over things in ascending order of their ids.
fn paged<T>(
    ctx: &Ctx<'_>,
    scope: &str,
    things: impl Iterator<Item = T>,
    id: impl Fn(&T) -> &str,
) -> Result<(Vec<T>, String), ApiError> {
    let size = ctx
        .params
        .integer("MaxResults", 1..=100, || invalid_parameter("MaxResults"))?
        .unwrap_or(10);
    let after = match ctx.params.get("NextToken") {
        None => String::new(),
        Some(token) => paging::read(token, scope).ok_or_else(|| invalid_parameter("NextToken"))?,
    };
    let mut page: Vec<T> = things
        .filter(|thing| *id(thing) > *after)
        .take(size + 1)
        .collect();
    let more = page.len() > size;
    page.truncate(size);
    let next = match page.last() {
        Some(last) if more => paging::token(scope, id(last)),
        _ => String::new(),
    };
    Ok((page, next))
}

/// `2021-02-20T07:11Z`, the lists' form of a time.
pub(super) fn minute_text(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .expect("times come from the clock or were parsed")
        .strftime("%Y-%m-%dT%H:%MZ")
        .to_string()
}
