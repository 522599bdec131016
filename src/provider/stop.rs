//! The word that nothing more shall be sent. Whoever makes calls asks before each one; who gives the word is another's concern.

use std::future;

use tokio::sync::watch;

use super::ProviderError;

/// Whether somebody has asked for a stop.
#[derive(Clone, Debug)]
pub struct Stop(Option<watch::Receiver<bool>>);

/// Asks for the stop of everybody who holds its [`Stop`].
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// A stop that is not asked for yet.
    #[expect(clippy::new_without_default, reason = "it is made as one of a pair")]
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// The other end.
    pub fn stop(&self) -> Stop {
        Stop(Some(self.0.subscribe()))
    }

    /// From now on nothing is sent.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Nobody will ask.
    pub fn never() -> Self {
        Self(None)
    }

    /// Whether the stop was asked for.
    pub fn is_asked(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| *asked.borrow())
    }

    /// Ends when the stop is asked for.
    pub async fn asked(&self) {
        if let Some(asked) = &self.0
            && asked.clone().wait_for(|asked| *asked).await.is_ok()
        {
            return;
        }
        // Nobody is left who could ask.
        future::pending().await
    }

    /// Waits for what comes before a call, unless the stop comes first.
    pub async fn before<T>(&self, wait: impl Future<Output = T>) -> Result<T, ProviderError> {
        tokio::select! {
            biased;
            () = self.asked() => Err(ProviderError::Stopped),
            done = wait => Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_with_the_stop_and_nothing_begins_after_it() {
        let stopper = Stopper::new();
        let stop = stopper.stop();
        assert!(matches!(stop.before(future::ready(1)).await, Ok(1)));
        assert!(!stop.is_asked());
        let wait = stop.before(future::pending::<()>());
        let (waited, ()) = tokio::join!(wait, async { stopper.ask() });
        assert!(matches!(waited, Err(ProviderError::Stopped)));
        let late = stop.before(future::ready(1)).await;
        assert!(matches!(late, Err(ProviderError::Stopped)));
        assert!(matches!(
            Stop::never().before(future::ready(1)).await,
            Ok(1)
        ));
    }
}
