//! Reads a capture log once, to go on with it: its interfaces, and where its last whole block ends.

use crate::known::{Interface, Known};
use crate::reader::{media, Media};
use crate::reader::{Ending, LogReader};
use siprecord_core::pcapng::block::{
    BYTE_ORDER_MAGIC, ENTERPRISE, LINK_EXPORTED, LINK_RAW_IP, SECTION_HEADER,
};
use siprecord_core::pcapng::read::{Block, Packet};
use siprecord_core::seq::distance;
use siprecord_core::source::Decision;
use siprecord_srtp::Reached;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// SSRCs of one interface whose numbers are followed; more are somebody's who means no good.
const MAX_SOURCES: usize = 64;

impl Known {
    /// What the log tells of an SSRC's rollover counter, should its packets have been protected.
    fn note(&mut self, packet: &Packet<'_>) {
        let Media::Rtp(found) = media(packet) else {
            return;
        };
        let (ssrc, sequence) = (found.packet.ssrc, found.packet.sequence);
        let mut known = self.reached.iter_mut();
        if let Some(known) = known.find(|known| known.ssrc == ssrc) {
            count(known, sequence);
        } else if self.reached.len() < MAX_SOURCES {
            self.reached.push(Reached {
                ssrc,
                highest: u64::from(sequence),
                seen: 1,
            });
        }
    }

    /// Counts begin anew with new keys.
    fn learn(&mut self, json: &[u8]) {
        if json.starts_with(REKEYED) {
            self.reached.clear();
        } else if let Some((_, decision)) = Decision::read(json) {
            self.followed = Some(decision.source);
        }
    }
}

/// Takes a packet in as the one who heard it did (RFC 3711 section 3.3.1).
fn count(known: &mut Reached, sequence: u16) {
    let step = distance(known.highest as u16, sequence);
    let bits = u32::from(step.unsigned_abs());
    if step > 0 {
        known.highest += u64::from(bits);
        known.seen = known.seen.checked_shl(bits).unwrap_or(0) | 1;
    } else {
        known.seen |= 1_u128.checked_shl(bits).unwrap_or(0);
    }
}

/// How the event of new SRTP keys begins in a log; the number of its interface follows.
const REKEYED: &[u8] = b"{\"event\":\"stream.rekeyed\",\"interface\":";

/// The event that tells of new SRTP keys, which let rollover counters begin anew. It holds no key.
pub fn rekeyed(interface: u32, time_ns: u64) -> String {
    let start = String::from_utf8_lossy(REKEYED);
    format!("{start}{interface},\"time_ns\":{time_ns}}}")
}

/// The interface that an event is about, as far as this survey is concerned with it.
fn subject(json: &[u8]) -> Option<u32> {
    if let Some(rest) = json.strip_prefix(REKEYED) {
        let digits = rest.split(|byte| *byte == b',').next()?;
        return std::str::from_utf8(digits).ok()?.parse().ok();
    }
    Decision::read(json).map(|(interface, _)| interface)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// In the order of their numbers.
    pub interfaces: Vec<Interface>,
    /// How long the file is without half a block at its end.
    pub whole: u64,
    /// How long the file is.
    pub length: u64,
}

/// Surveys a log that nobody writes at present.
///
/// Only what a writer that died leaves behind counts as half a block: a block that the file ends in, or zeros
/// that the file system put there. Any other damage stays in the file, and readers step over it.
pub fn survey(path: &Path) -> io::Result<Survey> {
    check_head(&File::open(path)?)?;
    let log = LogReader::open(path, Ending::Final)?;
    let (survey, sections) = walk(path, log, Vec::new())?;
    let first = survey.interfaces.first();
    if sections != 1 || first.map(|first| first.known.link_type) != Some(LINK_EXPORTED) {
        return Err(not_ours());
    }
    Ok(survey)
}

/// Surveys the end of a log that was whole up to `from`, with these interfaces described so far. Reads no more
/// than what follows, so it knows of rollover counters only where `known` tells how far they had come.
pub fn tail(path: &Path, from: u64, known: Vec<Interface>) -> io::Result<Survey> {
    check_head(&File::open(path)?)?;
    let log = LogReader::open_at(path, Ending::Final, from, &known)?;
    Ok(walk(path, log, known)?.0)
}

/// Also answers how many sections begin.
fn walk(path: &Path, mut log: LogReader, known: Vec<Interface>) -> io::Result<(Survey, u32)> {
    let mut interfaces = known;
    let known_to = interfaces.last().map(|last| last.offset);
    let mut sections = 0;
    let (mut end, mut damaged) = (log.position(), 0);
    while let Some(found) = log.next_block()? {
        match found.block {
            Block::Section => sections += 1,
            Block::Interface(interface) if known_to.is_none_or(|at| found.offset > at) => {
                interfaces.push(Interface {
                    offset: found.offset,
                    known: Known {
                        link_type: interface.linktype,
                        name: String::from_utf8_lossy(interface.name).into_owned(),
                        all_heard: true,
                        ..Known::default()
                    },
                });
            }
            Block::Packet(packet) if packet.linktype == LINK_RAW_IP => {
                let known = interfaces.get_mut(packet.interface as usize);
                known
                    .into_iter()
                    .for_each(|found| found.known.note(&packet));
            }
            Block::Custom { pen, data } if pen == ENTERPRISE => {
                let known = subject(data).and_then(|number| interfaces.get_mut(number as usize));
                known.into_iter().for_each(|found| found.known.learn(data));
            }
            _ => {}
        }
        (end, damaged) = (log.position(), log.damaged());
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let cut = log.damaged() == damaged;
    let whole = if cut || is_zero(&file, end, length)? {
        end
    } else {
        length
    };
    let survey = Survey {
        interfaces,
        whole,
        length,
    };
    Ok((survey, sections))
}

/// Our logs are little endian whatever machine wrote them.
fn check_head(file: &File) -> io::Result<()> {
    let mut head = [0; 12];
    file.read_exact_at(&mut head, 0).map_err(|_| not_ours())?;
    let section = head[..4] == SECTION_HEADER.to_le_bytes();
    if section && head[8..] == BYTE_ORDER_MAGIC.to_le_bytes() {
        Ok(())
    } else {
        Err(not_ours())
    }
}

fn not_ours() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is no capture log of ours")
}

fn is_zero(file: &File, from: u64, to: u64) -> io::Result<bool> {
    let mut buffer = [0; 4_096];
    let mut at = from;
    while at < to {
        let count = file.read_at(&mut buffer, at)?;
        if count == 0 {
            break;
        }
        if buffer[..count].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += count as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use siprecord_core::ip::Datagram;
    use siprecord_core::pcapng::block::LINK_RAW_IP;
    use siprecord_core::pcapng::write::{self, custom, interface, section_header, Section};
    use siprecord_core::source::Event;
    use siprecord_core::source::Source;

    fn known(link_type: u16, name: &str) -> Known {
        Known {
            link_type,
            name: name.into(),
            all_heard: true,
            ..Known::default()
        }
    }

    fn head() -> Vec<u8> {
        let mut out = Vec::new();
        section_header(&mut out, &Section::default());
        interface(&mut out, LINK_EXPORTED, "sip", "");
        out
    }

    fn sample() -> Vec<u8> {
        let mut out = head();
        interface(&mut out, LINK_RAW_IP, "1", "{}");
        custom(&mut out, b"{\"event\":\"x\"}");
        out
    }

    fn of(name: &str, data: &[u8]) -> io::Result<Survey> {
        let path =
            std::env::temp_dir().join(format!("siprecord-survey-{name}-{}", std::process::id()));
        std::fs::write(&path, data).unwrap();
        let outcome = survey(&path);
        std::fs::remove_file(path).unwrap();
        outcome
    }

    #[test]
    fn a_log_cut_at_every_byte_ends_after_its_last_whole_block() {
        let data = sample();
        let mut ends = vec![head().len()];
        ends.push(data.len() - 32);
        ends.push(data.len());
        for length in ends[0]..=data.len() {
            let found = of("cut", &data[..length]).unwrap();
            let whole = *ends.iter().filter(|end| **end <= length).max().unwrap();
            assert_eq!((found.whole, found.length), (whole as u64, length as u64));
            assert_eq!(found.interfaces[0].known, known(LINK_EXPORTED, "sip"));
            let streams = usize::from(whole > ends[0]);
            assert_eq!(found.interfaces.len(), 1 + streams);
        }
    }

    #[test]
    fn from_any_block_on_the_rest_is_found_and_nothing_twice() {
        let data = sample();
        let path = std::env::temp_dir().join(format!("siprecord-tail-{}", std::process::id()));
        for length in data.len() - 31..=data.len() {
            std::fs::write(&path, &data[..length]).unwrap();
            let all = survey(&path).unwrap();
            let (sip, stream) = (all.interfaces[0].offset, all.interfaces[1].offset);
            for (from, known) in [
                (0, 0),
                (0, 1),
                (sip, 1),
                (stream, 1),
                (stream, 2),
                (all.whole, 2),
            ] {
                let found = tail(&path, from, all.interfaces[..known].to_vec()).unwrap();
                assert_eq!(found, all, "{length} bytes, from {from}, {known} known");
            }
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_log_without_its_head_is_refused() {
        let data = sample();
        for length in 0..head().len() {
            assert!(of("short", &data[..length]).is_err(), "{length}");
        }
        let mut big_endian = data.clone();
        big_endian[8..12].copy_from_slice(&[0x1a, 0x2b, 0x3c, 0x4d]);
        assert!(of("endian", &big_endian).is_err());
        assert!(of("sections", &[sample(), sample()].concat()).is_err());
        assert!(of("text", b"a text that is long enough for a head").is_err());
    }

    fn packet(out: &mut Vec<u8>, sequence: u16) {
        let mut payload = vec![0x80, 0];
        payload.extend(sequence.to_be_bytes());
        payload.extend([0, 0, 0, 0, 0, 0, 0, 7]);
        let datagram = Datagram {
            source: "192.0.2.1:4000".parse().unwrap(),
            destination: "192.0.2.2:4000".parse().unwrap(),
            payload: &payload,
            original: payload.len(),
        };
        write::datagram(out, 1, 9, &datagram);
    }

    #[test]
    fn the_log_tells_whom_a_stream_followed_and_how_often_its_numbers_came_round() {
        let mut data = head();
        interface(&mut data, LINK_RAW_IP, "1", "{}");
        for sequence in [65_530, 65_534, 2, 65_535, 5] {
            packet(&mut data, sequence);
        }
        let source = Source {
            address: "192.0.2.1:4000".parse().unwrap(),
            ssrc: 7,
        };
        let followed = Event::Followed {
            from: None,
            to: source,
            since_ns: 1,
            earlier: 1,
        };
        custom(&mut data, followed.json(1, 2).as_bytes());
        let found = &of("told", &data).unwrap().interfaces[1];
        assert_eq!(found.known.followed, Some(source));
        let reached = |highest, seen| Reached {
            ssrc: 7,
            highest,
            seen,
        };
        assert_eq!(found.known.reached, [reached(65_536 + 5, 0b1000_1100_1001)]);
        custom(&mut data, rekeyed(1, 3).as_bytes());
        packet(&mut data, 6);
        let found = &of("rekeyed", &data).unwrap().interfaces[1];
        assert_eq!(found.known.reached, [reached(6, 1)]);
    }

    #[test]
    fn the_end_of_a_log_tells_as_much_as_all_of_it_to_whoever_knows_the_beginning() {
        let mut data = head();
        interface(&mut data, LINK_RAW_IP, "1", "{}");
        let mut ends = vec![data.len()];
        for sequence in [65_530, 65_534, 2, 65_535, 5] {
            packet(&mut data, sequence);
            ends.push(data.len());
        }
        let all = of("all", &data).unwrap();
        let path = std::env::temp_dir().join(format!("siprecord-ends-{}", std::process::id()));
        for end in &ends {
            let mut beginning = of("beginning", &data[..*end]).unwrap();
            std::fs::write(&path, &data).unwrap();
            let found = tail(&path, *end as u64, beginning.interfaces.clone()).unwrap();
            assert_eq!(found, all, "from {end}");
            // What is known may be ahead of where the reading begins.
            let known = std::mem::take(&mut beginning.interfaces);
            assert_eq!(tail(&path, ends[0] as u64, known).unwrap(), all);
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn zeros_at_the_end_are_cut_and_other_damage_is_not() {
        for count in [1, 3, 12, 100, 10_000] {
            let data = [sample(), vec![0; count]].concat();
            assert_eq!(of("zeros", &data).unwrap().whole, sample().len() as u64);
        }
        let damage = [sample(), vec![0x55; 100]].concat();
        assert_eq!(of("damage", &damage).unwrap().whole, damage.len() as u64);
    }

    #[test]
    fn damage_before_whole_blocks_stays() {
        let mut block = Vec::new();
        custom(&mut block, b"{}");
        let data = [sample(), vec![0x55; 40], block].concat();
        let found = of("middle", &data).unwrap();
        assert_eq!(
            (found.whole, found.length),
            (data.len() as u64, data.len() as u64)
        );
    }
}
