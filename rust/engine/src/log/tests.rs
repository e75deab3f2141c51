use super::*;
use siprecord_core::pcapng::write;

fn event(length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    write::custom(&mut out, &vec![b'x'; length]);
    out
}

fn shelter(max_pending: usize) -> Arc<Shelter> {
    Shelter::new(2_048, max_pending).unwrap()
}

fn log(name: &str, max_pending: usize) -> (Log, std::path::PathBuf, Arc<Notices>) {
    let path = std::env::temp_dir().join(format!("siprecord-log-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let notices = Arc::new(Notices::new().unwrap());
    (
        Log::create(&path, b"", notices.clone(), &shelter(max_pending)).unwrap(),
        path,
        notices,
    )
}

/// A log whose writes all fail, as it is open for reading only.
fn refusing(name: &str, max_pending: usize) -> (Log, std::path::PathBuf, Arc<Notices>) {
    let (mut log, path, notices) = log(name, max_pending);
    log.file = File::open(&path).unwrap();
    (log, path, notices)
}

fn mend(log: &mut Log, path: &Path) {
    log.file = OpenOptions::new().append(true).open(path).unwrap();
}

#[test]
fn a_file_that_exists_is_not_touched() {
    let (_, path, notices) = log("exists", 0);
    assert!(Log::create(&path, b"", notices, &shelter(0)).is_err());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_is_refused_waits_and_is_written_in_order() {
    let (mut log, path, notices) = refusing("waits", 1_000);
    let blocks = [event(10), event(20), event(30)].concat();
    log.append(&blocks, Keep::IfRoom);
    log.retry();
    assert_eq!(
        (log.bytes_written(), log.pending_bytes()),
        (0, blocks.len())
    );
    assert!(log.is_failing());
    mend(&mut log, &path);
    log.append(&event(40), Keep::IfRoom);
    log.retry();
    assert_eq!(std::fs::read(&path).unwrap(), [blocks, event(40)].concat());
    let kinds: Vec<_> = notices
        .drain()
        .into_iter()
        .map(|notice| notice.kind)
        .collect();
    assert_eq!(kinds, [Kind::WriteFailed, Kind::WriteRecovered]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn beyond_the_bound_whole_blocks_are_dropped_and_counted() {
    let (mut log, path, notices) = refusing("bound", 100);
    for _ in 0..10 {
        log.append(&event(24), Keep::IfRoom);
    }
    log.append(&event(4), Keep::Always);
    assert_eq!((log.pending_bytes(), log.dropped()), (80 + 20, 8));
    log.append(&event(400), Keep::Always);
    mend(&mut log, &path);
    log.retry();
    let expected = [event(24), event(24), event(4), event(400)].concat();
    assert_eq!(std::fs::read(&path).unwrap(), expected);
    assert_eq!(notices.drain()[1].dropped, 8);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn every_tear_is_known_and_mended() {
    let blocks = [event(10), event(20), event(30)].concat();
    for cut in 0..=blocks.len() {
        let (mut log, path, _) = log(&format!("tear-{cut}"), 0);
        // As if the disk had taken `cut` bytes and then refused.
        log.file.write_all(&blocks[..cut]).unwrap();
        log.written = cut as u64;
        log.refused(&blocks, cut, Keep::Always);
        for _ in 0..log.pending_bytes() {
            let backlog = &log.place.backlog;
            let first = log.written - backlog.started() as u64;
            assert!([0, 28, 64].contains(&first), "{cut}: {first}");
            assert_eq!(backlog.end(), blocks.len() as u64);
            log.file.write_all(&log.place.backlog.rest()[..1]).unwrap();
            log.note(1, None);
            log.place.backlog.advance(1);
        }
        log.retry();
        assert_eq!(std::fs::read(&path).unwrap(), blocks);
        assert_eq!((log.written, log.pending_bytes()), (blocks.len() as u64, 0));
        assert!(log.place.backlog.is_empty());
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn closing_on_a_full_disk_leaves_whole_blocks() {
    let blocks = [event(10), event(20), event(30)].concat();
    for cut in 0..blocks.len() {
        let (mut log, path, notices) = log(&format!("close-{cut}"), 0);
        log.file.write_all(&blocks[..cut]).unwrap();
        log.written = cut as u64;
        log.failing_since = Some(0);
        log.refused(&blocks, cut, Keep::Always);
        log.give_up().unwrap();
        let whole = [0, 28, 64]
            .into_iter()
            .filter(|end| *end <= cut)
            .max()
            .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), blocks[..whole]);
        let lost = notices.drain()[0].dropped;
        assert_eq!(
            lost,
            [0, 28, 64]
                .into_iter()
                .filter(|start| *start >= whole)
                .count() as u64
        );
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_backlog_that_is_never_empty_moves_and_stays_in_order() {
    let (mut log, path, _) = refusing("moves", 1_000);
    let mut expected = Vec::new();
    for number in 0..4_000 {
        let block = event(300 + number % 7);
        log.append(&block, Keep::Always);
        expected.extend_from_slice(&block);
        // The disk takes a little now and then, and not all of it.
        if log.pending_bytes() > 900 {
            let rest = log.place.backlog.rest()[..500].to_vec();
            mend(&mut log, &path);
            log.file.write_all(&rest).unwrap();
            log.file = File::open(&path).unwrap();
            log.note(500, None);
            log.place.backlog.advance(500);
        }
    }
    mend(&mut log, &path);
    log.retry();
    assert_eq!(std::fs::read(&path).unwrap(), expected);
    std::fs::remove_file(path).unwrap();
}
