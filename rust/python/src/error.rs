//! The one place where Python exceptions are made, and where the GIL is let go.

use pyo3::import_exception;
use pyo3::prelude::*;
use siprecord_engine::drain::panic_text;
use std::fmt::Display;
use std::panic::{catch_unwind, AssertUnwindSafe};

import_exception!(siprecord.errors, MediaError);

/// Works without the GIL. Errors become `MediaError`; so do panics, which Python's `except Exception` would miss.
pub fn detached<T, E>(py: Python<'_>, work: impl FnOnce() -> Result<T, E> + Send) -> PyResult<T>
where
    T: Send,
    E: Display + Send,
{
    py.detach(|| match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(panic) => Err(format!(
            "a defect in the media core: {}",
            panic_text(panic.as_ref())
        )),
    })
    .map_err(MediaError::new_err)
}
