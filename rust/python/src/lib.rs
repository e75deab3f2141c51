//! The compiled module `siprecord.media._core`: conversions and calls, no logic.
use pyo3::prelude::*;

mod codecs;
mod engine;
mod error;
mod merge;
mod reader;
mod render;
mod sender;
mod sharded_map;
mod srtp;
mod stream;
mod verify;

#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    codecs::register(module)?;
    engine::register(module)?;
    merge::register(module)?;
    reader::register(module)?;
    render::register(module)?;
    sender::register(module)?;
    sharded_map::register(module)?;
    srtp::register(module)?;
    stream::register(module)?;
    verify::register(module)?;
    Ok(())
}
