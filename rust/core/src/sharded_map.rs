//! A concurrent map from text to values, cut into shards that lock apart from one another.
//!
//! FNV-1a of the key chooses the shard. Inside a shard the standard library's keyed hash rules, because
//! keys such as Call-IDs come from peers: who aims all keys at one shard gains contention, never a
//! quadratic table.
//!
//! **No foreign code runs under a lock.** Values that leave the map are handed to the caller, who drops
//! them after the shard is free again; so a value's destructor may use the map.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use crate::fnv::fnv1a;

/// How many shards a map has when nobody says otherwise.
pub const DEFAULT_SHARDS: usize = 32;
/// Beyond this more shards only cost memory.
pub const MAX_SHARDS: usize = 65_536;

/// What a map has to know about its values and about the thread that uses it.
pub trait Access<V> {
    /// Runs `blocked`, which returns once a shard is free, on a thread that may wait.
    fn wait(&self, blocked: impl FnOnce() + Send);
    /// Makes a second handle to the same value. Runs under a lock: short, and no foreign code.
    fn share(&self, value: &V) -> V;
    /// Whether two handles are of one value. Runs under a lock: short, and no foreign code.
    fn same(&self, one: &V, other: &V) -> bool;
}

/// Access for plain Rust values: blocks the thread, clones, and compares.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl<V: Clone + PartialEq> Access<V> for Plain {
    fn wait(&self, blocked: impl FnOnce() + Send) {
        blocked();
    }
    fn share(&self, value: &V) -> V {
        value.clone()
    }
    fn same(&self, one: &V, other: &V) -> bool {
        one == other
    }
}

/// The number of shards is not a power of two between 1 and [`MAX_SHARDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardCountError(pub i64);

impl fmt::Display for ShardCountError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(given) = *self;
        write!(out, "the number of shards must be a power of two from 1 to {MAX_SHARDS}, and {given} is not; ")?;
        match usize::try_from(given) {
            Err(_) | Ok(0) => write!(out, "the nearest is 1"),
            Ok(count) if count > MAX_SHARDS => write!(out, "the nearest is {MAX_SHARDS}"),
            Ok(count) => {
                let above = count.next_power_of_two();
                write!(out, "the nearest are {} and {above}", above / 2)
            }
        }
    }
}

impl std::error::Error for ShardCountError {}

type Table<V> = HashMap<Arc<str>, V>;

/// One shard. Its own cache lines, so that neighbours do not slow one another down.
#[repr(align(128))]
struct Shard<V> {
    table: RwLock<Table<V>>,
    contended: AtomicU64,
}

impl<V> Shard<V> {
    fn new() -> Self {
        Self {
            table: RwLock::new(HashMap::new()),
            contended: AtomicU64::new(0),
        }
    }

    /// Locks for reading. Waiting ends without the lock held, and then it is tried again: so nobody
    /// waits for something else (the interpreter's lock) while they hold a shard.
    fn read(&self, access: &impl Access<V>) -> RwLockReadGuard<'_, Table<V>>
    where
        V: Send + Sync,
    {
        loop {
            match self.table.try_read() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => self.wait(access, |table| {
                    drop(table.read().unwrap_or_else(PoisonError::into_inner));
                }),
            }
        }
    }

    /// Locks for writing; see [`Self::read`].
    fn write(&self, access: &impl Access<V>) -> RwLockWriteGuard<'_, Table<V>>
    where
        V: Send + Sync,
    {
        loop {
            match self.table.try_write() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => self.wait(access, |table| {
                    drop(table.write().unwrap_or_else(PoisonError::into_inner));
                }),
            }
        }
    }

    fn wait(&self, access: &impl Access<V>, until_free: impl FnOnce(&RwLock<Table<V>>) + Send)
    where
        V: Send + Sync,
    {
        self.contended.fetch_add(1, Ordering::Relaxed);
        access.wait(|| until_free(&self.table));
    }
}

/// The map. Every method may be called from any thread at any time.
pub struct ShardedMap<V> {
    shards: Box<[Shard<V>]>,
    mask: u64,
}

impl<V: Send + Sync> ShardedMap<V> {
    /// Makes an empty map of `count` shards.
    ///
    /// # Errors
    /// `count` is not a power of two from 1 to [`MAX_SHARDS`].
    pub fn new(count: i64) -> Result<Self, ShardCountError> {
        let shards = usize::try_from(count).map_err(|_| ShardCountError(count))?;
        if !shards.is_power_of_two() || shards > MAX_SHARDS {
            return Err(ShardCountError(count));
        }
        Ok(Self {
            shards: (0..shards).map(|_| Shard::new()).collect(),
            mask: shards as u64 - 1,
        })
    }

    fn shard(&self, key: &str) -> &Shard<V> {
        &self.shards[(fnv1a(key.as_bytes()) & self.mask) as usize]
    }

    /// Which shard holds `key`.
    pub fn shard_of(&self, key: &str) -> usize {
        (fnv1a(key.as_bytes()) & self.mask) as usize
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// How often a thread found each shard locked by another one.
    pub fn contention(&self) -> Vec<u64> {
        let count = |shard: &Shard<V>| shard.contended.load(Ordering::Relaxed);
        self.shards.iter().map(count).collect()
    }

    /// The value of `key`.
    pub fn load(&self, access: &impl Access<V>, key: &str) -> Option<V> {
        let table = self.shard(key).read(access);
        table.get(key).map(|value| access.share(value))
    }

    /// Whether `key` is there.
    pub fn contains(&self, access: &impl Access<V>, key: &str) -> bool {
        self.shard(key).read(access).contains_key(key)
    }

    /// Sets the value of `key`; gives back the one it replaces.
    pub fn swap(&self, access: &impl Access<V>, key: &str, value: V) -> Option<V> {
        let mut table = self.shard(key).write(access);
        if let Some(slot) = table.get_mut(key) {
            return Some(mem::replace(slot, value));
        }
        table.insert(Arc::from(key), value)
    }

    /// Sets the value of `key` unless there is one, which is then given back beside the unused one.
    ///
    /// # Errors
    /// Not an error but the other outcome: `(present, unused)`.
    pub fn store_if_absent(
        &self,
        access: &impl Access<V>,
        key: &str,
        value: V,
    ) -> Result<(), (V, V)> {
        let mut table = self.shard(key).write(access);
        if let Some(present) = table.get(key) {
            return Err((access.share(present), value));
        }
        table.insert(Arc::from(key), value);
        Ok(())
    }

    /// Takes `key` out of the map.
    pub fn remove(&self, access: &impl Access<V>, key: &str) -> Option<V> {
        self.shard(key).write(access).remove(key)
    }

    /// Replaces the value of `key` if it is the same as `expected`; gives back what is no longer in
    /// the map: the old value, or else the new one.
    ///
    /// # Errors
    /// Not an error but the other outcome: `value` itself, unused.
    pub fn replace_same(
        &self,
        access: &impl Access<V>,
        key: &str,
        expected: &V,
        value: V,
    ) -> Result<V, V> {
        let mut table = self.shard(key).write(access);
        match table.get_mut(key) {
            Some(present) if access.same(present, expected) => Ok(mem::replace(present, value)),
            _ => Err(value),
        }
    }

    /// Takes `key` out of the map if its value is the same as `expected`.
    pub fn remove_same(&self, access: &impl Access<V>, key: &str, expected: &V) -> Option<V> {
        let mut table = self.shard(key).write(access);
        match table.get(key) {
            Some(present) if access.same(present, expected) => table.remove(key),
            _ => None,
        }
    }

    /// What shard `index` holds now. Later changes do not show in it.
    pub fn snapshot(&self, access: &impl Access<V>, index: usize) -> Vec<(Arc<str>, V)> {
        let table = self.shards[index].read(access);
        let share = |(key, value): (&Arc<str>, &V)| (Arc::clone(key), access.share(value));
        table.iter().map(share).collect()
    }

    /// All keys, shard by shard.
    pub fn keys(&self, access: &impl Access<V>) -> Vec<Arc<str>> {
        let mut keys = Vec::new();
        for shard in &self.shards {
            keys.extend(shard.read(access).keys().cloned());
        }
        keys
    }

    /// How many keys there are. Each shard is counted at its own instant.
    pub fn len(&self, access: &impl Access<V>) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.read(access).len())
            .sum()
    }

    /// Empties the map, shard by shard; gives back what was in it.
    pub fn take_all(&self, access: &impl Access<V>) -> Vec<Table<V>> {
        let take = |shard: &Shard<V>| mem::take(&mut *shard.write(access));
        self.shards.iter().map(take).collect()
    }

    /// Visits the values of every shard that is free at this moment, and leaves out the others.
    ///
    /// For a garbage collector, which must never wait. `visit` runs under the lock.
    ///
    /// # Errors
    /// The first error of `visit`.
    pub fn visit_free<E>(&self, mut visit: impl FnMut(&V) -> Result<(), E>) -> Result<(), E> {
        for shard in &self.shards {
            let table = match shard.table.try_read() {
                Ok(table) => table,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            table.values().try_for_each(&mut visit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
