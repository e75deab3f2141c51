//! Which packets of a copy are its streams' own, by what was decided while they came.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use siprecord_core::pcapng::block::ENTERPRISE;
use siprecord_core::pcapng::read::Block;
use siprecord_core::source::{Decision, Event, Ruling, Source};

use crate::reader::{Ending, LogReader};
use crate::render::is_judged;

/// The decisions on all streams of one copy.
#[derive(Debug, Default)]
pub struct Owners {
    judged: HashSet<u32>,
    decisions: HashMap<u32, Vec<Decision>>,
    rulings: HashMap<u32, Ruling>,
}

impl Owners {
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut owners = Self::default();
        let mut log = LogReader::open(path, Ending::Final)?;
        while let Some(located) = log.next_block()? {
            match located.block {
                Block::Interface(found) if is_judged(found.description) => {
                    owners.judged.insert(found.index);
                }
                Block::Custom { pen, data } if pen == ENTERPRISE => {
                    if let Some((interface, decision)) = Decision::read(data) {
                        let interface = located.base + interface;
                        owners
                            .decisions
                            .entry(interface)
                            .or_default()
                            .push(decision);
                    }
                }
                _ => {}
            }
        }
        let ruling =
            |(interface, made): (&u32, &Vec<Decision>)| (*interface, Ruling::new(made.clone()));
        owners.rulings = owners.decisions.iter().map(ruling).collect();
        Ok(owners)
    }

    /// Whether a packet is the stream's own. Where nobody judged, all are.
    pub fn own(&self, interface: u32, source: Source, time_ns: i64) -> bool {
        let time_ns = u64::try_from(time_ns).unwrap_or(0);
        let ruling = self.rulings.get(&interface);
        !self.judged.contains(&interface)
            || ruling.is_some_and(|ruling| ruling.admits(source, time_ns))
    }

    /// The event that makes a packet from elsewhere the stream's own, if it takes one and nothing speaks against it.
    pub fn adopt(&self, interface: u32, source: Source, time_ns: i64) -> Option<String> {
        let time = u64::try_from(time_ns).unwrap_or(0);
        let made = self
            .decisions
            .get(&interface)
            .map_or(&[][..], Vec::as_slice);
        let alone = made.iter().all(|one| one.source.address == source.address);
        let fits = alone || made.iter().all(|one| time < one.since_ns);
        (fits && !self.own(interface, source, time_ns)).then(|| {
            let event = Event::Followed {
                from: None,
                to: source,
                since_ns: time,
                earlier: 0,
            };
            event.json(interface, time)
        })
    }

    /// From where the stream came, as its own packets go on to do.
    pub fn address(&self, interface: u32) -> Option<SocketAddr> {
        let made = self.decisions.get(&interface)?;
        made.first().map(|decision| decision.source.address)
    }
}
