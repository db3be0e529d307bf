// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/byte_source.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"

namespace bnas {
namespace {

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(const std::filesystem::path& path) : file_(path) {}
  std::size_t read(std::span<std::uint8_t> dst) override { return file_.read(dst); }
  std::uint64_t size_bound() const override { return file_.size(); }
  bool compressed() const override { return false; }

 private:
  InputFile file_;
};

// One or several gzip members (RFC 1952), checked to their CRC and length; anything behind the last one is refused.
class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(const std::filesystem::path& path) : file_(path) {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    check(inflateInit2(&inflate_, kGzipOnly) == Z_OK, "gzip", "zlib cannot start");
  }
  ~GzipSource() override { inflateEnd(&inflate_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  std::size_t read(std::span<std::uint8_t> dst) override {
    std::size_t done = 0;
    while (done < dst.size()) {
      if (inflate_.avail_in == 0) {
        refill();
      }
      if (inflate_.avail_in == 0) {
        if (!at_member_end_) {
          fail("the file ends within the compressed data");
        }
        return done;
      }
      done += inflate_some(dst.subspan(done));
    }
    return done;
  }

  std::uint64_t size_bound() const override {
    // Deflate codes at most 258 bytes in 2 bits.
    constexpr std::uint64_t kMaxRatio = 1032;
    return file_.size() > std::numeric_limits<std::uint64_t>::max() / kMaxRatio
               ? std::numeric_limits<std::uint64_t>::max()
               : file_.size() * kMaxRatio;
  }
  bool compressed() const override { return true; }

 private:
  void refill() {
    inflate_.next_in = input_.data();
    inflate_.avail_in = static_cast<uInt>(file_.read(input_));
    consumed_ += inflate_.avail_in;
  }

  std::size_t inflate_some(std::span<std::uint8_t> dst) {
    if (at_member_end_) {
      inflateReset(&inflate_);
      at_member_end_ = false;
    }
    const auto room = static_cast<uInt>(std::min<std::size_t>(dst.size(), std::numeric_limits<uInt>::max()));
    inflate_.next_out = dst.data();
    inflate_.avail_out = room;
    const int status = inflate(&inflate_, Z_NO_FLUSH);
    at_member_end_ = status == Z_STREAM_END;
    if (status != Z_OK && status != Z_STREAM_END) {
      fail(inflate_.msg != nullptr ? inflate_.msg : zError(status));
    }
    return room - inflate_.avail_out;
  }

  [[noreturn]] void fail(const char* why) const {
    throw Error(ErrorKind::bad_data,
                fmt::format("damaged gzip file {}: near its byte {} of {}: {}", file_.path().string(),
                            consumed_ - inflate_.avail_in, file_.size(), why));
  }

  InputFile file_;
  z_stream inflate_{};
  std::array<std::uint8_t, 1 << 16> input_;
  std::uint64_t consumed_ = 0;
  bool at_member_end_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path) {
  std::array<std::uint8_t, 2> magic{};
  const bool whole = InputFile(path).read(magic) == magic.size();
  if (whole && magic[0] == 0x1f && magic[1] == 0x8b) {
    return std::make_unique<GzipSource>(path);
  }
  return std::make_unique<PlainSource>(path);
}

}  // namespace bnas
