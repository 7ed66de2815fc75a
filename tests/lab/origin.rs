//! The servers of the internet: one for clinical work, one for everything else, each with a thread of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use crate::tally::Tally;
use crate::tunnel::ZEROS;
use crate::world::{CLINIC, PORT, SOCIAL};

/// A burst of staff connects within a second.
const BACKLOG: u32 = 16_384;
/// Read at a time.
const PIECE: usize = 1 << 15;
/// Of a question's line: four numbers.
const LINE: u64 = 100;

/// Serves until standard input ends, then writes who sent how much to a file.
pub fn serve(to: &Path) -> io::Result<()> {
    let tally = Arc::new(Mutex::new(Tally::new()));
    let (ready, opened) = std::sync::mpsc::channel();
    for address in [CLINIC, SOCIAL] {
        let (tally, ready) = (Arc::clone(&tally), ready.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(listen(address, &tally, &ready)).unwrap();
        });
    }
    for _ in 0..2 {
        opened.recv().map_err(io::Error::other)?;
    }
    println!("ready");
    io::copy(&mut io::stdin(), &mut io::sink())?;
    let tally = tally.lock().unwrap();
    std::fs::write(to, serde_json::to_vec(&*tally)?)
}

async fn listen(address: Ipv4Addr, tally: &Arc<Mutex<Tally>>, ready: &std::sync::mpsc::Sender<()>) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((address, PORT)))?;
    let listener = socket.listen(BACKLOG)?;
    let _ = ready.send(());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let tally = Arc::clone(tally);
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    // A client that goes away in the middle is no fault of the server.
                    let _ = answer(stream, &tally).await;
                });
            }
            Err(error) => eprintln!("accept: {error}"),
        }
    }
}

async fn answer(stream: TcpStream, tally: &Mutex<Tally>) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(PIECE, stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut stream).take(LINE).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let line = std::str::from_utf8(&line).map_err(io::Error::other)?;
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or_else(|| io::Error::other("no question"));
        let (who, mut up, think, mut down) = (next()? as u32, next()?, next()?, next()?);
        while up > 0 {
            let came = stream.fill_buf().await?.len().min(up as usize);
            if came == 0 {
                return Ok(());
            }
            stream.consume(came);
            tally.lock().unwrap().add(who, came);
            up -= came as u64;
        }
        if think > 0 {
            tokio::time::sleep(Duration::from_micros(think)).await;
        }
        while down > 0 {
            let piece = (down as usize).min(ZEROS.len());
            stream.write_all(&ZEROS[..piece]).await?;
            down -= piece as u64;
        }
    }
}
