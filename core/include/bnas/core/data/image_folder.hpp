// SPDX-License-Identifier: Apache-2.0
// A data set as folders of pictures: ROOT/train/CLASS/*.png|jpg|jpeg and ROOT/test/CLASS/*.
#pragma once

#include <filesystem>
#include <string>

#include "bnas/core/data/dataset.hpp"
#include "bnas/core/data/image_file.hpp"

namespace bnas {

struct ImageFolderOptions {
  int side = 32;                    ///< images become the centre square, side x side
  int channels = 3;                 ///< 1 or 3
  std::filesystem::path cache_dir;  ///< where packed copies are kept; empty: nowhere
  ImageLimits limits;
  std::int64_t content_bytes = std::int64_t{1} << 31U;  ///< of all packed images
};

/// The images of ROOT/`part`. Classes are the folders of ROOT/train in the order of their names' bytes; every part must
/// have the same. Within a class images come in the order of their names. Names that begin with a dot are passed over;
/// symbolic links are refused, and so is any other file than a PNG or a JPEG.
/// A packed copy, named by the contents of all files and the options, saves decoding them again; one that is damaged is
/// replaced. `missing` when the folders are not there, `bad_data` naming the file that cannot be used, `usage` for
/// options out of range.
Dataset read_image_folder(const std::filesystem::path& root, const std::string& part,
                          const ImageFolderOptions& options);

}  // namespace bnas
