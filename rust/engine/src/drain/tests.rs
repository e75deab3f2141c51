use super::*;
use crate::notice::Kind;
use crate::stream::StreamSpec;
use crate::testing::{free_ports, own_address, PATIENCE};
use std::net::IpAddr;
use std::path::PathBuf;

fn engine(bind_address: IpAddr, threads: usize) -> Engine {
    let settings = Settings {
        bind_address,
        ports: free_ports(bind_address, 4),
        quarantine: Duration::ZERO,
        interval: Duration::from_millis(5),
        threads,
        receive_buffer: 0,
        max_pending: 1 << 20,
        datagram_bytes: 2_048,
        report_interval: Duration::ZERO,
    };
    Engine::start(&settings).unwrap()
}

fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("siprecord-drain-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "it did not happen in time");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_defect_ends_its_recording_and_no_other() {
    let address = own_address();
    let engine = engine(address, 1);
    let (broken_path, sound_path) = (path("broken"), path("sound"));
    let broken = engine.open_log(&broken_path, &Section::default()).unwrap();
    let sound = engine.open_log(&sound_path, &Section::default()).unwrap();
    broken.open_stream(StreamSpec::default()).unwrap();
    let (interface, port) = sound.open_stream(StreamSpec::default()).unwrap();
    broken.plant_defect();
    wait_until(|| broken.is_closed());
    let notices = engine.notices().drain();
    assert_eq!(notices[0].kind, Kind::StreamFailed);
    assert_eq!(
        notices[0].text,
        "the recording has failed: a planted defect"
    );
    assert!(matches!(broken.append_event(b"{}"), Err(Error::Failed(_))));
    assert!(broken.close(false).is_ok());
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(&[0x80; 12], (address, port)).unwrap();
    wait_until(|| sound.stream_report(interface).unwrap().counts.packets == 1);
    sound.close(false).unwrap();
    std::fs::remove_file(broken_path).unwrap();
    std::fs::remove_file(sound_path).unwrap();
}

#[test]
fn recordings_are_spread_over_the_threads() {
    let engine = engine(own_address(), 3);
    let paths: Vec<_> = (0..6)
        .map(|number| path(&format!("spread-{number}")))
        .collect();
    let logs: Vec<_> = paths
        .iter()
        .map(|path| engine.open_log(path, &Section::default()).unwrap())
        .collect();
    let counts: Vec<_> = engine
        .workers
        .iter()
        .map(|worker| worker.recordings.load(Relaxed))
        .collect();
    assert_eq!(counts, [2, 2, 2]);
    logs.iter().for_each(|log| log.close(false).unwrap());
    wait_until(|| engine.totals().recordings == 0);
    paths
        .iter()
        .for_each(|path| std::fs::remove_file(path).unwrap());
}

#[test]
fn texts_of_panics() {
    assert_eq!(panic_text(&"plain"), "plain");
    assert_eq!(panic_text(&"formatted".to_owned()), "formatted");
    assert_eq!(panic_text(&5), "a defect without a text");
}
