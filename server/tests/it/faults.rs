//! A network that does what networks do: a proxy in front of one program that refuses connections, cuts them anywhere, delays bytes, and sends what
//! was sent once more later. What it does is drawn from a seed.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::broadcast,
};

/// What was sent over a connection is kept for a repeat up to so many bytes.
const MOST_REPEATED: usize = 1 << 20;

/// What is done to one connection.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Only cut in the end: connections are kept and used for many requests.
    CutLate(usize),
    Refuse,
    /// After so many bytes of what the client sends.
    CutRequest(usize),
    /// After so many bytes of what the server answers: the server has done it, and the client does not know.
    CutAnswer(usize),
    /// Before each piece.
    Delay(Duration),
    /// As [`Self::CutAnswer`], and all that the client sent is sent once more afterwards.
    Repeat(usize),
}

pub struct FaultyNetwork {
    /// Where the program is reached through it.
    pub url: String,
    faults: Arc<AtomicU32>,
    is_on: Arc<AtomicBool>,
    /// Ends the connections that were made before.
    begun: broadcast::Sender<()>,
}

impl FaultyNetwork {
    /// In front of the program at `url`. Without a fault until [`Self::begin`].
    pub async fn before(url: &str, seed: u64) -> Self {
        let upstream: SocketAddr =
            url.trim_start_matches("http://").trim_end_matches('/').parse().expect("an address and a port");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (faults, is_on) = (Arc::<AtomicU32>::default(), Arc::<AtomicBool>::default());
        let (counted, on) = (faults.clone(), is_on.clone());
        let begun = broadcast::Sender::new(1);
        let begins = begun.clone();
        tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(seed);
            while let Ok((client, _)) = listener.accept().await {
                if !on.load(Ordering::Acquire) {
                    let mut begins = begins.subscribe();
                    tokio::spawn(async move {
                        tokio::select! {
                            () = connect(client, upstream, Fault::CutLate(usize::MAX)) => {}
                            _ = begins.recv() => {}
                        }
                    });
                    continue;
                }
                let fault = draw(&mut random);
                counted.fetch_add(1, Ordering::AcqRel);
                tokio::spawn(connect(client, upstream, fault));
            }
        });
        Self { url: format!("http://{address}/"), faults, is_on, begun }
    }

    pub fn begin(&self) {
        self.is_on.store(true, Ordering::Release);
        // Nobody may be connected.
        let _ = self.begun.send(());
    }

    pub fn end(&self) {
        self.is_on.store(false, Ordering::Release);
    }

    /// Connections to which something was done.
    pub fn faults(&self) -> u32 {
        self.faults.load(Ordering::Acquire)
    }
}

fn draw(random: &mut StdRng) -> Fault {
    // Around the sizes of heads and of parts.
    let bytes = |random: &mut StdRng| {
        if random.random() { random.random_range(0..600) } else { random.random_range(0..10_000) }
    };
    match random.random_range(0..10) {
        0 => Fault::Refuse,
        1 | 2 => Fault::CutRequest(bytes(random)),
        3..=5 => Fault::CutAnswer(bytes(random)),
        6 => Fault::Delay(Duration::from_millis(random.random_range(1..30))),
        7 | 8 => Fault::Repeat(bytes(random)),
        _ => Fault::CutLate(random.random_range(0..20_000)),
    }
}

async fn connect(client: TcpStream, upstream: SocketAddr, fault: Fault) {
    if matches!(fault, Fault::Refuse) {
        return;
    }
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let delay = if let Fault::Delay(delay) = fault { delay } else { Duration::ZERO };
    let request_ends = if let Fault::CutRequest(bytes) = fault { bytes } else { usize::MAX };
    let answer_ends = match fault {
        Fault::CutAnswer(bytes) | Fault::CutLate(bytes) | Fault::Repeat(bytes) => bytes,
        Fault::Refuse | Fault::CutRequest(_) | Fault::Delay(_) => usize::MAX,
    };
    let mut sent = Vec::new();
    let kept = matches!(fault, Fault::Repeat(_)).then_some(&mut sent);
    // Whichever side is cut or ends, both are over.
    tokio::select! {
        () = pump(&mut from_client, &mut to_server, request_ends, delay, kept) => {}
        () = pump(&mut from_server, &mut to_client, answer_ends, delay, None) => {}
    }
    drop((from_client, to_client, from_server, to_server));
    if matches!(fault, Fault::Repeat(_)) && sent.len() < MOST_REPEATED {
        repeat(&sent, upstream).await;
    }
}

async fn pump(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    most: usize,
    delay: Duration,
    mut kept: Option<&mut Vec<u8>>,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0;
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 {
            return;
        }
        tokio::time::sleep(delay).await;
        let length = read.min(most - passed);
        if let Some(kept) = &mut kept
            && kept.len() < MOST_REPEATED
        {
            kept.extend_from_slice(&buffer[..length]);
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
        passed += length;
        if passed == most {
            return;
        }
    }
}

/// Sends it again, and reads what is answered without a use for it, until nothing more comes for a while.
async fn repeat(sent: &[u8], upstream: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(upstream).await else { return };
    let (mut answers, mut requests) = server.split();
    let mut buffer = vec![0; 16 * 1024];
    let reading = async {
        while let Ok(Ok(1..)) = tokio::time::timeout(Duration::from_secs(2), answers.read(&mut buffer)).await {}
    };
    let writing = async { requests.write_all(sent).await };
    let _ = tokio::join!(reading, writing);
}
