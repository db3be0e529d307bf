// SPDX-License-Identifier: Apache-2.0
// The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records without a header, each one label byte
// (CIFAR-100: the coarse label of 20, then the fine one) and 32x32 bytes of red, of green, of blue.
#pragma once

#include <filesystem>
#include <span>

#include "bnas/core/data/dataset.hpp"

namespace bnas {

enum class CifarKind : std::uint8_t {
  cifar10,   ///< 10 classes
  cifar100,  ///< the 100 fine classes
};

/// The images of `files`, plain, gzip or xz, one after another, as (N,32,32,3). A file that is empty, ends within a
/// record, or holds a label out of range is a `bad_data` Error that names file, offset within the (uncompressed)
/// content, what was expected and what was found; so are more than 2 GiB.
Dataset read_cifar(std::span<const std::filesystem::path> files, CifarKind kind);

}  // namespace bnas
