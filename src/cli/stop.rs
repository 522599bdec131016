//! SIGINT and SIGTERM.

use std::process;

use crate::exit::Exit;

use super::Screen;

/// Ends at the first signal and says so; a second signal ends the program on the spot.
pub(super) async fn stop(screen: Screen, message: &'static str) {
    signal().await;
    screen.say(&format!("\n{message}\n"));
    tokio::spawn(async {
        signal().await;
        process::exit(Exit::Interrupted.code().into());
    });
}

/// Ends at a signal; where signals cannot be had, never.
pub(super) async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = async {
            match signal(SignalKind::terminate()) {
                Ok(mut terminate) => drop(terminate.recv().await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = interrupt() => {}
            () = terminate => {}
        }
    }
    #[cfg(not(unix))]
    interrupt().await;
}

async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
