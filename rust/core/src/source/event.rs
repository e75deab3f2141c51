//! The events of a stream's sources, as the capture log tells them.

use super::{Decision, Event, Source};

const FOLLOWED: &str = "{\"event\":\"stream.source_followed\",\"time_ns\":";

impl Event {
    /// The text of the event in the capture log; [`Decision`](super::Decision) is read from it.
    pub fn json(&self, interface: u32, time_ns: u64) -> String {
        let (name, source, rest) = match self {
            Event::Followed {
                from, to, since_ns, ..
            } => {
                let before = from.map_or("null".into(), |from| format!("{{{}}}", members(&from)));
                let rest = format!(",\"since_ns\":{since_ns},\"before\":{before}");
                ("stream.source_followed", to, rest)
            }
            Event::Refused { source } => ("stream.source_refused", source, String::new()),
        };
        let source = members(source);
        format!(
        "{{\"event\":\"{name}\",\"time_ns\":{time_ns},\"interface\":{interface},{source}{rest}}}"
    )
    }
}

impl Decision {
    /// The interface and the decision that an event in a capture log tells of; none for all other events.
    ///
    /// Reads what [`Event::json`] writes and nothing else: no other writer tells of decisions.
    pub fn read(json: &[u8]) -> Option<(u32, Self)> {
        let mut rest = std::str::from_utf8(json).ok()?.strip_prefix(FOLLOWED)?;
        let time_ns = up_to(&mut rest, ",\"interface\":")?.parse().ok()?;
        let interface = up_to(&mut rest, ",\"address\":\"")?.parse().ok()?;
        let address = up_to(&mut rest, "\",\"ssrc\":")?.parse().ok()?;
        let ssrc = up_to(&mut rest, ",\"since_ns\":")?.parse().ok()?;
        let since_ns = up_to(&mut rest, ",")?.parse().ok()?;
        let source = Source { address, ssrc };
        let decision = Self {
            source,
            since_ns,
            time_ns,
        };
        Some((interface, decision))
    }
}

/// Cuts off what stands before `mark`, and the mark.
fn up_to<'a>(rest: &mut &'a str, mark: &str) -> Option<&'a str> {
    let (before, after) = rest.split_once(mark)?;
    *rest = after;
    Some(before)
}

fn members(source: &Source) -> String {
    let Source { address, ssrc } = source;
    format!("\"address\":\"{address}\",\"ssrc\":{ssrc}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(host: &str, ssrc: u32) -> Source {
        Source {
            address: host.parse().unwrap(),
            ssrc,
        }
    }

    #[test]
    fn events_are_json() {
        let first = Event::Followed {
            from: None,
            to: source("192.0.2.1:4000", 7),
            since_ns: 3,
            earlier: 1,
        };
        assert_eq!(
            first.json(2, 9),
            r#"{"event":"stream.source_followed","time_ns":9,"interface":2,"address":"192.0.2.1:4000","ssrc":7,"since_ns":3,"before":null}"#
        );
        let next = Event::Followed {
            from: Some(source("192.0.2.1:4000", 7)),
            to: source("[2001:db8::1]:4000", 8),
            since_ns: 3,
            earlier: 1,
        };
        assert_eq!(
            next.json(2, 9),
            r#"{"event":"stream.source_followed","time_ns":9,"interface":2,"address":"[2001:db8::1]:4000","ssrc":8,"since_ns":3,"before":{"address":"192.0.2.1:4000","ssrc":7}}"#
        );
        let (interface, decision) = Decision::read(next.json(2, 9).as_bytes()).unwrap();
        assert_eq!((interface, Some(decision)), (2, Decision::of(&next, 9)));
        let refused = Event::Refused {
            source: source("192.0.2.1:4000", 7),
        };
        assert_eq!(Decision::read(refused.json(1, 2).as_bytes()), None);
        assert_eq!(Decision::read(b"{\"event\":\"stream.opened\"}"), None);
        assert_eq!(Decision::read(b"\xff"), None);
        assert_eq!(
            refused.json(1, 2),
            r#"{"event":"stream.source_refused","time_ns":2,"interface":1,"address":"192.0.2.1:4000","ssrc":7}"#
        );
    }
}
