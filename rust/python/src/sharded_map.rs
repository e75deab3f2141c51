//! `ShardedMap` with Python objects as values.
//!
//! No Python code runs while a shard is locked: `==` is asked outside and the value's identity checked
//! again inside, and values leave the lock alive, so that their destructors run after it.
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use siprecord_core::sharded_map::{Access, ShardedMap};

/// Access from an attached thread: it detaches while it waits, so it never holds up the interpreter.
struct Attached<'py>(Python<'py>);

impl Access<Py<PyAny>> for Attached<'_> {
    fn wait(&self, blocked: impl FnOnce() + Send) {
        self.0.detach(blocked);
    }
    fn share(&self, value: &Py<PyAny>) -> Py<PyAny> {
        value.clone_ref(self.0)
    }
    fn same(&self, one: &Py<PyAny>, other: &Py<PyAny>) -> bool {
        one.is(other)
    }
}

/// What `load` and its kin give back: the value or `None`, and whether it was there.
type Found = (Option<Py<PyAny>>, bool);

fn found(value: Option<Py<PyAny>>) -> Found {
    let loaded = value.is_some();
    (value, loaded)
}

/// A concurrent map from `str` to any object, cut into shards with a read-write lock each.
#[pyclass(name = "ShardedMap", module = "siprecord.media", frozen, generic)]
struct PyShardedMap {
    map: ShardedMap<Py<PyAny>>,
}

impl PyShardedMap {
    /// The value of `key` if it is, or equals, `expected`. Runs Python's `==`, outside the lock.
    fn equal(&self, key: &str, expected: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let py = expected.py();
        let Some(present) = self.map.load(&Attached(py), key) else {
            return Ok(None);
        };
        let equal = present.is(expected) || present.bind(py).eq(expected)?;
        Ok(equal.then_some(present))
    }
}

#[pymethods]
impl PyShardedMap {
    #[new]
    #[pyo3(signature = (shard_count = 32))]
    fn new(shard_count: i64) -> PyResult<Self> {
        let map = ShardedMap::new(shard_count)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { map })
    }

    #[getter]
    fn shard_count(&self) -> usize {
        self.map.shard_count()
    }

    fn shard_of(&self, key: &str) -> usize {
        self.map.shard_of(key)
    }

    #[pyo3(signature = (key, default = None, /))]
    fn load(&self, py: Python<'_>, key: &str, default: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
        self.map.load(&Attached(py), key).or(default)
    }

    #[pyo3(signature = (key, value, /))]
    fn store(&self, py: Python<'_>, key: &str, value: Py<PyAny>) {
        self.map.swap(&Attached(py), key, value);
    }

    #[pyo3(signature = (key, value, /))]
    fn load_or_store(&self, py: Python<'_>, key: &str, value: Py<PyAny>) -> (Py<PyAny>, bool) {
        let access = Attached(py);
        match self.map.store_if_absent(&access, key, value.clone_ref(py)) {
            Ok(()) => (value, false),
            Err((present, _unused)) => (present, true),
        }
    }

    #[pyo3(signature = (key, /))]
    fn load_and_delete(&self, py: Python<'_>, key: &str) -> Found {
        found(self.map.remove(&Attached(py), key))
    }

    #[pyo3(signature = (key, /))]
    fn delete(&self, py: Python<'_>, key: &str) {
        self.map.remove(&Attached(py), key);
    }

    #[pyo3(signature = (key, value, /))]
    fn swap(&self, py: Python<'_>, key: &str, value: Py<PyAny>) -> Found {
        found(self.map.swap(&Attached(py), key, value))
    }

    #[pyo3(signature = (key, old, new, /))]
    fn compare_and_swap(
        &self,
        key: &str,
        old: &Bound<'_, PyAny>,
        new: Py<PyAny>,
    ) -> PyResult<bool> {
        let py = old.py();
        // Once more if the value changed between the comparison and the exchange.
        while let Some(present) = self.equal(key, old)? {
            let exchanged = self
                .map
                .replace_same(&Attached(py), key, &present, new.clone_ref(py));
            if exchanged.is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[pyo3(signature = (key, old, /))]
    fn compare_and_delete(&self, key: &str, old: &Bound<'_, PyAny>) -> PyResult<bool> {
        while let Some(present) = self.equal(key, old)? {
            let removed = self.map.remove_same(&Attached(old.py()), key, &present);
            if removed.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[pyo3(signature = (callback, /))]
    fn range(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        let access = Attached(callback.py());
        for shard in 0..self.map.shard_count() {
            for (key, value) in self.map.snapshot(&access, shard) {
                let answer = callback.call1((&*key, value))?;
                if answer.extract::<bool>().is_ok_and(|go_on| !go_on) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn clear(&self, py: Python<'_>) {
        drop(self.map.take_all(&Attached(py)));
    }

    fn keys(&self, py: Python<'_>) -> Vec<String> {
        let keys = self.map.keys(&Attached(py));
        keys.iter().map(ToString::to_string).collect()
    }

    fn contention(&self) -> Vec<u64> {
        self.map.contention()
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.map.len(&Attached(py))
    }

    fn __contains__(&self, py: Python<'_>, key: &str) -> bool {
        self.map.contains(&Attached(py), key)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let length = self.map.len(&Attached(py));
        format!(
            "<ShardedMap of {length} in {} shards>",
            self.map.shard_count()
        )
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.map.visit_free(|value| visit.call(value))
    }

    fn __clear__(&self, py: Python<'_>) {
        self.clear(py);
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyShardedMap>()
}
