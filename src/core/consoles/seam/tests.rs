use super::*;
use proptest::prelude::*;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn lines(from: usize, to: usize) -> Vec<u8> {
    (from..to)
        .flat_map(|n| format!("line {n}\r\n").into_bytes())
        .collect()
}

#[test]
fn a_guest_that_is_silent_begins_where_its_log_ends() {
    let mut seam = Seam::new(b"", ms(0));
    seam.log(b"login: ", ms(1));
    assert_eq!(seam.find(ms(500)), Found::NotYet, "QEMU may not have noticed");
    assert_eq!(seam.find(ms(1_600)), Found::At(7));
    assert_eq!(
        seam.close(7),
        Closed {
            log: b"login: ".to_vec(),
            stream: vec![],
            ahead: 0
        }
    );
}

#[test]
fn what_only_the_log_has_is_shown_once_and_what_both_have_too() {
    let mut seam = Seam::new(b"", ms(0));
    let whole = lines(0, 300);
    seam.log(&lines(0, 200), ms(10));
    assert_eq!(seam.show(), lines(0, 200));
    // QEMU noticed at line 150; the log lags behind the stream.
    seam.stream(&lines(150, 300), ms(20));
    let Found::At(before) = seam.find(ms(21)) else {
        seam.log(&lines(200, 300), ms(30));
        let Found::At(before) = seam.find(ms(31)) else {
            panic!("it is told")
        };
        assert_eq!(before, lines(0, 150).len());
        let closed = seam.close(before);
        let shown = [lines(0, 200), closed.log, closed.stream].concat();
        assert_eq!(shown, whole);
        return;
    };
    panic!("found too early: {before}");
}

#[test]
fn a_log_that_is_ahead_leaves_something_to_skip() {
    let mut seam = Seam::new(b"", ms(0));
    seam.log(&lines(0, 400), ms(10));
    let stream = lines(100, 300);
    seam.stream(&stream, ms(20));
    let Found::At(before) = seam.find(ms(21)) else {
        panic!("it is told")
    };
    let closed = seam.close(before);
    assert_eq!(closed.log, lines(0, 400));
    assert_eq!((closed.stream, closed.ahead), (vec![], lines(300, 400).len()));
}

#[test]
fn the_same_line_for_ever_is_told_by_counting() {
    let mut seam = Seam::new(b"", ms(0));
    let same = b"yyyy\r\n".repeat(100);
    seam.log(&same, ms(10));
    seam.stream(&same[..60], ms(20));
    assert_eq!(seam.find(ms(30)), Found::NotYet);
    assert_eq!(seam.find(ms(90)), Found::At(540), "quiet: both end at one moment");
}

#[test]
fn a_flood_of_the_same_line_is_settled_after_a_while() {
    let mut seam = Seam::new(b"", ms(0));
    let same = b"yyyy\r\n".repeat(1_000);
    seam.log(&same, ms(4_100));
    seam.stream(&same[..3_000], ms(10));
    seam.stream(&same[..60], ms(4_100));
    let Found::At(before) = seam.find(ms(4_120)) else {
        panic!("it ends")
    };
    assert_eq!(before, 6_000 - 3_060, "as if both ended now");
}

#[test]
fn a_stream_that_began_before_attaching_is_joined() {
    // The last client left at line 50, QEMU did not notice, and this one came at line 100.
    let mut seam = Seam::new(&lines(0, 100), ms(0));
    seam.log(&lines(100, 200), ms(10));
    seam.stream(&lines(50, 180), ms(20));
    assert_eq!(
        seam.find(ms(21)),
        Found::NotYet,
        "the guest may have written it twice"
    );
    seam.stream(&lines(180, 230), ms(30));
    let Found::At(before) = seam.find(ms(31)) else {
        panic!("it is told")
    };
    let closed = seam.close(before);
    assert_eq!(closed.log, lines(100, 200), "history was shown");
    assert_eq!((closed.stream, closed.ahead), (lines(200, 230), 0));
}

#[test]
fn leftovers_of_the_last_client_are_told_from_what_is_new() {
    // It left at line 50, QEMU noticed at line 90, and noticed this one at line 150.
    let mut seam = Seam::new(&lines(0, 100), ms(0));
    seam.log(&lines(100, 300), ms(10));
    seam.stream(&lines(50, 90), ms(20));
    seam.stream(&lines(150, 290), ms(1_000));
    assert_eq!(seam.find(ms(1_001)), Found::NotYet);
    let Found::At(before) = seam.find(ms(2_100)) else {
        panic!("it is told")
    };
    let closed = seam.close(before);
    assert_eq!(closed.log, lines(100, 300));
    assert_eq!((closed.stream, closed.ahead), (vec![], lines(290, 300).len()));
}

#[test]
fn leftovers_alone_are_not_shown_again_and_eat_nothing_of_what_comes() {
    let mut seam = Seam::new(&lines(0, 100), ms(0));
    seam.stream(&lines(50, 53), ms(20));
    assert_eq!(seam.find(ms(1_000)), Found::NotYet);
    let Found::At(before) = seam.find(ms(2_100)) else {
        panic!("it is told")
    };
    let closed = seam.close(before);
    assert_eq!((closed.log, closed.stream, closed.ahead), (vec![], vec![], 0));
}

#[test]
fn what_the_guest_writes_again_is_shown_again() {
    // The same command twice; the log is slower than the stream.
    let mut seam = Seam::new(&[lines(0, 100), b"$ again\r\n".to_vec()].concat(), ms(0));
    seam.stream(&lines(0, 90), ms(20));
    assert_eq!(seam.find(ms(21)), Found::NotYet);
    seam.stream(&lines(90, 100), ms(22));
    seam.log(&lines(0, 100), ms(23));
    let Found::At(before) = seam.find(ms(90)) else {
        panic!("it is told")
    };
    let closed = seam.close(before);
    let shown = [closed.log, closed.stream].concat();
    assert_eq!((shown, closed.ahead), (lines(0, 100), 0));
}

proptest! {
    /// However the bytes come in pieces: shown once, all of them, in order.
    #[test]
    fn nothing_is_doubled_or_lost(
        before in 0usize..300,
        after in 0usize..600,
        attached in 0usize..400,
        steps in proptest::collection::vec((0usize..900, 0usize..900), 1..30),
    ) {
        let whole = lines(0, before + after);
        let live = lines(0, before).len();
        // The stream may begin before or after what was read before attaching.
        let read = lines(0, attached.min(before + after)).len();
        let (mut read, mut got, mut now) = (read, live, ms(0));
        let mut seam = Some(Seam::new(&whole[..read], now));
        let (mut shown, mut ahead) = (whole[..read].to_vec(), 0);
        // As the guest writes, log and stream follow at their own pace; then both catch up.
        let pace = steps.into_iter().chain([(whole.len(), whole.len()), (0, 0)]);
        for (logged, streamed) in pace {
            now += if logged + streamed == 0 { ms(2_000) } else { ms(20) };
            let more = (read + logged).min(whole.len());
            let came = whole[got..(got + streamed).min(whole.len())].to_vec();
            got += came.len();
            let Some(mut search) = seam.take() else {
                let skipped = ahead.min(came.len());
                ahead -= skipped;
                shown.extend(&came[skipped..]);
                continue;
            };
            search.log(&whole[read..more], now);
            search.stream(&came, now);
            read = more;
            shown.extend(search.show());
            // A quiet moment in the middle of a flood is not one.
            let still = now + if read == whole.len() && got == whole.len() { ms(100) } else { ms(0) };
            match search.find(still) {
                Found::At(found) => {
                    let closed = search.close(found);
                    shown.extend(closed.log);
                    shown.extend(closed.stream);
                    ahead = closed.ahead;
                }
                Found::NotYet => seam = Some(search),
            }
        }
        if seam.is_none() {
            prop_assert_eq!(String::from_utf8(shown), String::from_utf8(whole));
        } else {
            prop_assert!(false, "the seam was never found");
        }
    }
}
