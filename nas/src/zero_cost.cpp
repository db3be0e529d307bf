// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/zero_cost.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/kernel_table.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "surrogate/cholesky.hpp"

namespace bnas::nas {
namespace {

constexpr double kWorst = -std::numeric_limits<double>::infinity();
constexpr std::int64_t kWord = 64;

/// Appends the signs of a tensor (N, ...) to the codes of its N images, from bit `used` on.
void append_signs(Stream& stream, const Tensor& signs, std::int64_t used, std::vector<BinaryCode>& codes) {
  const std::vector<float> values = signs.to_host(stream);
  const std::size_t per_image = values.size() / codes.size();
  for (std::size_t n = 0; n < codes.size(); ++n) {
    codes[n].resize((static_cast<std::size_t>(used) + per_image + kWord - 1) / kWord, 0);
    for (std::size_t i = 0; i < per_image; ++i) {
      if (values[n * per_image + i] < 0.0F) {
        const std::size_t at = static_cast<std::size_t>(used) + i;
        codes[n][at / kWord] |= std::uint64_t{1} << (at % kWord);
      }
    }
  }
}

}  // namespace

double log_det_agreement(std::span<const BinaryCode> codes, std::int64_t bits) {
  const std::size_t n = codes.size();
  check(n > 0 && bits > 0, "zero_cost", "codes of at least one image and one bit");
  std::vector<double> kernel(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i; j < n; ++j) {
      check(codes[i].size() == codes[j].size(), "zero_cost", "codes of different lengths");
      std::int64_t different = 0;
      for (std::size_t w = 0; w < codes[i].size(); ++w) {
        different += std::popcount(codes[i][w] ^ codes[j][w]);
      }
      kernel[i * n + j] = 1.0 - static_cast<double>(different) / static_cast<double>(bits);
    }
  }
  if (!cholesky(kernel, n)) {
    return kWorst;
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double pivot = kernel[i * n + i] * kernel[i * n + i];
    constexpr double kSingular = 1e-12;  // what rounding leaves of 0
    if (pivot < kSingular) {
      return kWorst;
    }
    sum += std::log(pivot);
  }
  return sum;
}

double zero_cost_score(NetworkPlan plan, const LayerOptions& options, const RandomKey& init, const Dataset& images) {
  const auto stream = backend_for(Device{}).make_stream();
  Network network(*stream, std::move(plan), options, init);
  const DeviceImages all = upload(*stream, images);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(images.count));
  std::iota(rows.begin(), rows.end(), 0);
  const Tensor order = Tensor::from_host(*stream, {images.count}, std::span<const std::int32_t>(rows));
  Tensor batch(*stream, {images.count, images.height, images.width, images.channels}, DType::f32);
  Tensor labels(*stream, {images.count}, DType::i32);
  dispatch<kernels::GatherBatch>(*stream, all.images, all.labels, order, Tensor{}, BatchRule{}, batch, labels);

  std::vector<BinaryCode> codes(static_cast<std::size_t>(images.count));
  std::int64_t bits = 0;
  Context ctx{*stream, nullptr, Mode::train};
  network.forward(ctx, Var{batch}, [&](const PlanNode& node, const Var& value) {
    if (node.layer.kind == LayerKind::sign) {
      append_signs(*stream, value.value, bits, codes);
      bits += value.value.numel() / images.count;
    }
  });
  return bits == 0 ? kWorst : log_det_agreement(codes, bits);
}

}  // namespace bnas::nas
