//! Bodies frame by frame.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Mutex;

use futures_util::StreamExt;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use jiff::tz::TimeZone;

use super::*;
use crate::base::{Calendar, TubeId};
use crate::tube::{Driver, Limit, Link, ShareBy, Sharer, Spec, Tube, Tubes};

#[derive(Default)]
struct Counts {
    moved: Mutex<u64>,
    ended: Mutex<Vec<Result<(), Fault>>>,
}

impl Tally for Counts {
    fn moved(&self, _: Direction, bytes: u64, _: Duration) {
        *self.moved.lock().unwrap() += bytes;
    }

    fn ended(&self, _: Direction, result: Result<(), Fault>) {
        self.ended.lock().unwrap().push(result);
    }
}

struct World {
    tubes: Tubes,
    counts: Arc<Counts>,
    _driver: Driver,
}

impl World {
    fn new() -> World {
        let rate = "16 Mbit/s".parse().ok();
        let tube = Tube {
            id: TubeId::from("web"),
            within: None,
            priority: 1,
            ceiling: Limit { down: rate, up: rate },
            floor: Limit::default(),
            share_by: ShareBy::Client,
            flows: None,
            egress: None,
            peak: Vec::new(),
        };
        let calendar = Calendar { zone: TimeZone::UTC, bank_holidays: [].into() };
        let spec = Spec { link: Link::default(), tubes: vec![tube] };
        let tubes = Tubes::new(&spec, &calendar, "2026-11-24T12:30:00Z".parse().unwrap());
        let driver = tubes.drive(|| None).unwrap();
        World { tubes, counts: Arc::default(), _driver: driver }
    }

    fn course(&self, direction: Direction) -> Course<fn()> {
        let who = Sharer { client: IpAddr::from([127, 0, 0, 1]), user: None };
        Course {
            pass: Arc::new(self.tubes.admit(&TubeId::from("web"), who).unwrap()),
            tally: Arc::clone(&self.counts) as Arc<dyn Tally>,
            direction,
            idle: Some(Duration::from_secs(60)),
            whole: None,
        }
    }

    fn ended(&self) -> Vec<Result<(), Fault>> {
        std::mem::take(&mut *self.counts.ended.lock().unwrap())
    }
}

type Frames = Vec<Result<Frame<Bytes>, std::io::Error>>;

fn stream(frames: Frames) -> impl Body<Data = Bytes, Error = std::io::Error> + Unpin {
    StreamBody::new(futures_util::stream::iter(frames))
}

fn data(bytes: usize) -> Result<Frame<Bytes>, std::io::Error> {
    Ok(Frame::data(Bytes::from(vec![7; bytes])))
}

async fn frame<B>(body: &mut B) -> Option<Result<Frame<Bytes>, B::Error>>
where
    B: Body<Data = Bytes> + Unpin,
{
    poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}

#[tokio::test]
async fn a_large_frame_goes_on_in_pieces_and_its_size_stays_honest() {
    let world = World::new();
    let whole = Bytes::from((0..=255u8).cycle().step_by(7).take(200_000).collect::<Vec<_>>());
    let mut body = PacedBody::new(Full::new(whole.clone()), world.course(Direction::Down));
    let (mut got, mut frames) = (Vec::new(), 0);
    while !body.is_end_stream() {
        assert_eq!(body.size_hint().exact(), Some((whole.len() - got.len()) as u64));
        let frame = frame(&mut body).await.unwrap().unwrap();
        got.extend_from_slice(frame.data_ref().unwrap());
        frames += 1;
    }
    assert!(frame(&mut body).await.is_none());
    assert!(got == whole && frames > 40, "{frames}");
    drop(body);
    assert_eq!(world.ended(), [Ok(())]);
    assert_eq!(*world.counts.moved.lock().unwrap(), 200_000);
}

#[tokio::test]
async fn trailers_pass_and_an_empty_body_is_whole_without_being_read() {
    let world = World::new();
    let mut trailers = hyper::HeaderMap::new();
    trailers.insert("digest", hyper::header::HeaderValue::from_static("x"));
    let body = stream(vec![data(10), data(0), data(20_000), Ok(Frame::trailers(trailers.clone()))]);
    let whole = PacedBody::new(body, world.course(Direction::Up)).collect().await.unwrap();
    assert_eq!(whole.trailers(), Some(&trailers));
    assert_eq!(whole.to_bytes().len(), 20_010);
    assert_eq!(world.ended(), [Ok(())]);
    drop(PacedBody::new(Empty::<Bytes>::new(), world.course(Direction::Down)));
    assert_eq!(world.ended(), [Ok(())]);
}

#[tokio::test]
async fn a_body_that_does_not_come_to_its_end_says_whose_doing_it_was() {
    let world = World::new();
    let reset = |side| Fault::new(side, Reason::Reset);
    for (direction, source, taker) in
        [(Direction::Down, Side::Origin, Side::Client), (Direction::Up, Side::Client, Side::Origin)]
    {
        let broken = stream(vec![data(10), Err(std::io::ErrorKind::ConnectionReset.into())]);
        let mut body = PacedBody::new(broken, world.course(direction));
        assert!(frame(&mut body).await.unwrap().is_ok());
        assert_eq!(frame(&mut body).await.unwrap().unwrap_err().fault(direction), reset(source));
        assert!(frame(&mut body).await.is_none());
        drop(body);
        assert_eq!(world.ended(), [Err(reset(source))]);

        let mut body = PacedBody::new(stream(vec![data(10), data(10)]), world.course(direction));
        assert!(frame(&mut body).await.unwrap().is_ok());
        drop(body);
        assert_eq!(world.ended(), [Err(reset(taker))]);
    }
}

#[tokio::test]
async fn a_silence_breaks_it_off() {
    let world = World::new();
    let silent = || StreamBody::new(futures_util::stream::iter(vec![data(10)]).chain(futures_util::stream::pending()));
    let idle = Fault::new(Side::Client, Reason::Idle);
    let course = Course { idle: Some(Duration::from_millis(30)), ..world.course(Direction::Up) };
    let mut body = PacedBody::new(silent(), course);
    assert!(frame(&mut body).await.unwrap().is_ok());
    let error = frame(&mut body).await.unwrap().unwrap_err();
    assert_eq!(error.fault(Direction::Up), idle);
    drop(body);
    assert_eq!(world.ended(), [Err(idle)]);
}

#[tokio::test]
async fn a_byte_now_and_then_keeps_it_alive() {
    let world = World::new();
    // A third of what all of them take.
    let course = Course { idle: Some(Duration::from_millis(500)), ..world.course(Direction::Up) };
    let now_and_then = futures_util::stream::iter(0..30).then(async |_| {
        sleep(Duration::from_millis(50)).await;
        data(1)
    });
    let body = PacedBody::new(StreamBody::new(Box::pin(now_and_then)), course);
    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 30);
    assert_eq!(world.ended(), [Ok(())]);
}

#[tokio::test]
async fn a_body_goes_at_the_pace_of_its_tube() {
    let world = World::new();
    let from = clock::now();
    let body = Full::<Bytes>::new(Bytes::from(vec![0; 1_000_000]));
    let body = PacedBody::new(body.map_err(|never: Infallible| never), world.course(Direction::Down));
    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 1_000_000);
    // 8 Mbit at 16 Mbit/s, less the burst.
    assert!(from.elapsed() > Duration::from_millis(480), "{:?}", from.elapsed());
}
