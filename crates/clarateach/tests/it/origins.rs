//! Own origins: the real server between hostile browsers and hostile programs, all on raw sockets.

mod browser;
mod domain;
mod ends;
mod entering;
mod matrix;
mod neko;
mod numbers;
mod other_sites;
mod pages;
mod programs;
mod restart;
mod world;
