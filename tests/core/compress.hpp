// SPDX-License-Identifier: Apache-2.0
// Compressed files as the tools of the formats make them.
#pragma once

#include <gtest/gtest.h>
#include <lzma.h>
#include <zlib.h>

#include "bnas/core/io/file.hpp"

namespace bnas {

inline Bytes gzip(const Bytes& content) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  Bytes out(deflateBound(&stream, content.size()));
  stream.next_in = const_cast<std::uint8_t*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline Bytes xz(const Bytes& content) {
  Bytes out(lzma_stream_buffer_bound(content.size()));
  std::size_t used = 0;
  EXPECT_EQ(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr, content.data(), content.size(), out.data(), &used,
                                    out.size()),
            LZMA_OK);
  out.resize(used);
  return out;
}

}  // namespace bnas
