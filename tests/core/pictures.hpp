// SPDX-License-Identifier: Apache-2.0
// PNG and JPEG files of known pixels, made by the formats' own libraries.
#pragma once

#include <gtest/gtest.h>
#include <png.h>
#include <turbojpeg.h>

#include "bnas/core/data/image_file.hpp"
#include "bnas/core/io/file.hpp"

namespace bnas {

/// `format` of png.h: what the pixels are.
inline Bytes png_file(int width, int height, png_uint_32 format, const Bytes& pixels) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(height);
  png.format = format;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(png);
  Bytes file(bytes);
  EXPECT_NE(png_image_write_to_memory(&png, file.data(), &bytes, 0, pixels.data(), 0, nullptr), 0) << png.message;
  file.resize(bytes);
  return file;
}

/// Colours without subsampling.
inline Bytes jpeg_file(int width, int height, const Bytes& rgb, int quality = 100) {
  tjhandle encoder = tjInitCompress();
  unsigned char* out = nullptr;
  unsigned long bytes = 0;
  EXPECT_EQ(tjCompress2(encoder, rgb.data(), width, 0, height, TJPF_RGB, &out, &bytes, TJSAMP_444, quality,
                        TJFLAG_ACCURATEDCT),
            0);
  Bytes file(out, out + bytes);
  tjFree(out);
  tjDestroy(encoder);
  return file;
}

}  // namespace bnas
