// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "bnas/core/data/epoch_order.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/io/sha256.hpp"

namespace bnas {
namespace {

using Rows = std::vector<std::int32_t>;

// All rows, those for validation in front, the others in the order in which a limit takes them.
Rows drawn_order(std::int64_t count, const SplitOptions& options) {
  const RandomKey key{options.seed, 0, RandomPurpose::split};
  if (options.mode == SplitMode::shuffled) {
    return random_permutation(key, count);
  }
  Rows rows(static_cast<std::size_t>(options.valid_count));
  std::iota(rows.begin(), rows.end(), 0);
  for (const std::int32_t row : random_permutation(key, count - options.valid_count)) {
    rows.push_back(row + static_cast<std::int32_t>(options.valid_count));
  }
  return rows;
}

std::string rows_digest(const Rows& train, const Rows& valid) {
  Sha256 digest;
  for (const Rows* rows : {&train, &valid}) {
    digest.update_number(rows->size());
    for (const std::int32_t row : *rows) {
      digest.update_number(static_cast<std::uint64_t>(row));
    }
  }
  return digest.hex();
}

}  // namespace

const char* split_mode_name(SplitMode mode) { return mode == SplitMode::shuffled ? "shuffled" : "first"; }

SplitMode parse_split_mode(const std::string& name) {
  for (const SplitMode mode : {SplitMode::shuffled, SplitMode::first}) {
    if (name == split_mode_name(mode)) {
      return mode;
    }
  }
  throw Error(ErrorKind::usage, "unknown split '" + name + "': expected shuffled or first");
}

TrainValid split(const Dataset& all, const SplitOptions& options) {
  if (options.valid_count < 0 || options.valid_count >= all.count || options.max_train_images < 0) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot split {} images of {} into {} for validation and at most {} (0: all others) for "
                            "training, which needs at least one",
                            all.count, all.name, options.valid_count, options.max_train_images));
  }
  const Rows order = drawn_order(all.count, options);
  const auto first_train = order.begin() + options.valid_count;
  const std::int64_t others = all.count - options.valid_count;
  const std::int64_t train_count = options.max_train_images == 0 ? others : std::min(others, options.max_train_images);
  Rows valid(order.begin(), first_train);
  Rows train(first_train, first_train + train_count);
  std::sort(valid.begin(), valid.end());
  std::sort(train.begin(), train.end());
  std::string record = fmt::format("{}: {} train, {} valid of {}; split {}, seed {}; images sha256 {}; rows sha256 {}",
                                   all.name, train.size(), valid.size(), all.count, split_mode_name(options.mode),
                                   options.seed, all.digest(), rows_digest(train, valid));
  return {Train(all.select(train)), Valid(all.select(valid)), std::move(record)};
}

}  // namespace bnas
