//! The objects of the theory against closed forms, exact arithmetic, higher precision and independent routes.

mod arithmetics;
mod common;
mod data;
mod definitions;
mod descent;
mod enclosure;
mod exact;
mod flow;
mod homogeneity;
mod identities;
mod krylov;
mod lanes;
mod loss;
mod manifold;
mod mended;
mod metamorphic;
mod minimizers;
mod nearest;
mod network;
mod network_arrays;
mod network_blocks;
mod network_files;
mod onnx;
mod operations;
mod pieces;
mod tables;
