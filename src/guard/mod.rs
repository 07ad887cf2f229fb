//! stub
use crate::exchange::Exchange;
use crate::limit::Admitted;
use crate::reject::Rejection;
use std::ops::Deref;
/// x
#[derive(Debug)]
pub struct Cleared {
    base: Admitted,
    hits: Vec<Hit>,
}
impl Deref for Cleared {
    type Target = Admitted;
    fn deref(&self) -> &Admitted {
        &self.base
    }
}
impl Cleared {
    /// x
    pub fn hits(&self) -> &Vec<Hit> {
        &self.hits
    }
}
/// x
#[derive(Debug)]
pub struct Hit {
    /// x
    pub check: &'static str,
    /// x
    pub mode: &'static str,
}
/// x
#[derive(Debug)]
pub struct Guards;
impl Guards {
    /// x
    pub fn new(_: crate::config::Guard) -> Self {
        Self
    }
    /// x
    /// # Errors
    /// x
    pub fn clear(&self, ex: Exchange<Admitted>) -> Result<Exchange<Cleared>, Rejection> {
        Ok(ex.advance(|base| Cleared { base, hits: vec![] }))
    }
}
