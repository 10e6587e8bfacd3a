//! Logos: what a person uploads is decoded within limits and written anew as a small PNG, so that nothing of the file itself is ever handed out.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, Limits, imageops::FilterType};
use model::{error::HubError, id::ApplicationId, view::Actor};
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::hub::{Hub, Result, internal};

/// Bytes of an uploaded logo at most.
pub const LARGEST_LOGO: usize = 2 * 1024 * 1024;
/// Pixels of an uploaded logo's side at most.
const LONGEST_SIDE: u32 = 4096;
/// Pixels of the side of the picture that is kept.
const KEPT_SIDE: u32 = 128;
/// What decoding may take; 4096 x 4096 pixels of four bytes, and as much again.
const MOST_MEMORY: u64 = 128 * 1024 * 1024;

impl Hub {
    /// Gives an application's draft a logo.
    pub async fn set_application_logo(&self, actor: &Actor, id: &ApplicationId, bytes: Vec<u8>) -> Result<()> {
        // Before the work is done for somebody who may not ask for it.
        self.editable_draft(actor, id).await?;
        let read = tokio::task::spawn_blocking(move || small_png(&bytes)).await.map_err(internal)?;
        let picture = read.map_err(|message| HubError::invalid("logo", message))?;
        let digest = hex::encode(Sha256::digest(&picture));
        let sql = "insert into application_logo (digest, picture, created_at) values ($1, $2, $3) on conflict (digest) do nothing";
        sqlx::query(sql)
            .bind(digest.as_str())
            .bind(picture)
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        self.change_draft(actor, id, None, None, move |definition| {
            definition.logo = Some(digest);
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// A logo's picture (PNG), by its digest.
    pub async fn application_logo(&self, digest: &str) -> Result<Vec<u8>> {
        let sql = "select picture from application_logo where digest = $1";
        let row = sqlx::query(sql).bind(digest).fetch_optional(self.database().reader()).await.map_err(internal)?;
        row.ok_or_else(|| HubError::not_found("logo"))?.try_get("picture").map_err(internal)
    }
}

/// The picture as a PNG that fits into a small square, or why it is none.
fn small_png(bytes: &[u8]) -> std::result::Result<Vec<u8>, String> {
    const NO_PICTURE: &str = "This is not a picture that can be shown. Choose a PNG, JPEG or WebP file.";
    if bytes.len() > LARGEST_LOGO {
        return Err("The file is larger than 2 MiB. Choose a smaller picture.".to_owned());
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| NO_PICTURE.to_owned())?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)) {
        return Err(NO_PICTURE.to_owned());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| match error {
        image::ImageError::Limits(_) => {
            format!("The picture has more than {LONGEST_SIDE} pixels on a side. Choose a smaller one.")
        }
        _ => "The picture is broken. Save it again as PNG, JPEG or WebP.".to_owned(),
    })?;
    let small = if picture.width() > KEPT_SIDE || picture.height() > KEPT_SIDE {
        picture.resize(KEPT_SIDE, KEPT_SIDE, FilterType::CatmullRom)
    } else {
        picture
    };
    // Eight bits a colour, whatever it came with.
    let small = DynamicImage::ImageRgba8(small.into_rgba8());
    let mut png = Cursor::new(Vec::new());
    small
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|_| "The picture can’t be written anew. Choose another one.".to_owned())?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).expect("writes");
        bytes.into_inner()
    }

    #[test]
    fn a_picture_becomes_a_small_png_in_its_proportions() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let small = small_png(&written(600, 300, format)).expect("is a picture");
            let read = image::load_from_memory_with_format(&small, ImageFormat::Png).expect("a PNG");
            assert_eq!((read.width(), read.height()), (128, 64));
        }
        let small = small_png(&written(16, 16, ImageFormat::Png)).expect("is a picture");
        assert_eq!(image::load_from_memory(&small).expect("a PNG").width(), 16, "it is not blown up");
    }

    #[test]
    fn what_is_no_picture_is_refused_with_what_to_do() {
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
        for wrong in [&b""[..], svg, b"GIF89a\x01\x00\x01\x00", b"%PDF-1.7"] {
            assert!(small_png(wrong).expect_err("is refused").contains("PNG, JPEG or WebP"));
        }
        let mut broken = written(64, 64, ImageFormat::Png);
        broken.truncate(60);
        assert!(small_png(&broken).expect_err("is refused").contains("broken"));
        let told = small_png(&written(5000, 2, ImageFormat::Png)).expect_err("is refused");
        assert!(told.contains("4096"), "{told}");
        assert!(small_png(&vec![0; LARGEST_LOGO + 1]).expect_err("is refused").contains("2 MiB"));
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        // A PNG that says it has 60 000 x 60 000 pixels.
        let mut bomb = written(1, 1, ImageFormat::Png);
        bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        let mut checksum = u32::MAX;
        for byte in &bomb[12..29] {
            checksum ^= u32::from(*byte);
            for _ in 0..8 {
                checksum = if checksum & 1 == 1 { (checksum >> 1) ^ 0xedb8_8320 } else { checksum >> 1 };
            }
        }
        bomb[29..33].copy_from_slice(&(!checksum).to_be_bytes());
        let told = small_png(&bomb).expect_err("is refused");
        assert!(told.contains("4096"), "{told}");
    }
}
