//! Which source of the second copy belongs to which of the first.

use siprecord_core::merge::Relation;

use super::copy::{Copy, StreamTrack};

/// Beyond so many pairs only sources with one SSRC are compared: a flood of forged sources costs no hours.
const MAX_PAIRS: usize = 4_096;

/// Where the packets of one source of the second copy go.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The stream of the first copy.
    pub interface: u32,
    /// The source of the first copy, if it has that one too.
    pub track: Option<usize>,
    pub relation: Relation,
}

#[derive(Debug)]
pub struct Pairs {
    /// By the number of the second copy's source; nothing for what fits nowhere.
    pub links: Vec<Option<Link>>,
    pub offset_ns: i64,
    pub shared: u64,
}

pub fn pair(first: &Copy, second: &Copy) -> Pairs {
    let mut links = vec![None; second.tracks.len()];
    let mut taken = vec![false; first.tracks.len()];
    for (mine, theirs, relation) in candidates(first, second) {
        if !taken[mine] && links[theirs].is_none() {
            taken[mine] = true;
            links[theirs] = Some(Link {
                interface: first.tracks[mine].interface,
                track: Some(mine),
                relation,
            });
        }
    }
    let (offset_ns, shared) = clock_offset(first, second, &links);
    let mut pairs = Pairs {
        links,
        offset_ns,
        shared,
    };
    adopt(first, second, &mut pairs);
    pairs
}

/// All pairs that are copies of one another: those with most in common first, then those with one name.
fn candidates(first: &Copy, second: &Copy) -> Vec<(usize, usize, Relation)> {
    let few = first.tracks.len().saturating_mul(second.tracks.len()) <= MAX_PAIRS;
    let mut found = Vec::new();
    for (mine, own) in first.tracks.iter().enumerate() {
        for (theirs, other) in second.tracks.iter().enumerate() {
            if few || own.packets.ssrc == other.packets.ssrc {
                let relation = own.packets.relation(&other.packets);
                found.extend(relation.map(|relation| (mine, theirs, relation)));
            }
        }
    }
    let named = |mine: usize, theirs: usize| {
        first.name(first.tracks[mine].interface) == second.name(second.tracks[theirs].interface)
    };
    found.sort_by_key(|(mine, theirs, relation)| {
        (
            std::cmp::Reverse((relation.shared, named(*mine, *theirs))),
            *mine,
            *theirs,
        )
    });
    found
}

/// How far the second recorder's clock is ahead: the median over all packets that both have.
fn clock_offset(first: &Copy, second: &Copy, links: &[Option<Link>]) -> (i64, u64) {
    let mut differences = Vec::new();
    for (link, theirs) in links.iter().zip(&second.tracks) {
        let Some(link) = link else { continue };
        let Some(mine) = link.track else { continue };
        let mine = &first.tracks[mine].packets;
        differences.extend(theirs.packets.unique_packets().filter_map(|seen| {
            let known = mine.at(seen.sequence + link.relation.sequence)?;
            Some(seen.arrival_ns - known.arrival_ns)
        }));
    }
    if differences.is_empty() {
        return (0, 0);
    }
    let middle = differences.len() / 2;
    let (_, median, _) = differences.select_nth_unstable(middle);
    (*median, differences.len() as u64)
}

/// Gives a source that only the second copy has to the stream whose other sources are copies, or to an empty
/// stream of the same name, unless the first copy heard another source meanwhile.
fn adopt(first: &Copy, second: &Copy, pairs: &mut Pairs) {
    for number in 0..second.tracks.len() {
        if pairs.links[number].is_some() {
            continue;
        }
        let track = &second.tracks[number];
        let home = home(first, second, pairs, track.interface);
        let fits = |interface: &u32| !overlaps(first, *interface, track, pairs.offset_ns);
        if let Some(interface) = home.filter(fits) {
            pairs.links[number] = Some(Link {
                interface,
                track: None,
                relation: Relation::IDENTITY,
            });
        }
    }
}

fn home(first: &Copy, second: &Copy, pairs: &Pairs, interface: u32) -> Option<u32> {
    let sister = (pairs.links.iter().zip(&second.tracks))
        .filter(|(_, track)| track.interface == interface)
        .find_map(|(link, _)| link.as_ref().map(|link| link.interface));
    let name = second.name(interface);
    let empty = || {
        let mut streams = first.streams.iter();
        let fits =
            streams.find(|stream| stream.name == name && !first.has_packets(stream.interface));
        fits.map(|stream| stream.interface)
    };
    sister.or_else(empty)
}

/// Whether the first copy has as many packets of other sources on that stream in that time.
fn overlaps(first: &Copy, interface: u32, track: &StreamTrack, offset_ns: i64) -> bool {
    let seen = &track.packets.packets;
    let (Some(begin), Some(end)) = (seen.first(), seen.last()) else {
        return false;
    };
    let (begin, end) = (begin.arrival_ns - offset_ns, end.arrival_ns - offset_ns);
    let own = (first.tracks.iter())
        .filter(|own| own.interface == interface)
        .flat_map(|own| &own.packets.packets)
        .filter(|known| (begin..=end).contains(&known.arrival_ns))
        .count();
    own * 2 > seen.len()
}
