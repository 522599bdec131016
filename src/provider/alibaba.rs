//! Alibaba Cloud ECS: ties signing, sending and the wire form together.

pub mod sign;
pub mod wire;
