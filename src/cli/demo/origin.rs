//! The origins behind the link: a server for clinical work, and one each for video, pages and photos.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::ask::{ZEROS, piece};
use super::diary::Diary;
use super::link::{Link, Port};

/// Of a question's line: four numbers.
const LINE: u64 = 100;
/// Before the next accept, when one failed for want of descriptors.
const AGAIN: Duration = Duration::from_millis(10);

/// A server, as clients know it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its name, by which the gateway tells its category.
    pub name: &'static str,
    /// Where the link begins that leads to it.
    pub port: Port,
}

/// All of them. Dropped, they close.
#[derive(Debug)]
pub struct Origins {
    /// Referrals, look-ups.
    pub clinic: Origin,
    /// Segments of video.
    pub video: Origin,
    /// Pages with what is on them.
    pub pages: Origin,
    /// Takes photos.
    pub photos: Origin,
    _serving: JoinSet<()>,
}

impl Origins {
    /// Opens all of them, each with a port of the link's.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn open(link: &mut Link, diary: &Arc<Diary>) -> io::Result<Origins> {
        let mut serving = JoinSet::new();
        let mut origins = Vec::new();
        for name in ["clinic.wales.nhs.uk", "video.social.example", "www.news.example", "photos.social.example"] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address: SocketAddr = listener.local_addr()?;
            serving.spawn(serve(listener, Arc::clone(diary)));
            origins.push(Origin { name, port: link.open(address)? });
        }
        let [clinic, video, pages, photos] =
            <[Origin; 4]>::try_from(origins).map_err(|_| io::Error::other("not four origins"))?;
        Ok(Origins { clinic, video, pages, photos, _serving: serving })
    }

    /// All of them, for the gateway's files.
    pub fn all(&self) -> [&Origin; 4] {
        [&self.clinic, &self.video, &self.pages, &self.photos]
    }
}

async fn serve(listener: TcpListener, diary: Arc<Diary>) {
    let mut answering = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let diary = Arc::clone(&diary);
                    // A client that goes away in the middle is no fault of the server.
                    answering.spawn(async move { drop(answer(stream, &diary).await) });
                }
                Err(error) => {
                    tracing::debug!(%error, "an origin cannot accept");
                    tokio::time::sleep(AGAIN).await;
                }
            },
            Some(_) = answering.join_next() => {}
        }
    }
}

async fn answer(stream: TcpStream, diary: &Diary) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(ZEROS.len(), stream);
    let mut line = String::new();
    loop {
        line.clear();
        if (&mut stream).take(LINE).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let (who, mut up, think, mut down) = question(&line).ok_or_else(|| io::Error::other("no question"))?;
        while up > 0 {
            let came = stream.fill_buf().await?.len().min(piece(up));
            if came == 0 {
                return Ok(());
            }
            stream.consume(came);
            diary.went(who, came);
            up -= came as u64;
        }
        if think > 0 {
            tokio::time::sleep(Duration::from_micros(think)).await;
        }
        while down > 0 {
            let sent = stream.write(&ZEROS[..piece(down)]).await?;
            down -= sent as u64;
        }
    }
}

/// Who asks, the bytes of the question, how long to think in microseconds, and the bytes of the answer.
fn question(line: &str) -> Option<(usize, u64, u64, u64)> {
    let mut words = line.split_whitespace();
    let who = words.next()?.parse().ok()?;
    let mut number = || words.next()?.parse::<u64>().ok();
    Some((who, number()?, number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_four_numbers() {
        assert_eq!(question("7 517 0 3000\n"), Some((7, 517, 0, 3000)));
        for line in ["", "7 517 0\n", "7 x 0 3000\n", "-1 0 0 0\n"] {
            assert_eq!(question(line), None, "{line:?}");
        }
    }
}
