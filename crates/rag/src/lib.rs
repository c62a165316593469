#![doc = include_str!("../README.md")]

pub mod chunk;
pub mod document;
pub mod embed;
pub mod knowledge;
mod names;
