//! The proxies: each keeps what it was told, and writes nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::plane::Plane;
use crate::cache::{Cache, Change};
use crate::controllers::{Controller, Sync};
use crate::draw::Draw;
use crate::object::{Key, Kind};

/// After so long a proxy asks again for what its controller has not seen yet.
const AGAIN: Duration = Duration::from_millis(200);

/// What all proxies and the one who judges them share.
pub type Shared = Arc<Mutex<Plane>>;

/// One way by which a proxy is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the router's proxy: routes and Services, as the router's controller knows them. It is told when that one has
    /// written its status, or a little earlier or later.
    Routes,
    /// To the router's proxy: endpoints, which come on a stream of their own.
    Endpoints,
    /// To the nodes' proxies: Services and endpoints.
    Node,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Routes, Self::Endpoints, Self::Node];
}

/// A proxy, at the end of one of its ways.
#[derive(Debug)]
pub struct Proxy {
    /// Which way.
    pub way: Way,
    /// Where it keeps what it knows.
    pub shared: Shared,
}

impl Controller for Proxy {
    fn name(&self) -> &'static str {
        match self.way {
            Way::Routes => "router",
            Way::Endpoints => "router's endpoints",
            Way::Node => "kube-proxy",
        }
    }

    fn watches(&self) -> &'static [Kind] {
        match self.way {
            Way::Routes => &[Kind::Route, Kind::Service],
            Way::Endpoints => &[Kind::EndpointSlice],
            Way::Node => &[Kind::Service, Kind::EndpointSlice],
        }
    }

    fn keys(&mut self, _: &Change, _: &Cache) -> Vec<Key> {
        vec![Key::default()]
    }

    fn sync(&mut self, _: &Key, cache: &Cache, now: Timestamp, _: &mut Draw) -> Sync {
        let mut plane = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        plane.learn(self.way, cache, now);
        // The router's controller has not looked at the newest routes yet.
        let again = self.way == Way::Routes && !plane.has_served(cache);
        Sync { writes: Vec::new(), again_after: again.then_some(AGAIN) }
    }
}
