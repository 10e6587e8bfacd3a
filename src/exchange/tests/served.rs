//! A router on a real socket of this machine, until it is dropped.

use std::net::SocketAddr;

use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};

pub(super) struct Served {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Served {
    pub(super) async fn new(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::on(listener, router)
    }

    /// Again at the address of one that is gone.
    pub(super) async fn at(address: SocketAddr, router: Router) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port is free again");
        Self::on(listener, router)
    }

    fn on(listener: TcpListener, router: Router) -> Self {
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serves");
        });
        Self { address, serving }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
