//! SIGINT, SIGTERM and SIGHUP.

use std::process;

use crate::exit::Exit;

use super::Screen;

/// Ends at the first signal and says so; a second one, but for SIGHUP, which comes by itself, ends the program on the spot.
pub(super) async fn stop(screen: Screen, message: &'static str) {
    signal().await;
    screen.say(&format!("\n{message}\n"));
    tokio::spawn(async {
        told_to_stop().await;
        process::exit(Exit::Interrupted.code().into());
    });
}

/// Ends at a signal; where signals cannot be had, never.
pub(super) async fn signal() {
    tokio::select! {
        () = told_to_stop() => {}
        () = terminal_lost() => {}
    }
}

/// Ends at SIGINT or SIGTERM: somebody wants the program to end.
pub(super) async fn told_to_stop() {
    #[cfg(unix)]
    tokio::select! {
        () = interrupt() => {}
        () = unix(tokio::signal::unix::SignalKind::terminate()) => {}
    }
    #[cfg(not(unix))]
    interrupt().await;
}

/// Ends at SIGHUP: the terminal has gone. While this is awaited the signal ends nothing by itself.
pub(super) async fn terminal_lost() {
    #[cfg(unix)]
    unix(tokio::signal::unix::SignalKind::hangup()).await;
    #[cfg(not(unix))]
    std::future::pending().await
}

#[cfg(unix)]
async fn unix(kind: tokio::signal::unix::SignalKind) {
    match tokio::signal::unix::signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
