//! Reads a capture log once, to go on with it: its interfaces, and where its last whole block ends.

use crate::reader::{Ending, LogReader};
use crate::shelter::place::Interface;
use siprecord_core::pcapng::block::{BYTE_ORDER_MAGIC, LINK_EXPORTED, SECTION_HEADER};
use siprecord_core::pcapng::read::Block;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub link_type: u16,
    pub name: String,
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
/// than what follows.
pub fn tail(path: &Path, from: u64, known: Vec<Interface>) -> io::Result<Survey> {
    check_head(&File::open(path)?)?;
    let log = LogReader::open_at(path, Ending::Final, from)?;
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
                    },
                });
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
    use siprecord_core::pcapng::block::LINK_RAW_IP;
    use siprecord_core::pcapng::write::{custom, interface, section_header, Section};

    fn known(link_type: u16, name: &str) -> Known {
        Known {
            link_type,
            name: name.into(),
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
