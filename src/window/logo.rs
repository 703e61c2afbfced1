//! The program's picture: as the window's icon, and as a texture for the first-run page.

use egui::{ColorImage, Context, IconData, TextureHandle, TextureOptions};

const PNG: &[u8] = include_bytes!("../../assets/icon-512.png");

/// For the task bar. The picture is compiled in; should it not be readable, the desktop's own stands in.
pub fn icon() -> IconData {
    eframe::icon_data::from_png_bytes(PNG).unwrap_or_default()
}

/// Shrunk a good deal when drawn, hence the mipmaps.
pub fn texture(ctx: &Context) -> TextureHandle {
    let icon = icon();
    let size = [icon.width as usize, icon.height as usize];
    let image = ColorImage::from_rgba_unmultiplied(size, &icon.rgba);
    let options = TextureOptions::LINEAR.with_mipmap_mode(Some(egui::TextureFilter::Linear));
    ctx.load_texture("logo", image, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_that_is_compiled_in_can_be_read() {
        let icon = icon();
        assert_eq!((icon.width, icon.height), (512, 512));
    }
}
