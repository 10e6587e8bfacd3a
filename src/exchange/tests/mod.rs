//! Tests of the whole room: on both databases, and with applications on real sockets that misbehave when they are told to.

mod both_databases;
mod checking;
mod consumer;
mod control;
mod faulty_destination;
mod faulty_source;
mod holding;
mod keeping;
mod leases;
mod mirroring;
mod plans;
mod producer;
mod repairing;
mod restarts;
mod scene;
mod served;
mod uploading;
