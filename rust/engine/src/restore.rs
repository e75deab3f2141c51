//! Brings back a capture log that somebody deleted while it was open.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A deleted file lives on as long as it is open: writes its content anew under its name, and answers that file.
/// None when `file` still has a name. Another file under that name is not touched.
pub fn restore(file: &File, path: &Path) -> io::Result<Option<File>> {
    if file.metadata()?.nlink() > 0 {
        return Ok(None);
    }
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut deleted = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let mut restored = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o640)
        .custom_flags(libc::O_CLOEXEC)
        .open(path)?;
    if let Err(error) = io::copy(&mut deleted, &mut restored) {
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(Some(restored))
}

#[cfg(test)]
mod tests {
    use crate::log::{Keep, Log};
    use crate::notice::{Kind, Notices};
    use crate::shelter::estate::Found;
    use crate::shelter::Shelter;
    use siprecord_core::pcapng::write;
    use std::path::PathBuf;
    use std::sync::Arc;

    fn event(length: usize) -> Vec<u8> {
        let mut out = Vec::new();
        write::custom(&mut out, &vec![b'x'; length]);
        out
    }

    fn log(name: &str) -> (Log, PathBuf, Arc<Notices>) {
        let name = format!("siprecord-restore-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let notices = Arc::new(Notices::new().unwrap());
        let path = directory.join("log");
        let log = Log::create(
            &path,
            b"",
            notices.clone(),
            &Shelter::new(2_048, 0).unwrap(),
        )
        .unwrap();
        (log, directory, notices)
    }

    #[test]
    fn a_log_that_was_deleted_with_its_directory_is_restored_when_it_is_closed() {
        let (mut log, directory, notices) = log("deleted");
        log.append(&event(8), Keep::IfRoom);
        std::fs::remove_dir_all(&directory).unwrap();
        log.append(&event(12), Keep::IfRoom);
        log.finish(true).unwrap();
        let content = std::fs::read(directory.join("log")).unwrap();
        assert_eq!(content, [event(8), event(12)].concat());
        assert_eq!(notices.drain()[0].kind, Kind::WriteFailed);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_log_that_was_deleted_is_restored_while_it_is_written_and_told_once() {
        let (mut log, directory, notices) = log("watched");
        let path = directory.join("log");
        log.append(&event(8), Keep::IfRoom);
        log.watch();
        std::fs::remove_file(&path).unwrap();
        log.watch();
        assert_eq!(std::fs::read(&path).unwrap(), event(8));
        log.append(&event(12), Keep::IfRoom);
        log.watch();
        assert_eq!(
            std::fs::read(&path).unwrap(),
            [event(8), event(12)].concat()
        );
        assert!(
            Log::resume(
                &path,
                notices.clone(),
                &Shelter::new(2_048, 0).unwrap(),
                &Found::default()
            )
            .is_err(),
            "it is locked"
        );
        let told: Vec<_> = notices.drain().into_iter().map(|told| told.text).collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].ends_with("it is restored"));
        log.finish(false).unwrap();
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_log_that_cannot_be_restored_is_told_once_and_tried_again() {
        let (mut log, directory, notices) = log("obstructed");
        let path = directory.join("log");
        log.append(&event(8), Keep::IfRoom);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"another").unwrap();
        log.watch();
        log.watch();
        assert_eq!(notices.drain().len(), 1);
        std::fs::remove_file(&path).unwrap();
        log.watch();
        assert_eq!(std::fs::read(&path).unwrap(), event(8));
        log.finish(false).unwrap();
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn another_log_under_the_name_of_a_deleted_one_is_not_touched() {
        let (mut log, directory, _) = log("replaced");
        let path = directory.join("log");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"another").unwrap();
        assert!(log.finish(false).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"another");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
