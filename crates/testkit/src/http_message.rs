//! Requests and answers of HTTP/1.1, read from a connection and written to another one.

use std::io::{self, BufRead, Read, Write};

/// The first line and the headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// As in `GET /path HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub first: String,
    /// In their order, as they were sent.
    pub headers: Vec<(String, String)>,
}

/// A request or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it begins with.
    pub head: Head,
    /// Without the framing of chunks.
    pub body: Vec<u8>,
}

impl Head {
    /// The next one of a connection; `None` at its end.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Head>> {
        let first = line(from)?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut headers = Vec::new();
        while let Some((name, value)) = line(from)?.trim_end().split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Some(Head {
            first: first.trim_end().to_owned(),
            headers,
        }))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(it, _)| it.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// As in `GET`; of an answer its version.
    pub fn method(&self) -> &str {
        self.first.split(' ').next().unwrap_or_default()
    }

    /// The path and the query of a request.
    pub fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// The status of an answer.
    pub fn status(&self) -> u16 {
        self.target().parse().unwrap_or(0)
    }

    /// Reads the body that belongs to this. The answer to a HEAD request has none, whatever its length says.
    ///
    /// # Errors
    /// Those of the connection, and what is no HTTP.
    pub fn read_body(&self, from: &mut impl BufRead, to_a_head_request: bool) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if to_a_head_request || matches!(self.status(), 204 | 304) {
            return Ok(body);
        }
        if self
            .header("transfer-encoding")
            .is_some_and(|how| how.contains("chunked"))
        {
            chunks(from, &mut body)?;
            return Ok(body);
        }
        let length = self.header("content-length").unwrap_or("0");
        let length: u64 = length.parse().map_err(io::Error::other)?;
        from.take(length).read_to_end(&mut body)?;
        if body.len() as u64 == length {
            return Ok(body);
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

impl Message {
    /// An answer.
    pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let kind = ("Content-Type".to_owned(), "application/xml".to_owned());
        Message {
            head: Head {
                first: format!("HTTP/1.1 {status} Answer"),
                headers: vec![kind],
            },
            body: body.into(),
        }
    }

    /// The next one of a connection; `None` at its end.
    ///
    /// # Errors
    /// As [`Head::read_body`].
    pub fn read(from: &mut impl BufRead, to_a_head_request: bool) -> io::Result<Option<Message>> {
        let Some(head) = Head::read(from)? else {
            return Ok(None);
        };
        let body = head.read_body(from, to_a_head_request)?;
        Ok(Some(Message { head, body }))
    }

    /// The bytes of the head, with the length of this body. Without a body the length stays as it was: it is that of an object
    /// that was asked for by HEAD.
    pub fn head_bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.head.first);
        let is_chunked = self.head.header("transfer-encoding").is_some();
        let has_length = self.body.is_empty() && !is_chunked && self.head.header("content-length").is_some();
        for (name, value) in &self.head.headers {
            let is_framing = name.eq_ignore_ascii_case("transfer-encoding")
                || (name.eq_ignore_ascii_case("content-length") && !has_length);
            if !is_framing {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if !has_length && !matches!(self.head.status(), 204 | 304) {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.head_bytes())?;
        to.write_all(&self.body)
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(line)
}

fn chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let size = line(from)?;
        let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        from.by_ref().take(size).read_to_end(body)?;
        line(from)?;
        if size == 0 {
            return Ok(());
        }
    }
}
