//! A modern client (2026-07-28, stateless) in front of a legacy server, which keeps a conversation.

mod answer;
mod discover;
mod notice;
mod parked;
mod question;
mod request;
mod splice;
mod state;
