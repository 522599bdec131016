//! A server that gives one answer after the other and keeps what it was asked.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

pub struct Server {
    pub endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Status and body of each answer; the last one is given for ever.
    pub async fn start(answers: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<_> = answers
            .iter()
            .map(|(status, body)| (*status, (*body).to_owned()))
            .collect();
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            for n in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = request(&mut stream).await;
                heard.lock().unwrap().push(request);
                let (status, body) = answers.get(n).or(answers.last()).unwrap();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { endpoint, asked }
    }

    /// The first line of each request.
    pub fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let line = |text: &String| text.lines().next().unwrap().to_owned();
        asked.iter().map(line).collect()
    }

    /// The requests as they came.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part).await.unwrap();
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let length = text
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0_usize);
        let whole = text
            .split_once("\r\n\r\n")
            .is_some_and(|(_, body)| body.len() >= length);
        if whole || read == 0 {
            return text.into_owned();
        }
    }
}
