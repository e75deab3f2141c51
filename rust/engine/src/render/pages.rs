//! A small cache of file pages for reads that go forward through a file with little jumps.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const PAGE: usize = 256 * 1024;
const SLOTS: usize = 16;

struct Page {
    number: u64,
    data: Vec<u8>,
}

/// At most [`SLOTS`] pages are held, each in the slot its number falls into.
pub struct Pages {
    file: File,
    slots: [Option<Page>; SLOTS],
    /// For reads that cross pages.
    joined: Vec<u8>,
}

impl Pages {
    pub fn new(file: File) -> Self {
        Self {
            file,
            slots: Default::default(),
            joined: Vec::new(),
        }
    }

    /// The bytes at `offset`; fewer where the file has become shorter.
    pub fn read(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let within = (offset % PAGE as u64) as usize;
        if within + length <= PAGE {
            let page = self.page(offset / PAGE as u64)?;
            let end = page.len().min(within + length);
            return Ok(page.get(within..end).unwrap_or_default());
        }
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        while joined.len() < length {
            let at = offset + joined.len() as u64;
            let page = self.page(at / PAGE as u64)?;
            let rest = page.get((at % PAGE as u64) as usize..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            joined.extend_from_slice(&rest[..rest.len().min(length - joined.len())]);
        }
        self.joined = joined;
        Ok(&self.joined)
    }

    fn page(&mut self, number: u64) -> io::Result<&[u8]> {
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        let stale = !matches!(slot, Some(page) if page.number == number);
        if stale {
            let data = slot.take().map_or_else(Vec::new, |page| page.data);
            *slot = Some(load(&self.file, number, data)?);
        }
        Ok(slot.as_ref().map_or(&[], |page| &page.data))
    }
}

fn load(file: &File, number: u64, mut data: Vec<u8>) -> io::Result<Page> {
    data.resize(PAGE, 0);
    let mut filled = 0;
    while filled < PAGE {
        match file.read_at(&mut data[filled..], number * PAGE as u64 + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    data.truncate(filled);
    Ok(Page { number, data })
}
