use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;

use super::*;

fn map(shards: i64) -> ShardedMap<i32> {
    ShardedMap::new(shards).expect("a power of two")
}

#[test]
fn only_powers_of_two_are_shard_counts() {
    for count in [1, 2, 32, 65_536] {
        assert_eq!(map(count).shard_count() as i64, count);
    }
    let text = |count| {
        ShardedMap::<i32>::new(count)
            .err()
            .map(|error| error.to_string())
    };
    assert!(text(33)
        .expect("refused")
        .ends_with("33 is not; the nearest are 32 and 64"));
    assert!(text(3)
        .expect("refused")
        .ends_with("the nearest are 2 and 4"));
    assert!(text(0).expect("refused").ends_with("the nearest is 1"));
    assert!(text(-4).expect("refused").ends_with("the nearest is 1"));
    assert!(text(131_072)
        .expect("refused")
        .ends_with("the nearest is 65536"));
}

#[test]
fn a_key_goes_to_the_shard_its_hash_names() {
    let map = map(32);
    assert_eq!(
        map.shard_of("foobar"),
        0x8594_4171_f739_67e8_u64 as usize & 31
    );
    map.swap(&Plain, "foobar", 1);
    assert_eq!(map.snapshot(&Plain, map.shard_of("foobar")).len(), 1);
}

#[test]
fn values_come_and_go() {
    let map = map(4);
    assert_eq!(map.load(&Plain, "a"), None);
    assert_eq!(map.swap(&Plain, "a", 1), None);
    assert_eq!(map.swap(&Plain, "a", 2), Some(1));
    assert_eq!(map.store_if_absent(&Plain, "a", 3), Err((2, 3)));
    assert_eq!(map.store_if_absent(&Plain, "b", 4), Ok(()));
    assert_eq!(map.len(&Plain), 2);
    assert!(map.contains(&Plain, "b"));
    assert_eq!(map.remove(&Plain, "b"), Some(4));
    assert_eq!(map.remove(&Plain, "b"), None);
    assert_eq!(map.keys(&Plain), vec![Arc::from("a")]);
}

#[test]
fn comparing_changes_only_what_is_the_same() {
    let map = map(4);
    assert_eq!(map.replace_same(&Plain, "a", &1, 2), Err(2));
    map.swap(&Plain, "a", 1);
    assert_eq!(map.replace_same(&Plain, "a", &7, 2), Err(2));
    assert_eq!(map.replace_same(&Plain, "a", &1, 2), Ok(1));
    assert_eq!(map.remove_same(&Plain, "a", &1), None);
    assert_eq!(map.remove_same(&Plain, "a", &2), Some(2));
    assert_eq!(map.len(&Plain), 0);
}

#[test]
fn taking_all_leaves_nothing() {
    let map = map(8);
    for number in 0..100 {
        map.swap(&Plain, &number.to_string(), number);
    }
    let taken: usize = map.take_all(&Plain).iter().map(HashMap::len).sum();
    assert_eq!((taken, map.len(&Plain)), (100, 0));
}

#[test]
fn visiting_leaves_out_a_locked_shard() {
    let map = map(1);
    map.swap(&Plain, "a", 1);
    let count = || {
        let mut seen = 0;
        let visited: Result<(), ()> = map.visit_free(|_| {
            seen += 1;
            Ok(())
        });
        assert_eq!(visited, Ok(()));
        seen
    };
    assert_eq!(count(), 1);
    let guard = map.shards[0].write(&Plain);
    assert_eq!(count(), 0);
    drop(guard);
}

#[test]
fn waiting_is_counted_and_a_poisoned_shard_still_works() {
    let map = map(1);
    let entered = AtomicBool::new(false);
    thread::scope(|scope| {
        let guard = map.shards[0].write(&Plain);
        let waiter = scope.spawn(|| {
            entered.store(true, Ordering::Release);
            map.load(&Plain, "a")
        });
        while map.contention() == [0] {
            thread::yield_now();
        }
        drop(guard);
        assert_eq!(waiter.join().expect("no panic"), None);
    });
    let panicked = thread::scope(|scope| {
        let poisoner = scope.spawn(|| {
            let _guard = map.shards[0].write(&Plain);
            panic!("poison the lock");
        });
        poisoner.join().is_err()
    });
    assert!(panicked);
    assert_eq!(map.swap(&Plain, "a", 1), None);
    assert_eq!(map.load(&Plain, "a"), Some(1));
}

#[test]
fn a_value_is_dropped_after_its_shard_is_free() {
    struct Reentrant(Arc<ShardedMap<Reentrant>>, Arc<AtomicUsize>);
    impl Drop for Reentrant {
        fn drop(&mut self) {
            assert!(self
                .0
                .shards
                .iter()
                .all(|shard| shard.table.try_write().is_ok()));
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    struct Here;
    impl Access<Reentrant> for Here {
        fn wait(&self, blocked: impl FnOnce() + Send) {
            blocked();
        }
        fn share(&self, value: &Reentrant) -> Reentrant {
            Reentrant(Arc::clone(&value.0), Arc::clone(&value.1))
        }
        fn same(&self, _: &Reentrant, _: &Reentrant) -> bool {
            true
        }
    }
    let map = Arc::new(ShardedMap::new(1).expect("a power of two"));
    let dropped = Arc::new(AtomicUsize::new(0));
    let value = || Reentrant(Arc::clone(&map), Arc::clone(&dropped));
    drop(map.swap(&Here, "a", value()));
    drop(map.swap(&Here, "a", value()));
    drop(map.store_if_absent(&Here, "a", value()));
    drop(map.replace_same(&Here, "a", &value(), value()));
    drop(map.remove(&Here, "a"));
    assert!(dropped.load(Ordering::Relaxed) >= 5);
}

#[test]
fn threads_count_together() {
    let map = map(2);
    let total = 4 * 2_000;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for step in 0..2_000 {
                    let key = (step % 8).to_string();
                    loop {
                        match map.store_if_absent(&Plain, &key, 1) {
                            Ok(()) => break,
                            Err((present, _)) => {
                                if map
                                    .replace_same(&Plain, &key, &present, present + 1)
                                    .is_ok()
                                {
                                    break;
                                }
                            }
                        }
                    }
                }
            });
        }
    });
    let sum: i32 = (0..2)
        .flat_map(|shard| map.snapshot(&Plain, shard))
        .map(|(_, value)| value)
        .sum();
    assert_eq!(sum, total);
}
