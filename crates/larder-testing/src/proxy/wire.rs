//! PostgreSQL's messages, as far as faults have to know them: where each ends, which statement a
//! client sends, and which command the server has completed.

use std::collections::HashMap;

/// What passes and can be a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Connection,
    /// The text of a statement that is to run.
    Statement(String),
    /// The tag of a completed command, or `ERROR` and the SQLSTATE.
    Reply(String),
    Ready,
}

/// What the client asks for before it logs in: to encrypt, by TLS or by GSSAPI.
const ENCRYPT: [i32; 2] = [80_877_103, 80_877_104];

/// What is known of a connection.
pub(super) struct Wire {
    /// Only bytes are seen: they are encrypted or not PostgreSQL's.
    opaque: bool,
    logged_in: bool,
    /// The server answers by a single byte whether it encrypts.
    asked_to_encrypt: bool,
    /// The texts of prepared statements, and of what is bound, by name.
    statements: HashMap<Vec<u8>, String>,
    portals: HashMap<Vec<u8>, String>,
}

impl Wire {
    pub(super) fn new(reads_along: bool) -> Self {
        Self {
            opaque: !reads_along,
            logged_in: false,
            asked_to_encrypt: false,
            statements: HashMap::new(),
            portals: HashMap::new(),
        }
    }

    /// The first message of a client: how long it is and what it is. None if it is incomplete.
    pub(super) fn request(&mut self, bytes: &[u8]) -> Option<(usize, Option<Event>)> {
        if self.opaque {
            return Some((bytes.len(), None));
        }
        if !self.logged_in {
            let length = length_at(bytes, 0)?;
            let code = length_at(bytes, 4)?;
            let whole = bytes.get(..length)?;
            if i32::try_from(code).is_ok_and(|code| ENCRYPT.contains(&code)) {
                self.asked_to_encrypt = true;
            } else {
                self.logged_in = true;
            }
            return Some((whole.len(), None));
        }
        let length = 1 + length_at(bytes, 1)?;
        let body = bytes.get(5..length)?;
        Some((length, self.read_request(bytes[0], body)))
    }

    fn read_request(&mut self, kind: u8, body: &[u8]) -> Option<Event> {
        let (first, rest) = split_text(body);
        match kind {
            b'Q' => return Some(Event::Statement(text_of(first))),
            b'P' => {
                let (text, _) = split_text(rest);
                self.statements.insert(first.to_vec(), text_of(text));
            }
            b'B' => {
                let (statement, _) = split_text(rest);
                let text = self.statements.get(statement).cloned().unwrap_or_default();
                self.portals.insert(first.to_vec(), text);
            }
            b'E' => {
                let text = self.portals.get(first).cloned().unwrap_or_default();
                return Some(Event::Statement(text));
            }
            _ => {}
        }
        None
    }

    /// The first message of the server: how long it is and what it is. None if it is incomplete.
    pub(super) fn reply(&mut self, bytes: &[u8]) -> Option<(usize, Option<Event>)> {
        if self.opaque {
            return Some((bytes.len(), None));
        }
        if std::mem::take(&mut self.asked_to_encrypt) {
            // Otherwise the client goes on in the clear or tries the other kind.
            self.opaque = matches!(bytes[0], b'S' | b'G');
            return Some((1, None));
        }
        let length = 1 + length_at(bytes, 1)?;
        let body = bytes.get(5..length)?;
        let event = match bytes[0] {
            b'C' => Some(Event::Reply(text_of(split_text(body).0))),
            b'E' => Some(Event::Reply(format!("ERROR {}", sqlstate(body)))),
            b'Z' => Some(Event::Ready),
            _ => None,
        };
        Some((length, event))
    }
}

/// The big-endian number in four bytes of a message.
fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(number)).ok()
}

/// A text that ends with a zero byte, and what follows it.
fn split_text(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The SQLSTATE in the fields of an error, each a letter and a text.
fn sqlstate(mut fields: &[u8]) -> String {
    while let Some((kind, rest)) = fields.split_first()
        && *kind != 0
    {
        let (value, following) = split_text(rest);
        if *kind == b'C' {
            return text_of(value);
        }
        fields = following;
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap_or_default();
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    fn logged_in() -> Wire {
        let mut wire = Wire::new(true);
        let startup = [&8_u32.to_be_bytes()[..], &196_608_u32.to_be_bytes()[..]].concat();
        assert_eq!(wire.request(&startup), Some((8, None)));
        wire
    }

    #[test]
    fn the_text_of_a_prepared_statement_is_known_when_it_runs() {
        let mut wire = logged_in();
        for (kind, body) in [(b'P', &b"s1\0SELECT 1\0\0\0"[..]), (b'B', b"p1\0s1\0\0\0")] {
            let message = message(kind, body);
            assert_eq!(wire.request(&message), Some((message.len(), None)));
        }
        let execute = message(b'E', b"p1\0\0\0\0\0");
        let (_, event) = wire.request(&execute).unwrap_or_default();
        assert_eq!(event, Some(Event::Statement("SELECT 1".to_owned())));
    }

    #[test]
    fn a_message_counts_when_it_is_complete() {
        let mut wire = logged_in();
        let commit = message(b'C', b"COMMIT\0");
        for cut in 1..commit.len() {
            assert_eq!(wire.reply(&commit[..cut]), None);
        }
        let event = Event::Reply("COMMIT".to_owned());
        assert_eq!(wire.reply(&commit), Some((commit.len(), Some(event))));
        let refused = message(b'E', b"SERROR\0C40001\0Mno\0\0");
        let event = Event::Reply("ERROR 40001".to_owned());
        assert_eq!(wire.reply(&refused), Some((refused.len(), Some(event))));
    }

    #[test]
    fn the_answer_to_a_wish_for_tls_is_one_byte() {
        let ask = [&8_u32.to_be_bytes()[..], &80_877_103_u32.to_be_bytes()[..]].concat();
        let mut wire = Wire::new(true);
        assert_eq!(wire.request(&ask), Some((8, None)));
        assert_eq!(wire.reply(b"N"), Some((1, None)));
        assert!(!wire.opaque && !wire.logged_in);
        assert_eq!(wire.request(&ask), Some((8, None)));
        assert_eq!(wire.reply(b"S"), Some((1, None)));
        assert!(wire.opaque);
    }
}
