// SPDX-License-Identifier: Apache-2.0
// PNG and JPEG files as bytes of one size.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bnas {

/// What the decoders accept: sizes are checked before anything of them is allocated.
struct ImageLimits {
  std::uint64_t file_bytes = std::uint64_t{64} << 20U;
  int side = 16'384;
  std::int64_t pixels = std::int64_t{64} << 20U;
};

/// 8 bits per channel, (H,W,C).
struct Image {
  int height = 0;
  int width = 0;
  int channels = 0;
  std::vector<std::uint8_t> pixels;
};

/// Decodes a PNG or a JPEG, told by its first bytes, to 1 (grey) or 3 (red, green, blue) channels. Transparent pixels
/// are laid on black. Anything damaged, of another format or beyond `limits` is a `bad_data` Error naming `source`.
Image decode_image(std::span<const std::uint8_t> file, int channels, const std::string& source,
                   const ImageLimits& limits = {});

/// The centre square of `image` as side x side pixels, each the mean of the area that it covers, rounded half up.
/// Integer arithmetic: the same bytes everywhere.
Image resized_square(const Image& image, int side);

}  // namespace bnas
