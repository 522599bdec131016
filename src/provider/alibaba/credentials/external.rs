//! Credentials from a program that a profile names: it prints one JSON object.

use std::{
    io::Read as _,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{Credentials, Found, environment::Environment, sts};

/// How long the program may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Longest output that is read.
const OUTPUT_LIMIT: u64 = 256 << 10;

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    mode: String,
    #[serde(default)]
    access_key_id: String,
    #[serde(default)]
    access_key_secret: String,
    #[serde(default)]
    sts_token: String,
    #[serde(default)]
    expiration: String,
}

/// Runs the program and reads what it prints. Its stderr is the user's; neither its arguments nor its output is told.
pub(super) async fn credentials(environment: &Environment, command: &str) -> Result<Found, String> {
    if environment.is_true("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS") {
        return Err(
            "runs a program, which ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS forbids".to_owned(),
        );
    }
    let words = shlex::split(command)
        .ok_or_else(|| "has a `process_command` with a quote that is not closed".to_owned())?;
    let task = tokio::task::spawn_blocking(move || run(&words, LIMIT));
    let output = task
        .await
        .map_err(|_| "runs a program whose output could not be read".to_owned())??;
    parse(&output)
}

fn run(words: &[String], limit: Duration) -> Result<Vec<u8>, String> {
    let [program, arguments @ ..] = words else {
        return Err("has an empty `process_command`".to_owned());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("names the program `{program}`, which does not start: {error}"))?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let (sender, receiver) = mpsc::channel();
    // A thread of its own: a grandchild may hold the pipe open after the program has ended.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(OUTPUT_LIMIT + 1).read_to_end(&mut bytes);
        // Nobody listens any more after the limit.
        let _ = sender.send(read.map(|_| bytes));
    });
    let end = Instant::now() + limit;
    let late = || {
        format!(
            "names the program `{program}`, which did not end within {} s",
            limit.as_secs_f32()
        )
    };
    let read = receiver.recv_timeout(limit);
    let Ok(read) = read else {
        stop(&mut child);
        return Err(late());
    };
    let bytes = read.map_err(|error| {
        format!("names the program `{program}`, whose output cannot be read: {error}")
    })?;
    if bytes.len() as u64 > OUTPUT_LIMIT {
        stop(&mut child);
        return Err(format!(
            "names the program `{program}`, which printed more than {} KiB",
            OUTPUT_LIMIT >> 10
        ));
    }
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(2)),
            Ok(None) => {
                stop(&mut child);
                return Err(late());
            }
            Err(error) => {
                return Err(format!(
                    "names the program `{program}`, whose end cannot be awaited: {error}"
                ));
            }
        }
    };
    if !status.success() {
        return Err(format!(
            "names the program `{program}`, which failed: {status}"
        ));
    }
    Ok(bytes)
}

fn stop(child: &mut Child) {
    // It may have ended by itself; then there is nothing to end.
    let _ = child.kill();
    let _ = child.wait();
}

fn parse(output: &[u8]) -> Result<Found, String> {
    // What serde says could quote the output, which holds secrets.
    let output: Output = serde_json::from_slice(output).map_err(|_| {
        "runs a program that did not print one JSON object with `mode`, `access_key_id` and `access_key_secret`"
            .to_owned()
    })?;
    let temporary = match output.mode.as_str() {
        "AK" => false,
        "StsToken" => true,
        _ => return Err("runs a program whose `mode` is neither AK nor StsToken".to_owned()),
    };
    let need = |value: String, member: &str| {
        if value.is_empty() {
            Err(format!("runs a program that printed no `{member}`"))
        } else {
            Ok(value)
        }
    };
    let credentials = Credentials {
        access_key_id: need(output.access_key_id, "access_key_id")?,
        secret: need(output.access_key_secret, "access_key_secret")?,
        security_token: match temporary {
            true => Some(need(output.sts_token, "sts_token")?),
            false => None,
        },
    };
    let mut found = Found::lasting(credentials, String::new());
    if output.expiration.is_empty() {
        found.once = true;
    } else {
        let expires = sts::time(&output.expiration)
            .ok_or_else(|| "runs a program whose `expiration` is no time".to_owned())?;
        found.expires = Some(expires);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        shlex::split(text).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let started = Instant::now();
        for command in ["sleep 30", "sh -c 'exec >&-; sleep 30'"] {
            let error = run(&words(command), Duration::from_millis(40)).unwrap_err();
            assert!(error.ends_with("did not end within 0.04 s"), "{error}");
        }
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_or_is_missing_is_told_without_its_arguments() {
        let error = run(&words("sh -c 'echo s3cr3t; exit 3'"), LIMIT).unwrap_err();
        assert_eq!(
            error,
            "names the program `sh`, which failed: exit status: 3"
        );
        let error = run(&words("/no/such/program s3cr3t"), LIMIT).unwrap_err();
        assert!(
            error.contains("does not start") && !error.contains("s3cr3t"),
            "{error}"
        );
        assert_eq!(
            run(&[], LIMIT).unwrap_err(),
            "has an empty `process_command`"
        );
    }

    #[test]
    fn the_output_must_be_whole() {
        for (text, reason) in [
            (
                "s3cr3t",
                "runs a program that did not print one JSON object",
            ),
            (
                r#"{"mode": "s3cr3t"}"#,
                "runs a program whose `mode` is neither",
            ),
            (
                r#"{"mode": "AK", "access_key_id": "a"}"#,
                "runs a program that printed no `access_key_secret`",
            ),
            (
                r#"{"mode": "StsToken", "access_key_id": "a", "access_key_secret": "s3cr3t"}"#,
                "runs a program that printed no `sts_token`",
            ),
            (
                r#"{"mode": "AK", "access_key_id": "a", "access_key_secret": "s3cr3t", "expiration": "s3cr3t"}"#,
                "runs a program whose `expiration` is no time",
            ),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(
                error.starts_with(reason) && !error.contains("s3cr3t"),
                "{error}"
            );
        }
    }
}
