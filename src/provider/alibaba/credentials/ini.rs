//! The INI file of the official libraries, `~/.alibabacloud/credentials`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::{
    Credentials, Found,
    environment::{Environment, StsPlace},
    metadata,
    role::{OidcRole, Role},
};

/// The members of one section.
type Section = BTreeMap<String, String>;

/// The credentials of a section: of that name, else of `ALIBABA_CLOUD_PROFILE`, else `default`.
pub(super) async fn credentials(environment: &Environment) -> Result<Found, String> {
    let path = environment
        .credentials_file()
        .ok_or("there is no home directory")?;
    let file = environment.shown(&path);
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{file} does not exist"),
        _ => format!("{file} cannot be read: {error}"),
    })?;
    let name = environment
        .get("ALIBABA_CLOUD_PROFILE")
        .unwrap_or("default");
    let section = section(&text, name).ok_or_else(|| format!("{file} has no section [{name}]"))?;
    let mut found = of_section(environment, &section)
        .await
        .map_err(|reason| format!("section [{name}] of {file} {reason}"))?;
    found.source = match found.source.is_empty() {
        true => format!("section [{name}] of {file}"),
        false => format!("section [{name}] of {file}: {}", found.source),
    };
    Ok(found)
}

async fn of_section(environment: &Environment, section: &Section) -> Result<Found, String> {
    let kind = section.get("type").map_or("", String::as_str);
    let need = |member: &str| {
        section
            .get(member)
            .filter(|value| !value.is_empty())
            .cloned()
            .ok_or_else(|| format!("has type `{kind}`, but no `{member}`"))
    };
    let optional = |member: &str| {
        section
            .get(member)
            .filter(|value| !value.is_empty())
            .cloned()
    };
    let keys = || {
        Ok::<_, String>(Credentials {
            access_key_id: need("access_key_id")?,
            secret: need("access_key_secret")?,
            security_token: optional("security_token"),
        })
    };
    let role = || {
        Ok::<_, String>(Role {
            arn: need("role_arn")?,
            session_name: optional("role_session_name"),
            policy: optional("policy"),
            external_id: optional("external_id"),
            seconds: None,
        })
    };
    let place = StsPlace::default();
    match kind {
        "access_key" => Ok(Found::lasting(keys()?, String::new())),
        "ram_role_arn" => {
            let (keys, role) = (keys()?, role()?);
            role.assume(environment, &place, &keys).await
        }
        "ecs_ram_role" => metadata::credentials(environment, optional("role_name").as_deref()).await,
        "oidc_role_arn" => {
            let role = OidcRole {
                role: role()?,
                provider_arn: need("oidc_provider_arn")?,
                token_file: PathBuf::from(need("oidc_token_file_path")?),
            };
            role.assume(environment, &place).await
        }
        "" => Err("has no `type`".to_owned()),
        "rsa_key_pair" => Err(
            "has type `rsa_key_pair`, which the cloud has deprecated and this program does not use; make an access key"
                .to_owned(),
        ),
        other => Err(format!(
            "has type `{other}`; known are access_key, ram_role_arn, ecs_ram_role and oidc_role_arn"
        )),
    }
}

/// A section by its name. `;` and `#` begin comments at the start of a line and behind white space.
fn section(text: &str, name: &str) -> Option<Section> {
    let mut found: Option<Section> = None;
    let mut inside = false;
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let head = rest.split(']').next().unwrap_or_default().trim();
            inside = head == name;
            if inside {
                found.get_or_insert_default();
            }
        } else if inside && let Some((member, value)) = line.split_once('=') {
            let value = match [" ;", " #", "\t;", "\t#"]
                .iter()
                .filter_map(|mark| value.find(mark))
                .min()
            {
                Some(comment) => &value[..comment],
                None => value,
            };
            found
                .get_or_insert_default()
                .insert(member.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins_and_comments_are_left_out() {
        let text = "\u{feff}; head\n[default]\ntype = access_key ; kind\n access_key_id=a;b\n\n[ci]\r\ntype=ram_role_arn\r\npolicy =   ; optional\n# end\n";
        let default = section(text, "default").unwrap();
        assert_eq!(default["type"], "access_key");
        assert_eq!(default["access_key_id"], "a;b");
        let ci = section(text, "ci").unwrap();
        assert_eq!((&*ci["type"], &*ci["policy"]), ("ram_role_arn", ""));
        assert_eq!(section(text, "nobody"), None);
    }
}
