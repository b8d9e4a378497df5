//! What a busy guest costs: `cargo bench --bench console`.
//!
//! From bytes to drawn cells, one frame per 64 KiB, for a kernel's log (plain lines) and for
//! programs that redraw the screen (recorded htop, top, vim, mc, tmux). Memory of a full history is
//! printed once.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a benchmark prints, and stops at the first surprise"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use twarga::front::tui::console::{Colours, Direction, Emulator, Paint, SCROLLBACK, TerminalSize, draw};

/// Bytes between two frames.
const FRAME: usize = 64 * 1024;
const INPUT: usize = 4 * 1024 * 1024;
const SIZE: TerminalSize = TerminalSize {
    columns: 80,
    rows: 24,
};
const PAINT: Paint = Paint {
    ground: Style::new(),
    colours: Colours::Shown,
};

/// Lines as a kernel writes them at boot.
fn kernel_log() -> Vec<u8> {
    let mut log = String::new();
    for n in 0.. {
        if log.len() >= INPUT {
            break;
        }
        let (seconds, micros) = (n / 400, n * 2_503 % 1_000_000);
        write!(log, "[{seconds:5}.{micros:06}] ").unwrap();
        log.push_str(match n % 4 {
            0 => "pci 0000:00:02.0: BAR 0: assigned [mem 0xfe000000-0xfe000fff]\r\n",
            1 => "virtio_blk virtio1: [vda] 41943040 512-byte logical blocks (21.5 GB/20.0 GiB)\r\n",
            2 => "EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.\r\n",
            _ => "systemd[1]: Started OpenBSD Secure Shell server.\r\n",
        });
    }
    log.into_bytes()
}

/// What programs that fill the screen wrote, again and again.
fn redraws() -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/terminal");
    let one: Vec<u8> = ["htop", "top", "vim", "mc", "tmux"]
        .iter()
        .flat_map(|name| fs::read(format!("{folder}/{name}.bin")).unwrap())
        .collect();
    one.iter().copied().cycle().take(INPUT).collect()
}

/// Memory of this process that is in use, MB (`proc(5)`).
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kib: usize = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kib * 1024 / 1_000_000
}

fn memory() {
    let line = format!("{}\r\n", "x".repeat(79)).repeat(10_100);
    let before = resident();
    let mut emulators: Vec<Emulator> = (0..10).map(|_| Emulator::new(SIZE, SCROLLBACK)).collect();
    for emulator in &mut emulators {
        emulator.feed(line.as_bytes());
    }
    let lines = emulators[0].history_len();
    eprintln!(
        "a console with {lines} lines of history: {} MB",
        (resident() - before) / 10
    );
}

fn bytes_to_cells(criterion: &mut Criterion) {
    memory();
    let mut group = criterion.benchmark_group("bytes to drawn cells");
    group.throughput(Throughput::Bytes(INPUT as u64));
    for (name, input) in [("kernel log", kernel_log()), ("full-screen redraws", redraws())] {
        let mut emulator = Emulator::new(SIZE, SCROLLBACK);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for piece in input.chunks(FRAME) {
                    emulator.feed(piece);
                    black_box(draw(&emulator, buffer.area, &mut buffer, &PAINT));
                }
            });
        });
    }
    group.finish();
}

fn one_frame(criterion: &mut Criterion) {
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut emulator = Emulator::new(TerminalSize { columns, rows }, SCROLLBACK);
        emulator.feed(&redraws()[..FRAME]);
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        criterion.bench_function(&format!("frame of {columns}x{rows}"), |bencher| {
            bencher.iter(|| black_box(draw(&emulator, buffer.area, &mut buffer, &PAINT)));
        });
    }
}

fn searching(criterion: &mut Criterion) {
    let mut emulator = Emulator::new(SIZE, SCROLLBACK);
    emulator.feed(&kernel_log());
    criterion.bench_function("search through 10,000 lines in vain", |bencher| {
        bencher.iter(|| black_box(emulator.search("no such words", Direction::Backward)));
    });
}

fn resizing(criterion: &mut Criterion) {
    let mut emulator = Emulator::new(SIZE, SCROLLBACK);
    emulator.feed(&kernel_log());
    let mut columns = 80;
    criterion.bench_function("breaking 10,000 lines anew", |bencher| {
        bencher.iter(|| {
            columns = if columns == 80 { 79 } else { 80 };
            emulator.resize(TerminalSize { columns, rows: 24 });
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = bytes_to_cells, one_frame, searching, resizing
}
criterion_main!(benches);
