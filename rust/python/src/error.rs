//! The one place where Python exceptions are made, and where the GIL is let go.

use pyo3::import_exception;
use pyo3::prelude::*;
use siprecord_engine::drain::panic_text;
use std::fmt::Display;
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};

import_exception!(siprecord.errors, MediaError);

/// Works without the GIL. Errors become `MediaError`; so do panics, which Python's `except Exception` would miss.
pub fn detached<T, E>(py: Python<'_>, work: impl FnOnce() -> Result<T, E> + Send) -> PyResult<T>
where
    T: Send,
    E: Display + Send,
{
    let outcome = apart(py, || work().map_err(|error| error.to_string()));
    outcome.unwrap_or_else(Err).map_err(MediaError::new_err)
}

/// Works with files, without the GIL. Errors become `OSError`, and so do panics.
pub fn detached_io<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> PyResult<T> {
    let outcome = apart(py, work);
    Ok(outcome.unwrap_or_else(|defect| Err(io::Error::other(defect)))?)
}

/// The work's result, or what is to be said of a panic in it.
fn apart<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> Result<T, String> {
    py.detach(|| catch_unwind(AssertUnwindSafe(work)))
        .map_err(|panic| format!("a defect in the media core: {}", panic_text(panic.as_ref())))
}
