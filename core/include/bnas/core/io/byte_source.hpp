// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace bnas {

/// Content of a file read once from front to back, in bounded memory, whether the file is plain, gzip or xz.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills `dst` and returns its size; less only at the end of the content. A damaged compressed file is a
  /// `bad_data` Error at the latest when the end is reached.
  virtual std::size_t read(std::span<std::uint8_t> dst) = 0;
  /// The content has at most this many bytes; known before anything is read, so that sizes which a header claims can be
  /// refused before they are allocated. Exact for plain files; else what its format could at best have compressed.
  virtual std::uint64_t size_bound() const = 0;
  virtual bool compressed() const = 0;
};

/// Opens `path`; gzip and xz are told by their first bytes, not by the name. Errors are those of InputFile.
std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path);

}  // namespace bnas
