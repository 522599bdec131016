//! Connections that cannot be had without end: so many at a time, and each for so long.

use std::{
    future::Future as _,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

/// Most connections at a time; others wait for their turn.
const MOST: usize = 64;

/// How long a connection lasts, whatever it is used for. Scrapers make a new one.
const LIFETIME: Duration = Duration::from_secs(60);

/// Takes connections in bounds.
#[derive(Debug)]
pub(super) struct Bounded {
    tcp: TcpListener,
    free: Arc<Semaphore>,
}

impl Bounded {
    pub(super) fn new(tcp: TcpListener) -> Self {
        Self {
            tcp,
            free: Arc::new(Semaphore::new(MOST)),
        }
    }
}

/// A connection with an end.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let free = Arc::clone(&self.free);
        let permit = free.acquire_owned().await.expect("never closed");
        let (stream, address) = Listener::accept(&mut self.tcp).await;
        let connection = Connection {
            stream,
            end: Box::pin(sleep(LIFETIME)),
            _permit: permit,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl Connection {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_says_nothing_is_closed() {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let mut listener = Bounded::new(tcp);
        let _client = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = listener.accept().await;
        tokio::time::pause();
        // Paused time goes on by itself as soon as nothing else can.
        let error = connection.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn more_connections_than_the_bound_wait() {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let mut listener = Bounded::new(tcp);
        let mut held = Vec::new();
        for _ in 0..MOST {
            held.push(TcpStream::connect(address).await.unwrap());
            held.push(listener.accept().await.0.stream);
        }
        assert_eq!(listener.free.available_permits(), MOST);
        let taken = Arc::clone(&listener.free)
            .acquire_many_owned(MOST as u32)
            .await;
        let client = TcpStream::connect(address).await.unwrap();
        let waits = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(waits.is_err());
        drop(taken);
        let (connection, _) = listener.accept().await;
        assert_eq!(listener.free.available_permits(), MOST - 1);
        drop((connection, client));
        assert_eq!(listener.free.available_permits(), MOST);
    }
}
