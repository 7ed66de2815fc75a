//! `clearway demo`: a lunch hour on this machine, before and after. Everything is here: a link (`link`), what is behind
//! it (`origin`), staff (`staff`) and clinical work (`clinical`), and in the third act a real gateway (`gateway`). A
//! `scene` plays one act of the `story`, `diary` is what is written down, `outcome` what it comes to, `picture` and
//! `summary` what is shown. Nothing leaves 127.0.0.1, and nothing is left when it is over.

mod act;
mod ask;
mod cast;
mod chance;
mod clinical;
mod diary;
mod folder;
mod gateway;
mod link;
mod origin;
mod outcome;
mod picture;
mod scene;
mod screen;
mod spark;
mod staff;
mod stage;
mod story;
mod summary;

pub use act::{LONGEST, SHORTEST};
pub use story::run;
