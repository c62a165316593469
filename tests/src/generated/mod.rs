pub mod entities;
pub mod tables;
