// SPDX-License-Identifier: Apache-2.0
// IDX, the format of MNIST (LeCun, Cortes, Burges): a magic number, the extents, all big end first, then bytes.
#pragma once

#include <cstdint>
#include <filesystem>

#include "bnas/core/data/dataset.hpp"

namespace bnas {

/// What the reader accepts.
struct IdxLimits {
  std::int64_t side = 16'384;
  std::int64_t content_bytes = std::int64_t{1} << 31U;
};

/// Reads a pair of IDX files, plain, gzip or xz: images (magic 2051) and labels (magic 2049) below `classes`. The
/// content must be as long as the header says, to the byte; memory is claimed only after the header was compared with
/// the file's size. A `bad_data` Error names file, offset within the (uncompressed) content, what was expected and what
/// was found.
Dataset read_idx(const std::filesystem::path& images, const std::filesystem::path& labels, int classes,
                 const IdxLimits& limits = {});

}  // namespace bnas
