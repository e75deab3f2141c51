//! Processes that are killed between any two steps from a socket to a log, and what the next ones make of it.
//!
//! This test program starts itself for each life. The sockets and the shelters belong to the test, as they would
//! to the holder.

use crate::death;
use crate::notice::Notices;
use crate::reader::{Ending, LogReader};
use crate::recording::{Recording, Resources};
use crate::settings::Settings;
use crate::shelter::layout::Layout;
use crate::shelter::Shelter;
use crate::stream::StreamSpec;
use crate::testing::PATIENCE;
use siprecord_core::pcapng::block::{LINK_EXPORTED, LINK_RAW_IP};
use siprecord_core::pcapng::read::Block;
use siprecord_core::pcapng::write::{interface, section_header, Section};
use siprecord_srtp::{MasterKey, Sender, Suite};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

mod probation;

const LIFE: &str = "SIPRECORD_TEST_LIFE";
const HEADER: usize = 32 + 28 + 12;
/// More than one batch.
const PACKETS: usize = 66;

/// What a life is told, by its environment.
struct Life<'a> {
    path: &'a Path,
    sockets: (RawFd, RawFd),
    /// Older ones first; its own is the last.
    shelters: &'a [OwnedFd],
    /// Dies at this step.
    dies_at: Option<usize>,
    /// The log can't become longer than this.
    room: Option<u64>,
    work: &'a str,
}

impl Life<'_> {
    fn live(&self) -> ExitStatus {
        let shelters: Vec<_> = self
            .shelters
            .iter()
            .map(|fd| fd.as_raw_fd().to_string())
            .collect();
        let told = [
            self.path.display().to_string(),
            format!("{},{}", self.sockets.0, self.sockets.1),
            shelters.join(","),
            self.dies_at.map_or(String::new(), |step| step.to_string()),
            self.room.map_or(String::new(), |room| room.to_string()),
            self.work.to_owned(),
        ];
        let name = "recording::replay::tests::one_life";
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(LIFE, told.join("|"))
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap()
    }
}

/// Not a test, unless another one asks for it.
#[test]
fn one_life() {
    let Ok(told) = std::env::var(LIFE) else {
        return;
    };
    let told: Vec<_> = told.split('|').collect();
    let numbers = |text: &str| -> Vec<i64> {
        let parts = text.split(',').filter(|part| !part.is_empty());
        parts.map(|part| part.parse().unwrap()).collect()
    };
    let (sockets, mut shelters) = (numbers(told[1]), numbers(told[2]));
    // SAFETY: the test has left these descriptors to us.
    let own = |fd: i64| unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    let shelter = own(shelters.pop().unwrap());
    let resources = Arc::new(resources(
        Shelter::within(shelter, Layout::new(2_048, 1 << 20)).unwrap(),
    ));
    shelters
        .into_iter()
        .for_each(|fd| resources.inherit(own(fd)).unwrap());
    let mut desk = resources.desk().unwrap();
    limit(numbers(told[4]).first().copied());
    death::arm(numbers(told[3]).first().copied().unwrap_or(i64::MAX));
    let path = Path::new(told[0]);
    if told[5] == "complete" {
        for path in resources.left_for() {
            Recording::complete(&resources, &path).unwrap();
        }
        return;
    }
    let (recording, _) = Recording::resume(resources.clone(), path).unwrap();
    recording
        .append_event(br#"{"event":"recorder.restarted"}"#)
        .unwrap();
    let sockets = (sockets[0] as RawFd, sockets[1] as RawFd);
    let mut spec = StreamSpec::default();
    if told[5] == "protected" {
        spec.keys.theirs = vec![key()];
    }
    recording.resume_stream(spec, sockets, 1, false).unwrap();
    while recording.drain(&mut desk, 2, true, 0).more {}
    recording.append_event(br#"{"event":"other"}"#).unwrap();
    // The end comes without a word.
    std::process::exit(0);
}

fn key() -> MasterKey {
    MasterKey::new(Suite::AesCm128HmacSha1_80, &[1; 16], &[2; 14]).unwrap()
}

fn resources(shelter: Arc<Shelter>) -> Resources {
    let settings = Settings {
        bind_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ports: (26_000, 26_001),
        quarantine: Duration::ZERO,
        interval: Duration::from_millis(5),
        threads: 1,
        receive_buffer: 0,
        max_pending: 0,
        datagram_bytes: 0,
        report_interval: Duration::ZERO,
    };
    Resources::with(&settings, Notices::new().unwrap(), shelter)
}

/// Lets the disk be full at this length of a file.
fn limit(room: Option<i64>) {
    let Some(room) = room else { return };
    let limit = libc::rlimit {
        rlim_cur: room as u64,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the structure lives through the call.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}

/// The holder's part: what outlives each life.
struct Scene {
    path: PathBuf,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    sender: UdpSocket,
    shelters: Vec<OwnedFd>,
    /// The packets are protected by SRTP.
    protected: bool,
    /// Those of the last set.
    packets: Vec<Vec<u8>>,
}

/// The first sequence number: they come round soon.
const FIRST: u16 = 65_520;

impl Scene {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("siprecord-death-{name}-{}", std::process::id()));
        let (rtp, rtcp) = pair();
        Self {
            path,
            rtp,
            rtcp,
            sender: UdpSocket::bind("127.0.0.1:0").unwrap(),
            shelters: Vec::new(),
            protected: false,
            packets: Vec::new(),
        }
    }

    /// An empty log, and packets in the sockets.
    fn set(&mut self) {
        self.prepare();
        self.send();
    }

    /// An empty log, and packets to be sent.
    fn prepare(&mut self) {
        self.shelters.clear();
        let mut log = Vec::new();
        section_header(&mut log, &Section::default());
        interface(&mut log, LINK_EXPORTED, "sip", "");
        interface(&mut log, LINK_RAW_IP, "1", "{}");
        std::fs::write(&self.path, log).unwrap();
        let mut sealing = Sender::new(key());
        self.packets = (0..=PACKETS as u16).map(packet).collect();
        for packet in self
            .packets
            .iter_mut()
            .take(PACKETS)
            .filter(|_| self.protected)
        {
            let clear = std::mem::take(packet);
            sealing.seal_media(&clear, packet).unwrap();
        }
    }

    /// Sends all packets, the last one to where reports come.
    fn send(&self) {
        let (last, media) = self.packets.split_last().unwrap();
        let to = self.rtp.local_addr().unwrap();
        for packet in media {
            self.sender.send_to(packet, to).unwrap();
        }
        self.sender
            .send_to(last, self.rtcp.local_addr().unwrap())
            .unwrap();
    }

    /// How a life records.
    fn work(&self) -> &'static str {
        if self.protected {
            "protected"
        } else {
            "record"
        }
    }

    fn length(&self) -> u64 {
        std::fs::metadata(&self.path).unwrap().len()
    }

    fn live(&mut self, dies_at: Option<usize>, room: Option<u64>, work: &str) -> ExitStatus {
        self.shelters.push(memfd());
        let life = Life {
            path: &self.path,
            sockets: (self.rtp.as_raw_fd(), self.rtcp.as_raw_fd()),
            shelters: &self.shelters,
            dies_at,
            room,
            work,
        };
        life.live()
    }

    /// True when it was killed, false when it came to its end.
    fn dies(&mut self, step: usize, room: Option<u64>) -> bool {
        let status = self.live(Some(step), room, self.work());
        assert!(
            status.signal() == Some(libc::SIGKILL) || status.success(),
            "{status}"
        );
        !status.success()
    }

    fn lives(&mut self, work: &str) {
        assert!(self.live(None, None, work).success());
    }

    /// The life that is not killed. The kernel may deliver a datagram later than it was sent.
    fn goes_on(&mut self) {
        let end = Instant::now() + PATIENCE;
        self.lives(self.work());
        while self.logged().len() <= PACKETS && Instant::now() < end {
            self.lives(self.work());
        }
    }

    /// The numbers of the packets in the log.
    fn logged(&self) -> Vec<u8> {
        let mut log = LogReader::open(&self.path, Ending::Final).unwrap();
        let mut numbers = Vec::new();
        while let Some(found) = log.next_block().unwrap() {
            if let Block::Packet(packet) = found.block {
                let low = packet.data[HEADER - 44 + 3];
                numbers.push(low.wrapping_sub(FIRST as u8));
            }
        }
        assert_eq!(log.damaged(), 0);
        numbers
    }

    fn check(&self, what: &str) {
        let expected: Vec<_> = (0..=PACKETS as u8).collect();
        let mut logged = self.logged();
        logged.sort_unstable();
        assert_eq!(logged, expected, "{what}");
        let survey = crate::survey::survey(&self.path).unwrap();
        assert_eq!((survey.whole, survey.interfaces.len()), (self.length(), 2));
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// One of the packets in the clear.
fn packet(number: u16) -> Vec<u8> {
    let sequence = FIRST.wrapping_add(number).to_be_bytes();
    [&[0x80, 0][..], &sequence, &[7; 168]].concat()
}

/// Two neighbouring ports, left open for the lives.
fn pair() -> (UdpSocket, UdpSocket) {
    for _ in 0..100 {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let next = rtp.local_addr().unwrap().port().wrapping_add(1);
        if let Ok(rtcp) = UdpSocket::bind(("127.0.0.1", next)) {
            inherited(rtp.as_raw_fd());
            inherited(rtcp.as_raw_fd());
            return (rtp, rtcp);
        }
    }
    panic!("no two neighbouring ports");
}

fn memfd() -> OwnedFd {
    // SAFETY: the name lives through the call; the result is ours.
    let file = unsafe { OwnedFd::from_raw_fd(libc::memfd_create(c"test".as_ptr(), 0)) };
    inherited(file.as_raw_fd());
    file
}

fn inherited(fd: RawFd) {
    // SAFETY: no pointers are passed.
    assert_eq!(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }, 0);
}

#[test]
fn killed_at_any_step_nothing_is_lost_and_nothing_is_there_twice() {
    let mut scene = Scene::new("once");
    let mut step = 0;
    loop {
        scene.set();
        let died = scene.dies(step, None);
        scene.goes_on();
        scene.check(&format!("killed at step {step}"));
        if !died {
            break;
        }
        step += 1;
    }
    assert!(step > 40, "only {step} steps");
}

#[test]
fn killed_at_any_step_a_protected_stream_goes_on_and_takes_nothing_twice() {
    let mut scene = Scene::new("protected");
    scene.protected = true;
    let mut step = 0;
    loop {
        scene.set();
        let died = scene.dies(step, None);
        scene.goes_on();
        scene.check(&format!("killed at step {step}"));
        if !died {
            break;
        }
        // The log tells nothing any more of what came until then.
        let length = scene.length();
        let mut log = std::fs::read(&scene.path).unwrap();
        blank_packets(&mut log);
        std::fs::write(&scene.path, &log).unwrap();
        scene.send();
        scene.lives("protected");
        let more = scene.logged().len() - PACKETS - 1;
        assert!(
            more <= 1,
            "killed at step {step}: {more} packets twice, of {length} bytes"
        );
        step += 3;
    }
    assert!(step > 40, "only {step} steps");
}

/// Makes the version of each packet another one, so that none is RTP.
fn blank_packets(log: &mut [u8]) {
    let head = &packet(0)[4..];
    for at in 0..log.len() - head.len() {
        if &log[at..at + head.len()] == head && log[at - 4] == 0x80 {
            log[at - 4] = 0;
        }
    }
}

#[test]
fn killed_again_while_it_catches_up() {
    let mut scene = Scene::new("twice");
    let mut first = 0;
    loop {
        let (mut second, mut died) = (0, true);
        while died {
            scene.set();
            if !scene.dies(first, None) {
                return;
            }
            died = scene.dies(second, None);
            scene.goes_on();
            scene.check(&format!("killed at steps {first} and {second}"));
            second += 1 + first % 3;
        }
        first += 3;
    }
}

#[test]
fn killed_while_the_disk_is_full() {
    let mut scene = Scene::new("full");
    for room in [0, 100, 5_000] {
        let mut step = 0;
        loop {
            scene.set();
            let room = Some(scene.length() + room);
            let died = scene.dies(step, room);
            // The next one is killed as well, and still finds no room.
            let _ = scene.dies(step / 2, room);
            scene.goes_on();
            scene.check(&format!("killed at step {step} with room for {room:?}"));
            if !died {
                break;
            }
            step += 3;
        }
    }
}

#[test]
fn a_call_that_does_not_go_on_keeps_what_came() {
    let mut scene = Scene::new("ends");
    let mut step = 0;
    loop {
        scene.set();
        let died = scene.dies(step, None);
        scene.lives("complete");
        let logged = scene.logged();
        let expected: Vec<_> = (0..logged.len() as u8).collect();
        assert_eq!(logged, expected, "killed at step {step}");
        // What was not taken is in the sockets still.
        let mut left = 0;
        scene.rtp.set_nonblocking(true).unwrap();
        while scene.rtp.recv(&mut [0; 2_048]).is_ok() {
            left += 1;
        }
        scene.rtcp.set_nonblocking(true).unwrap();
        left += usize::from(scene.rtcp.recv(&mut [0; 2_048]).is_ok());
        assert_eq!(logged.len() + left, PACKETS + 1, "killed at step {step}");
        if !died {
            break;
        }
        step += 1;
    }
}
