#![doc = include_str!("../README.md")]

pub mod chunk;
pub mod document;
pub mod embed;
mod names;
