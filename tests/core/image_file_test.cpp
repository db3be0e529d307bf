// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/image_file.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "core/file_helpers.hpp"
#include "core/pictures.hpp"

namespace bnas {
namespace {

using ::testing::HasSubstr;

Bytes gradient(int width, int height, int channels) {
  Bytes pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        pixels.push_back(static_cast<std::uint8_t>(y * 9 + x * 5 + c * 40));
      }
    }
  }
  return pixels;
}

std::string refusal(const Bytes& file, const ImageLimits& limits = {}) {
  const Error error = error_of([&] { decode_image(file, 3, "picture", limits); });
  EXPECT_EQ(error.kind(), ErrorKind::bad_data);
  EXPECT_THAT(error.what(), HasSubstr("bad image picture: "));
  return error.what();
}

TEST(ImageFile, PngIsExact) {
  const Bytes rgb = gradient(7, 5, 3), grey = gradient(7, 5, 1);
  const Image color = decode_image(png_file(7, 5, PNG_FORMAT_RGB, rgb), 3, "a");
  EXPECT_EQ(color.width, 7);
  EXPECT_EQ(color.height, 5);
  EXPECT_EQ(color.pixels, rgb);
  EXPECT_EQ(decode_image(png_file(7, 5, PNG_FORMAT_GRAY, grey), 1, "a").pixels, grey);
  // Grey pictures asked for in colour have three equal channels.
  const Image widened = decode_image(png_file(7, 5, PNG_FORMAT_GRAY, grey), 3, "a");
  for (std::size_t i = 0; i < grey.size(); ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      EXPECT_EQ(widened.pixels[3 * i + c], grey[i]);
    }
  }
}

TEST(ImageFile, TransparentPixelsLieOnBlack) {
  const Image image = decode_image(png_file(2, 1, PNG_FORMAT_RGBA, {200, 100, 50, 255, 200, 100, 50, 0}), 3, "a");
  EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{200, 100, 50, 0, 0, 0}));
}

TEST(ImageFile, JpegIsNear) {
  const Bytes rgb = gradient(16, 8, 3);
  const Image image = decode_image(jpeg_file(16, 8, rgb), 3, "a");
  ASSERT_EQ(image.pixels.size(), rgb.size());
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    EXPECT_NEAR(image.pixels[i], rgb[i], 4) << i;  // rounding of the colour transform, the DCT and its quantization
  }
  // Luma of ITU-R BT.601: 0.299 red + 0.587 green + 0.114 blue.
  const Image grey = decode_image(jpeg_file(16, 8, rgb), 1, "a");
  for (std::size_t i = 0; i < grey.pixels.size(); ++i) {
    EXPECT_NEAR(grey.pixels[i], 0.299 * rgb[3 * i] + 0.587 * rgb[3 * i + 1] + 0.114 * rgb[3 * i + 2], 3);
  }
}

TEST(ImageFile, ClaimedSizesAreRefusedBeforeTheyAreAllocated) {
  Bytes png = png_file(2, 2, PNG_FORMAT_GRAY, {1, 2, 3, 4});
  for (std::size_t i = 16; i < 24; ++i) {  // width and height in IHDR; its CRC is then wrong too
    png[i] = i % 4 < 2 ? 0 : 0xff;
  }
  refusal(png);
  Bytes jpeg = jpeg_file(8, 8, Bytes(192, 7));
  const Bytes frame = {0xff, 0xc0, 0x00, 0x11, 0x08};  // SOF0; height and width follow
  const auto at = std::search(jpeg.begin(), jpeg.end(), frame.begin(), frame.end());
  ASSERT_NE(at, jpeg.end());
  std::fill_n(at + 5, 4, 0xfe);
  EXPECT_THAT(refusal(jpeg), HasSubstr("found 65278x65278"));
  const Bytes wide = png_file(9, 2, PNG_FORMAT_GRAY, gradient(9, 2, 1));
  EXPECT_THAT(refusal(wide, {.side = 8}), HasSubstr("found 9x2"));
  EXPECT_THAT(refusal(wide, {.pixels = 17}), HasSubstr("at most 17 pixels"));
  EXPECT_THAT(refusal(wide, {.file_bytes = 20}), HasSubstr("at most 20 bytes"));
  EXPECT_EQ(decode_image(wide, 1, "a", {.side = 9, .pixels = 18}).width, 9);
}

TEST(ImageFile, EveryPrefixAndEveryFlippedByteIsAnErrorOrAPicture) {
  for (const Bytes& file : {png_file(6, 4, PNG_FORMAT_RGB, gradient(6, 4, 3)), jpeg_file(8, 8, gradient(8, 8, 3))}) {
    const Image whole = decode_image(file, 3, "a");
    int refused = 0;
    for (std::size_t length = 0; length < file.size(); ++length) {
      try {  // what follows the last row is not needed
        EXPECT_EQ(decode_image(std::span(file).first(length), 3, "a").pixels, whole.pixels) << length;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::bad_data);
        ++refused;
      }
    }
    EXPECT_GT(refused, static_cast<int>(file.size()) - 20);
    for (std::size_t i = 0; i < file.size(); ++i) {
      for (const std::uint8_t flip : {0x01, 0x80, 0xff}) {
        Bytes damaged = file;
        damaged[i] ^= flip;
        try {
          decode_image(damaged, 3, "a");
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::bad_data);
        }
      }
    }
  }
  EXPECT_THAT(refusal(to_bytes("GIF89a")), HasSubstr("neither's first bytes"));
  refusal({});
}

/// The mean over the area that a pixel covers, by sampling a grid that divides both sizes.
std::vector<std::uint8_t> sampled(const Image& image, int side) {
  const int from = std::min(image.height, image.width);
  const int top = (image.height - from) / 2, left = (image.width - from) / 2;
  std::vector<std::uint8_t> out;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      for (int c = 0; c < image.channels; ++c) {
        double sum = 0.0;
        for (int r = y * from; r < (y + 1) * from; ++r) {  // in units of 1/side of a pixel
          for (int s = x * from; s < (x + 1) * from; ++s) {
            const int pixel = (top + r / side) * image.width + left + s / side;
            sum += image.pixels[static_cast<std::size_t>(pixel * image.channels + c)];
          }
        }
        out.push_back(static_cast<std::uint8_t>(std::floor(sum / (from * from) + 0.5)));
      }
    }
  }
  return out;
}

// Smaller, equal, larger; sizes that divide and sizes that do not; wide and high pictures, whose rims are cut off.
TEST(ImageFile, ResizingAveragesAreas) {
  for (const auto& [width, height] : {std::pair(7, 7), std::pair(9, 4), std::pair(5, 8), std::pair(1, 1)}) {
    for (const int channels : {1, 3}) {
      const Image image{height, width, channels, gradient(width, height, channels)};
      for (const int side : {1, 2, 3, 4, 7, 10}) {
        const Image out = resized_square(image, side);
        EXPECT_EQ(out.height, side);
        EXPECT_EQ(out.width, side);
        EXPECT_EQ(out.pixels, sampled(image, side)) << width << "x" << height << " to " << side;
      }
    }
  }
}

}  // namespace
}  // namespace bnas
