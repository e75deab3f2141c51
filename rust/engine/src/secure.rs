//! SRTP of one stream: opens what comes, protects what we send, and counts what is refused.

use crate::ports::Port;
use siprecord_core::rtcp;
use siprecord_srtp::{MasterKey, Reached, Receiver, Refusal, Sender};

/// The keys of one stream. Nothing in here ever reaches a text.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Of the sender; several differ by their MKI. None: the stream is in the clear.
    pub theirs: Vec<MasterKey>,
    /// Our own, for the reports that we send.
    pub ours: Option<MasterKey>,
    /// Another process has had the stream: its sender goes on with its rollover counters.
    pub go_on: bool,
    /// How far that process had come, as far as it is known.
    pub reached: Vec<Reached>,
}

impl Keys {
    /// Takes in how far an earlier process had come at least.
    pub fn go_on_from(&mut self, at_least: impl Iterator<Item = Reached>) {
        self.go_on = true;
        for reached in at_least {
            let same = |known: &&mut Reached| known.ssrc == reached.ssrc;
            match self.reached.iter_mut().find(same) {
                Some(known) if known.highest > reached.highest => {}
                Some(known) => *known = reached,
                None => self.reached.push(reached),
            }
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecureCounts {
    /// Packets that could not be authenticated, or were malformed or beyond the key's lifetime.
    pub failed: u64,
    pub replayed: u64,
}

pub struct Secure {
    receiver: Receiver,
    sender: Option<Sender>,
    ours: Option<MasterKey>,
    pub counts: SecureCounts,
    /// Whether the application knows that packets fail.
    told: bool,
    /// The signalling has taken the protection back.
    off: bool,
}

impl Secure {
    /// Nothing when the stream is in the clear.
    pub fn new(keys: Keys) -> Option<Self> {
        if keys.theirs.is_empty() {
            return None;
        }
        let mut receiver = Receiver::new(keys.theirs);
        if keys.go_on {
            receiver.resume(&keys.reached);
        }
        Some(Self {
            receiver,
            sender: keys.ours.clone().map(Sender::new),
            ours: keys.ours,
            counts: SecureCounts::default(),
            told: false,
            off: false,
        })
    }

    /// Changes the keys in mid-stream; without any, what comes is in the clear from now on. Our own stays when there is no new one. `now` is any steady clock. True when the
    /// sender's rollover counters begin anew.
    pub fn set_keys(&mut self, keys: Keys, now: u64) -> bool {
        self.off = keys.theirs.is_empty();
        if self.off {
            return false;
        }
        let anew = self.receiver.set_keys(keys.theirs, now);
        if keys.ours.is_some() && keys.ours != self.ours {
            self.sender = keys.ours.clone().map(Sender::new);
            self.ours = keys.ours;
        }
        self.told = false;
        anew
    }

    /// Appends the clear packet to `out`; false when it is refused. What is neither RTP nor RTCP stays as it is.
    pub fn open(&mut self, port: Port, packet: &[u8], now: u64, out: &mut Vec<u8>) -> bool {
        let outcome = if self.off {
            out.extend_from_slice(packet);
            Ok(())
        } else if rtcp::looks_like_rtcp(packet) {
            self.receiver.open_report(packet, now, out)
        } else if port == Port::Rtp && packet.first().is_some_and(|first| first >> 6 == 2) {
            self.receiver.open_media(packet, now, out)
        } else {
            out.extend_from_slice(packet);
            Ok(())
        };
        match outcome {
            Ok(()) => return true,
            Err(Refusal::Replayed) => self.counts.replayed += 1,
            Err(_) => self.counts.failed += 1,
        }
        false
    }

    /// True once after packets have begun to fail.
    pub fn begins_to_fail(&mut self) -> bool {
        let tell = self.counts.failed > 0 && !self.told;
        self.told |= tell;
        tell
    }

    /// Appends the protected report to `out`; false when there is no key for it.
    pub fn protect_report(&mut self, packet: &[u8], out: &mut Vec<u8>) -> bool {
        if self.off {
            out.extend_from_slice(packet);
            return true;
        }
        let sender = self.sender.as_mut();
        sender.is_some_and(|sender| sender.seal_report(packet, out).is_ok())
    }

    /// How far each SSRC has come under the present keys.
    pub fn reached(&self) -> Vec<Reached> {
        self.receiver.reached()
    }

    pub fn indices(&self) -> Vec<(u32, u64)> {
        let reached = self.reached().into_iter();
        reached.map(|each| (each.ssrc, each.highest)).collect()
    }
}
