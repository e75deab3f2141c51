pub mod block;
pub mod read;
pub mod write;
