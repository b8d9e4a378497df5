//! Zstandard files: frames one after the other (RFC 8878), each with its checksum.

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, Read};

/// A reader of all frames of a file.
pub struct Zst<R> {
    source: R,
    decoder: FrameDecoder,
    inside: bool,
    frames: u64,
}

impl<R: BufRead> Zst<R> {
    /// A reader that gives no frame more than `memory` bytes to remember.
    pub fn new(source: R, memory: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(memory);
        Self {
            source,
            decoder,
            inside: false,
            frames: 0,
        }
    }

    /// Goes to the next frame; `false` at the end of the file.
    fn enter(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.frames += 1;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.source.by_ref().take(u64::from(length));
                    if io::copy(&mut skipped, &mut io::sink())? < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                    return Err(io::ErrorKind::OutOfMemory.into());
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        match self.frames {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(false),
        }
    }

    /// The frame's last word about its bytes, where it has one.
    fn check(&self) -> io::Result<()> {
        let told = self.decoder.get_checksum_from_data();
        match told.is_some() && told != self.decoder.get_calculated_checksum() {
            true => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its checksum is wrong",
            )),
            false => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Zst<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.inside {
                if !self.enter()? {
                    return Ok(0);
                }
                self.inside = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                // One block at a time: what is decoded ahead is bounded by the window.
                let blocks = BlockDecodingStrategy::UptoBlocks(1);
                (self.decoder.decode_blocks(&mut self.source, blocks)).map_err(io::Error::other)?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            if self.decoder.is_finished() {
                self.check()?;
                self.inside = false;
            }
        }
    }
}
