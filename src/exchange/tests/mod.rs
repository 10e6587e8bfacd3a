//! Tests of the whole room: on both databases, and with applications on real sockets that misbehave when they are told to.

mod leases;
mod plans;
