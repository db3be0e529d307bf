// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/image_file.hpp"

#include <fmt/format.h>
#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <array>
#include <memory>

#include "bnas/core/error.hpp"

namespace bnas {
namespace {

using FileBytes = std::span<const std::uint8_t>;

[[noreturn]] void bad(const std::string& source, const std::string& what) {
  throw Error(ErrorKind::bad_data, fmt::format("bad image {}: {}", source, what));
}

/// An image of the size that a header claims, once that is acceptable.
Image make_image(std::int64_t width, std::int64_t height, int channels, const std::string& source,
                 const ImageLimits& limits) {
  if (width < 1 || height < 1 || width > limits.side || height > limits.side || width * height > limits.pixels) {
    bad(source, fmt::format("expected sides of 1 to {} and at most {} pixels, found {}x{}", limits.side, limits.pixels,
                            width, height));
  }
  Image image{static_cast<int>(height), static_cast<int>(width), channels, {}};
  image.pixels.resize(static_cast<std::size_t>(width * height * channels));
  return image;
}

Image decode_png(FileBytes file, int channels, const std::string& source, const ImageLimits& limits) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const auto free_png = [](png_image* p) { png_image_free(p); };
  const std::unique_ptr<png_image, decltype(free_png)> owner(&png, free_png);
  if (png_image_begin_read_from_memory(&png, file.data(), file.size()) == 0) {
    bad(source, fmt::format("damaged PNG: {}", png.message));
  }
  png.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  Image image = make_image(png.width, png.height, channels, source, limits);
  const png_color black{0, 0, 0};
  if (png_image_finish_read(&png, &black, image.pixels.data(), 0, nullptr) == 0) {
    bad(source, fmt::format("damaged PNG: {}", png.message));
  }
  return image;
}

Image decode_jpeg(FileBytes file, int channels, const std::string& source, const ImageLimits& limits) {
  const auto destroy = [](void* handle) { tjDestroy(handle); };
  const std::unique_ptr<void, decltype(destroy)> decoder(tjInitDecompress(), destroy);
  check(decoder != nullptr, "decode_jpeg", "libjpeg-turbo cannot start");
  int width = 0, height = 0, sampling = 0, color = 0;
  const auto size = static_cast<unsigned long>(file.size());
  if (tjDecompressHeader3(decoder.get(), file.data(), size, &width, &height, &sampling, &color) != 0) {
    bad(source, fmt::format("damaged JPEG: {}", tjGetErrorStr2(decoder.get())));
  }
  Image image = make_image(width, height, channels, source, limits);
  // A warning means that part of the picture is guessed; thousands of scans would decode one pixel again and again.
  constexpr int kFlags = TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS | TJFLAG_ACCURATEDCT;
  if (tjDecompress2(decoder.get(), file.data(), size, image.pixels.data(), width, 0, height,
                    channels == 1 ? TJPF_GRAY : TJPF_RGB, kFlags) != 0) {
    bad(source, fmt::format("damaged JPEG: {}", tjGetErrorStr2(decoder.get())));
  }
  return image;
}

/// The pixels [first, first + weights.size()) of an axis of `from` pixels that pixel `to_index` of `to` covers, with
/// weights that add up to `from`.
struct Cover {
  std::int64_t first = 0;
  std::vector<std::int64_t> weights;
};

Cover cover(std::int64_t to_index, std::int64_t from, std::int64_t to) {
  const std::int64_t begin = to_index * from, end = begin + from;  // in units of 1/to of a pixel
  Cover out{begin / to, {}};
  for (std::int64_t pixel = out.first; pixel * to < end; ++pixel) {
    out.weights.push_back(std::min(end, (pixel + 1) * to) - std::max(begin, pixel * to));
  }
  return out;
}

}  // namespace

Image decode_image(FileBytes file, int channels, const std::string& source, const ImageLimits& limits) {
  check(channels == 1 || channels == 3, "decode_image", "1 or 3 channels");
  if (file.size() > limits.file_bytes) {
    bad(source, fmt::format("expected at most {} bytes, found {}", limits.file_bytes, file.size()));
  }
  constexpr std::array<std::uint8_t, 8> kPng = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  constexpr std::array<std::uint8_t, 3> kJpeg = {0xff, 0xd8, 0xff};
  const auto begins_with = [&](FileBytes magic) {
    return file.size() >= magic.size() && std::equal(magic.begin(), magic.end(), file.begin());
  };
  if (begins_with(kPng)) {
    return decode_png(file, channels, source, limits);
  }
  if (begins_with(kJpeg)) {
    return decode_jpeg(file, channels, source, limits);
  }
  bad(source, "expected a PNG or a JPEG, found neither's first bytes");
}

Image resized_square(const Image& image, int side) {
  check(side >= 1, "resized_square", "a side of at least 1");
  const std::int64_t from = std::min(image.height, image.width);
  const std::int64_t top = (image.height - from) / 2, left = (image.width - from) / 2;
  std::vector<Cover> covers;
  covers.reserve(static_cast<std::size_t>(side));
  for (int i = 0; i < side; ++i) {
    covers.push_back(cover(i, from, side));
  }
  const auto channels = static_cast<std::size_t>(image.channels);
  Image out{side, side, image.channels, {}};
  std::vector<std::int64_t> sums(channels);
  for (const Cover& rows : covers) {
    for (const Cover& columns : covers) {
      std::fill(sums.begin(), sums.end(), 0);
      for (std::size_t r = 0; r < rows.weights.size(); ++r) {
        const std::int64_t y = top + rows.first + static_cast<std::int64_t>(r);
        for (std::size_t c = 0; c < columns.weights.size(); ++c) {
          const std::int64_t x = left + columns.first + static_cast<std::int64_t>(c);
          const std::int64_t weight = rows.weights[r] * columns.weights[c];
          const std::uint8_t* pixel = image.pixels.data() + static_cast<std::size_t>(y * image.width + x) * channels;
          for (std::size_t k = 0; k < channels; ++k) {
            sums[k] += weight * pixel[k];
          }
        }
      }
      for (const std::int64_t sum : sums) {
        out.pixels.push_back(static_cast<std::uint8_t>((sum + from * from / 2) / (from * from)));
      }
    }
  }
  return out;
}

}  // namespace bnas
