//! A receiver of webhooks: one thread, one answer for all.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

pub struct Receiver {
    pub url: String,
    seen: Arc<Mutex<Vec<serde_json::Value>>>,
}

impl Receiver {
    /// Answers everything with a status.
    pub fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/tokentoken", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                keep.lock()
                    .unwrap()
                    .push(serde_json::from_slice(&body).unwrap());
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
                );
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { url, seen }
    }

    /// What came since the last call.
    pub fn take(&self) -> Vec<serde_json::Value> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The events that came since the last call, with their titles.
    pub fn events(&self) -> Vec<String> {
        let seen = self.take();
        let told = seen.iter().map(|body| {
            let text = |key: &str| body[key].as_str().unwrap().to_owned();
            format!("{}: {}", text("event"), text("title"))
        });
        told.collect()
    }
}
