//! The log: on stderr, off by default but for warnings.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use super::{Color, Global, output};

/// Starts the log. `RULEKEEP_LOG` holds directives (`debug`, `rulekeep::provider=trace`); without it `-v` and `-q` choose.
pub fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "rulekeep=info,warn",
        (false, 2) => "rulekeep=debug,warn",
        (false, _) => "trace",
    };
    let variable = std::env::var("RULEKEEP_LOG").unwrap_or_default();
    let filter = if variable.is_empty() {
        EnvFilter::new(level)
    } else {
        EnvFilter::new(variable)
    };
    let colour = output::wants_colour(global.color, io::stderr().is_terminal(), |name| {
        std::env::var(name).ok()
    });
    // A second start, in tests, keeps the first log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .with_target(global.verbose > 1)
        // Without it a closed stderr would end the program.
        .log_internal_errors(false)
        .try_init();
}

impl Default for Global {
    fn default() -> Self {
        Self {
            project: None,
            color: Color::Auto,
            verbose: 0,
            quiet: false,
        }
    }
}
