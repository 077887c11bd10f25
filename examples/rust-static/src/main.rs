//! Counts the requests that it answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let listener = TcpListener::bind(format!("0.0.0.0:{port}"))?;
    let mut count: u64 = 0;
    for stream in listener.incoming() {
        count += 1;
        if let Err(error) = answer(stream?, count) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

fn answer(mut stream: TcpStream, count: u64) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer)?;
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let status = match request.parse(&buffer[..length]) {
        Ok(_) => "200 OK",
        Err(_) => "400 Bad Request",
    };
    let mut digits = itoa::Buffer::new();
    let body = format!("request {} for {}\n", digits.format(count), request.path.unwrap_or("nothing"));
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}
