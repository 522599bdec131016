//! Connections that can be broken from the inside, as networks break them from the outside.

use std::{
    future::Future as _,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{Accept, TlsAcceptor, server::TlsStream};

/// A listener whose connections can be broken.
pub(super) struct Breakable {
    pub(super) tcp: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
}

/// A connection; once it is marked, nothing is sent any more and it ends with a reset.
pub(super) struct Connection {
    stream: Stream,
    wire: Wire,
}

/// The bytes of a connection, in the clear or not. The handshake is made by whoever reads or writes first.
enum Stream {
    Plain(TcpStream),
    Shaking(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
    /// The handshake failed.
    Failed,
}

/// Either kind, after the handshake.
trait Both: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Both for T {}

impl Stream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut dyn Both>> {
        if let Self::Shaking(accept) = self {
            match Pin::new(&mut **accept).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(stream)) => *self = Self::Tls(Box::new(stream)),
                Poll::Ready(Err(error)) => {
                    *self = Self::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(match self {
            Self::Plain(stream) => Ok(stream),
            Self::Tls(stream) => Ok(&mut **stream),
            Self::Shaking(_) | Self::Failed => Err(io::ErrorKind::NotConnected.into()),
        })
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Shaking(_) | Self::Failed => None,
        }
    }
}

/// Breaks the connection that a request came on.
#[derive(Clone, Default)]
pub(super) struct Wire(Arc<AtomicBool>);

impl Wire {
    /// Nothing more is sent.
    pub(super) fn reset(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Listener for Breakable {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.tcp).await;
        // Answers are small and whole; waiting for more would only delay them. Without it things work too.
        let _ = stream.set_nodelay(true);
        let wire = Wire::default();
        let stream = match &self.tls {
            Some(tls) => Stream::Shaking(Box::new(tls.accept(stream))),
            None => Stream::Plain(stream),
        };
        (Connection { stream, wire }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl Connected<IncomingStream<'_, Breakable>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Breakable>) -> Self {
        stream.io().wire.clone()
    }
}

impl Connection {
    fn broken(&self) -> Option<io::Error> {
        self.wire.0.load(Ordering::Acquire).then(|| {
            // Without it the connection ends in good order instead, which clients take for a failure as well.
            let _ = self.stream.tcp().map(TcpStream::set_zero_linger);
            io::Error::from(io::ErrorKind::ConnectionReset)
        })
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = ready!(self.stream.poll_ready(cx))?;
        Pin::new(stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.broken() {
            return Poll::Ready(Err(error));
        }
        let stream = ready!(self.stream.poll_ready(cx))?;
        Pin::new(stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.broken() {
            return Poll::Ready(Err(error));
        }
        let stream = ready!(self.stream.poll_ready(cx))?;
        Pin::new(stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = ready!(self.stream.poll_ready(cx))?;
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = ready!(self.stream.poll_ready(cx))?;
        Pin::new(stream).poll_shutdown(cx)
    }
}
