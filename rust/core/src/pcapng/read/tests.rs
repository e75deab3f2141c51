use super::*;
use crate::pcapng::block::ENTERPRISE;

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut padded = body.to_vec();
    padded.resize(body.len().next_multiple_of(4), 0);
    let length = (padded.len() + 12) as u32;
    let mut out = kind.to_le_bytes().to_vec();
    out.extend(length.to_le_bytes());
    out.extend(&padded);
    out.extend(length.to_le_bytes());
    out
}

fn section() -> Vec<u8> {
    let mut body = MAGIC.to_le_bytes().to_vec();
    body.extend([1, 0, 0, 0]);
    body.extend([0xff; 8]);
    block(SECTION, &body)
}

fn interface(name: &str) -> Vec<u8> {
    let mut body = vec![101, 0, 0, 0, 0, 0, 0, 0, 2, 0, name.len() as u8, 0];
    body.extend(name.as_bytes());
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend([9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    block(INTERFACE, &body)
}

fn packet(interface: u32, time_ns: u64, data: &[u8]) -> Vec<u8> {
    let mut body = interface.to_le_bytes().to_vec();
    body.extend(((time_ns >> 32) as u32).to_le_bytes());
    body.extend((time_ns as u32).to_le_bytes());
    body.extend((data.len() as u32).to_le_bytes());
    body.extend((data.len() as u32).to_le_bytes());
    body.extend(data);
    block(ENHANCED_PACKET, &body)
}

fn event(text: &str) -> Vec<u8> {
    let mut body = ENTERPRISE.to_le_bytes().to_vec();
    body.extend(text.as_bytes());
    block(CUSTOM, &body)
}

fn sample() -> Vec<Vec<u8>> {
    vec![
        section(),
        interface("1"),
        packet(0, 7_000_000_009, b"hello"),
        event("{}  "),
        packet(0, 8, b"again"),
    ]
}

/// Reads everything; answers a short word for each block, the bytes left over and whether there was damage.
fn read_all(data: &[u8]) -> (Vec<String>, usize, bool) {
    let mut parser = Parser::new(Limits::default());
    let (mut at, mut words, mut damaged) = (0, Vec::new(), false);
    loop {
        match parser.frame(&data[at..]) {
            Frame::Whole(length) => {
                words.push(word(&parser.decode(&data[at..at + length])));
                at += length;
            }
            Frame::NeedMore(_) => return (words, data.len() - at, damaged),
            Frame::Damaged => {
                damaged = true;
                let from = (at + 1).min(data.len());
                match parser.resync(&data[from..], true) {
                    Resync::Found(offset) => at = from + offset,
                    Resync::KeepFrom(_) => return (words, data.len() - at, damaged),
                }
            }
        }
    }
}

fn word(block: &Block<'_>) -> String {
    match block {
        Block::Section => "section".into(),
        Block::Interface(found) => format!("interface {}", String::from_utf8_lossy(found.name)),
        Block::Packet(found) => {
            format!("{} {}", found.time_ns, String::from_utf8_lossy(found.data))
        }
        Block::Custom { pen, data } => format!("{pen} {}", String::from_utf8_lossy(data)),
        Block::Other => "other".into(),
    }
}

const WORDS: [&str; 5] = [
    "section",
    "interface 1",
    "7000000009 hello",
    "32473 {}  ",
    "8 again",
];

#[test]
fn reads_every_kind_of_block() {
    assert_eq!(
        read_all(&sample().concat()),
        (WORDS.map(String::from).to_vec(), 0, false)
    );
}

#[test]
fn a_cut_at_any_byte_reads_up_to_the_last_whole_block() {
    let blocks = sample();
    let data = blocks.concat();
    for cut in 0..data.len() {
        let (words, left, damaged) = read_all(&data[..cut]);
        let mut end = 0;
        let whole = blocks.iter().take_while(|block| {
            end += block.len();
            end <= cut
        });
        assert_eq!(words, WORDS[..whole.count()], "cut at {cut}");
        let kept: usize = blocks[..words.len()].iter().map(Vec::len).sum();
        assert_eq!((left, damaged), (cut - kept, false), "cut at {cut}");
    }
}

#[test]
fn any_changed_byte_neither_panics_nor_hides_later_blocks_that_are_whole() {
    let blocks = sample();
    let data = blocks.concat();
    for at in blocks[0].len() + blocks[1].len()..data.len() {
        for value in [0, 1, 0x7f, 0xff, data[at] ^ 0x80] {
            let mut changed = data.clone();
            changed[at] = value;
            let (words, _, _) = read_all(&changed);
            let last_start = data.len() - blocks[4].len();
            let hit_length = (last_start - blocks[3].len() + 4..last_start - blocks[3].len() + 8)
                .contains(&at)
                || (0..12).any(|into| blocks[0].len() + blocks[1].len() + into == at);
            if at < last_start && !hit_length {
                assert_eq!(
                    words.last().map(String::as_str),
                    Some("8 again"),
                    "byte {at} = {value}"
                );
            }
        }
    }
}

#[test]
fn changed_headers_never_panic() {
    let data = sample().concat();
    for at in 0..data.len() {
        for value in 0..=255 {
            let mut changed = data.clone();
            changed[at] = value;
            read_all(&changed);
        }
    }
}

#[test]
fn a_torn_block_in_the_middle_is_stepped_over() {
    let blocks = sample();
    let mut data = blocks[..2].concat();
    data.extend(&blocks[2][..21]);
    data.extend(blocks[3..].concat());
    let (words, left, damaged) = read_all(&data);
    assert_eq!(words, ["section", "interface 1", "32473 {}  ", "8 again"]);
    assert_eq!((left, damaged), (0, true));
}

#[test]
fn big_endian_sections_and_other_resolutions_are_read() {
    let mut data = vec![
        0x0A, 0x0D, 0x0D, 0x0A, 0, 0, 0, 28, 0x1A, 0x2B, 0x3C, 0x4D, 0, 1, 0, 0,
    ];
    data.extend([0xff; 8]);
    data.extend([0, 0, 0, 28]);
    data.extend([
        0, 0, 0, 1, 0, 0, 0, 20, 0, 101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20,
    ]);
    data.extend([
        0, 0, 0, 6, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 4,
    ]);
    data.extend(b"four");
    data.extend([0, 0, 0, 36]);
    assert_eq!(read_all(&data).0, ["section", "interface ", "5000 four"]);
}

#[test]
fn interfaces_of_a_second_section_go_on_counting() {
    let data = [
        section(),
        interface("1"),
        section(),
        interface("2"),
        packet(0, 3, b"x"),
    ]
    .concat();
    let mut parser = Parser::new(Limits::default());
    let (mut at, mut seen) = (0, Vec::new());
    while let Frame::Whole(length) = parser.frame(&data[at..]) {
        match parser.decode(&data[at..at + length]) {
            Block::Interface(found) => seen.push(found.index),
            Block::Packet(found) => seen.push(found.interface + 10),
            _ => {}
        }
        at += length;
    }
    assert_eq!(seen, [0, 1, 11]);
}

#[test]
fn sip_tags_give_addresses_and_payload() {
    let mut data = vec![
        0, 12, 0, 3, b's', b'i', b'p', 0, 0, 20, 0, 4, 10, 0, 0, 1, 0, 21, 0, 4, 10, 0, 0, 2,
    ];
    data.extend([
        0, 24, 0, 4, 0, 0, 0, 3, 0, 25, 0, 4, 0, 0, 0x13, 0xc4, 0, 26, 0, 4, 0, 0, 0x13, 0xc5,
    ]);
    data.extend([0, 0, 0, 0]);
    data.extend(b"OPTIONS");
    let found = parse_upper_pdu(&data).unwrap();
    assert_eq!(found.source, "10.0.0.1:5060".parse().unwrap());
    assert_eq!(found.destination, "10.0.0.2:5061".parse().unwrap());
    assert_eq!(
        (found.transport, found.data),
        (Transport::Udp, &b"OPTIONS"[..])
    );
    for cut in 0..data.len() - 7 {
        assert_eq!(parse_upper_pdu(&data[..cut]), None);
    }
}

#[test]
fn what_the_writer_writes_is_read_back() {
    use crate::ip::Datagram;
    use crate::pcapng::write;
    let (source, destination) = (
        "10.0.0.1:5060".parse().unwrap(),
        "[2001:db8::2]:5061".parse().unwrap(),
    );
    let mut log = Vec::new();
    write::section_header(
        &mut log,
        &write::Section {
            application: "siprecord",
            ..Default::default()
        },
    );
    write::interface(&mut log, 252, "sip", "");
    write::interface(&mut log, 101, "label 1", "{}");
    let (transport, inbound) = (write::Transport::Tcp, false);
    let message = write::SipMessage {
        data: b"BYE",
        source,
        destination,
        transport,
        inbound,
    };
    write::sip(&mut log, 0, 12, &message);
    write::datagram(
        &mut log,
        1,
        13,
        &Datagram {
            source,
            destination,
            payload: b"rtp",
            original: 3,
        },
    );
    write::custom(&mut log, b"{\"a\":1}");
    let mut parser = Parser::new(Limits::default());
    let (mut at, mut seen) = (0, Vec::new());
    while let Frame::Whole(length) = parser.frame(&log[at..]) {
        if let Block::Packet(packet) = parser.decode(&log[at..at + length]) {
            assert_eq!(
                log[at + packet.data_at..][..packet.data.len()],
                *packet.data
            );
            let text = match packet.linktype {
                252 => parse_upper_pdu(packet.data).map(|found| found.data.to_vec()),
                _ => crate::ip::parse(packet.data)
                    .ok()
                    .map(|found| found.payload.to_vec()),
            };
            seen.push((
                packet.interface,
                packet.time_ns,
                packet.inbound,
                text.unwrap(),
            ));
        }
        at += length;
    }
    assert_eq!(
        seen,
        [
            (0, 12, Some(false), b"BYE".to_vec()),
            (1, 13, None, b"rtp".to_vec())
        ]
    );
}
