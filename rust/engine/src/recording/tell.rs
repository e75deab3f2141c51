//! What the recording tells the application of its streams' sources.

use super::inner::Inner;
use crate::notice::Kind;
use siprecord_core::source::{Event, Source};

/// Notices of this kind for each stream; who sends more changes than that can't flood the application.
const MOST_NOTICES: u64 = 32;

impl Inner {
    /// Tells what happened to the sources of a stream on the last visit.
    pub(super) fn tell_sources(&mut self, index: usize) {
        let stream = &mut self.streams[index];
        let (interface, changes) = (stream.interface, stream.counts.source_changes);
        for event in std::mem::take(&mut stream.events) {
            if let (Some((kind, text)), true) = (notice(&event), changes <= MOST_NOTICES) {
                self.log
                    .tell_of(interface, kind, format!("interface {interface} {text}"));
            }
        }
    }
}

fn notice(event: &Event) -> Option<(Kind, String)> {
    match event {
        Event::Followed { from, to, .. } => from.map(|from| {
            let text = format!("now follows {}, before {}", name(to), name(&from));
            (Kind::SourceChanged, text)
        }),
        Event::Refused { source } => {
            let text = format!(
                "does not follow {}, which sends to it as well",
                name(source)
            );
            Some((Kind::SourceRefused, text))
        }
    }
}

fn name(source: &Source) -> String {
    format!("{} (SSRC 0x{:08x})", source.address, source.ssrc)
}
