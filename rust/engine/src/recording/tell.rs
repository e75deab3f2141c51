//! What the recording tells the application of its streams.

use super::inner::Inner;
use crate::notice::Kind;
use siprecord_core::source::{Event, Source};

/// Notices of this kind for each stream; who sends more changes than that can't flood the application.
const MOST_NOTICES: u64 = 32;

impl Inner {
    /// Tells what happened to a stream on the last visit: to its sources, and whether its SRTP begins to fail.
    pub(super) fn tell_of_stream(&mut self, index: usize, srtp_fails: bool) {
        let stream = &mut self.streams[index];
        let (interface, changes) = (stream.interface, stream.counts.source_changes);
        if srtp_fails {
            let text = format!("packets of interface {interface} fail their SRTP authentication");
            self.log.tell_of(interface, Kind::SrtpFailed, text);
        }
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
