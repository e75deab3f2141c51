//! Moments at which a test may kill the process, to see what the next one makes of it.

#[cfg(test)]
pub use injected::{arm, step, tear};

/// A moment between two steps that must each leave a state from which another process can go on.
#[cfg(not(test))]
#[inline(always)]
pub fn step() {}

#[cfg(test)]
mod injected {
    use std::fs::File;
    use std::io::Write;
    use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

    static LEFT: AtomicI64 = AtomicI64::new(i64::MAX);

    /// Lets the process die by SIGKILL at its step number `steps`, counted from 0.
    pub fn arm(steps: i64) {
        LEFT.store(steps, SeqCst);
    }

    pub fn step() {
        if due() {
            die();
        }
    }

    /// Three more moments: in the middle of a write, with so much of it in the file.
    pub fn tear(file: &mut File, data: &[u8]) {
        for taken in [1, data.len() / 2, data.len().saturating_sub(1)] {
            if due() {
                let _ = file.write_all(&data[..taken]);
                die();
            }
        }
    }

    fn due() -> bool {
        LEFT.fetch_sub(1, SeqCst) == 0
    }

    fn die() {
        // SAFETY: no pointers are passed.
        unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
        }
        loop {
            std::thread::park();
        }
    }
}
