// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/byte_source.hpp"

#include <fmt/format.h>
#include <lzma.h>
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

// One or several xz streams, checked to their ends.
class XzSource final : public ByteSource {
 public:
  explicit XzSource(const std::filesystem::path& path) : file_(path) {
    constexpr std::uint64_t kMemory = std::uint64_t{256} << 20U;  // more than any level of xz needs
    check(lzma_stream_decoder(&decoder_, kMemory, LZMA_CONCATENATED) == LZMA_OK, "xz", "liblzma cannot start");
  }
  ~XzSource() override { lzma_end(&decoder_); }
  XzSource(const XzSource&) = delete;
  XzSource& operator=(const XzSource&) = delete;

  std::size_t read(std::span<std::uint8_t> dst) override {
    decoder_.next_out = dst.data();
    decoder_.avail_out = dst.size();
    while (decoder_.avail_out > 0 && !at_end_) {
      if (decoder_.avail_in == 0 && action_ == LZMA_RUN) {
        decoder_.next_in = input_.data();
        decoder_.avail_in = file_.read(input_);
        consumed_ += decoder_.avail_in;
        action_ = decoder_.avail_in < input_.size() ? LZMA_FINISH : LZMA_RUN;
      }
      const lzma_ret status = lzma_code(&decoder_, action_);
      at_end_ = status == LZMA_STREAM_END;
      if (status != LZMA_OK && !at_end_) {
        fail(status);
      }
    }
    return dst.size() - decoder_.avail_out;
  }

  std::uint64_t size_bound() const override {
    // A chunk of LZMA2 holds at most 2 MiB and begins with six bytes.
    constexpr std::uint64_t kMaxRatio = (std::uint64_t{1} << 21U) / 6;
    return file_.size() > std::numeric_limits<std::uint64_t>::max() / kMaxRatio
               ? std::numeric_limits<std::uint64_t>::max()
               : file_.size() * kMaxRatio;
  }
  bool compressed() const override { return true; }

 private:
  [[noreturn]] void fail(lzma_ret status) const {
    const char* why = status == LZMA_BUF_ERROR        ? "the file ends within the compressed data"
                      : status == LZMA_MEMLIMIT_ERROR ? "it needs more memory than is reasonable"
                                                      : "its bytes are no valid xz data";
    throw Error(ErrorKind::bad_data,
                fmt::format("damaged xz file {}: near its byte {} of {}: {}", file_.path().string(),
                            consumed_ - decoder_.avail_in, file_.size(), why));
  }

  InputFile file_;
  lzma_stream decoder_ = LZMA_STREAM_INIT;
  std::array<std::uint8_t, 1 << 16> input_;
  std::uint64_t consumed_ = 0;
  lzma_action action_ = LZMA_RUN;
  bool at_end_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path) {
  constexpr std::array<std::uint8_t, 6> kXz = {0xfd, '7', 'z', 'X', 'Z', 0};
  std::array<std::uint8_t, kXz.size()> magic{};
  const std::size_t got = InputFile(path).read(magic);
  if (got >= 2 && magic[0] == 0x1f && magic[1] == 0x8b) {
    return std::make_unique<GzipSource>(path);
  }
  if (got == magic.size() && magic == kXz) {
    return std::make_unique<XzSource>(path);
  }
  return std::make_unique<PlainSource>(path);
}

}  // namespace bnas
