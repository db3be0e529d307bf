// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <regex>
#include <set>

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/core/step_feed.hpp"
#include "support/declared_oracle.hpp"
#include "support/device_data.hpp"
#include "support/op_case.hpp"

namespace bnas::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("OpCaseTest", "operation in float64, differences for gradients");

/// A case on a device.
struct Run {
  OpCase op_case;
  Device device;
};

void PrintTo(const Run& run, std::ostream* os) { *os << run.op_case.op << " on " << run.device.text(); }

std::vector<Run> all_runs() {
  std::vector<Run> runs;
  for (const Device device : available_devices()) {
    for (const OpCase& op_case : op_cases()) {
      runs.push_back({op_case, device});
    }
  }
  return runs;
}

double largest(const Array& array) {
  double most = 0.0;
  for (const double value : array.values) {
    most = std::max(most, std::fabs(value));
  }
  return most;
}

double dot(const Array& a, const Array& b) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

void expect_close(const Array& got, const Array& expected, double tolerance, double floor, const char* what) {
  ASSERT_EQ(got.shape, expected.shape) << what << ": " << got.shape.text() << ", not " << expected.shape.text();
  const double limit = tolerance * std::max(largest(expected), floor);
  for (std::int64_t i = 0; i < got.size(); ++i) {
    ASSERT_FALSE(std::isnan(got[i]) || std::fabs(got[i] - expected[i]) > limit)
        << what << " at " << i << " of " << got.shape.text() << ": " << got[i] << ", expected " << expected[i] << " +- "
        << limit;
  }
}

class OpCaseTest : public testing::TestWithParam<Run> {
 protected:
  /// Gradients in f32 of sums over a whole image against float64.
  static constexpr double kGradientTolerance = 2e-5;
  static constexpr double kDifferenceStep = 0x1.0p-16;  // error h^2 and eps/h are both far below the tolerance

  void SetUp() override {
    for (std::size_t i = 0; i < case_.inputs.size(); ++i) {
      values_.push_back(generate(case_.inputs[i], 1 + i));
      tensors_.push_back(upload(*stream_, values_[i], case_.inputs[i].dtype));
    }
    expected_ = case_.oracle(values_);
    Input upstream = Input::real(expected_.shape);
    dy_ = generate(upstream, 100);
  }

  Context context(Tape* tape) {
    return Context{*stream_, tape, case_.mode, step_tensor(*stream_, {.random = {7, 1, RandomPurpose::dropout}})};
  }

  /// Gradients of sum(dy * y), where y is computed `times` times and each time counts.
  Arrays gradients(int times) {
    const Tensor dy = upload(*stream_, dy_, DType::f32);
    Tape tape(*stream_);
    std::vector<Var> vars;
    std::vector<Tensor> grads;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const bool leaf = case_.inputs[i].differentiable;
      if (leaf) {
        grads.emplace_back(*stream_, tensors_[i].shape(), DType::f32);
      }
      vars.push_back(leaf ? tape.leaf(tensors_[i], grads.back()) : Var{tensors_[i]});
    }
    std::vector<Var> results;
    for (int i = 0; i < times; ++i) {
      Context ctx = context(&tape);
      results.push_back(case_.build(ctx, vars));
    }
    const Var loss =
        tape.record("upstream", Tensor(*stream_, Shape{}, DType::f32), results, {dy}, [times](BackwardContext& bw) {
          for (int i = 0; i < times; ++i) {
            GradSlot slot = bw.dx(static_cast<std::size_t>(i));
            dispatch<kernels::Scale>(bw.stream(), bw.saved(0), 1.0F, slot.tensor, slot.mode);
          }
        });
    tape.backward(loss);
    Arrays arrays;
    for (const Tensor& grad : grads) {
      arrays.push_back(download(*stream_, grad));
    }
    return arrays;
  }

  double oracle_loss(const Arrays& inputs) const { return dot(case_.oracle(inputs), dy_); }

  /// Compares <gradient, v> with central differences of the oracle along v: two dense directions, which feel every
  /// element, and single elements, which cancel nothing.
  void expect_jacobian(std::size_t input, const Array& gradient) {
    constexpr std::int64_t kDense = 2, kSingle = 12;
    ASSERT_EQ(gradient.shape, values_[input].shape);
    const double scale = std::max(largest(gradient), case_.gradient_floor);
    const std::int64_t n = gradient.size(), singles = std::min(n, kSingle);
    for (std::int64_t d = 0; d < kDense + singles; ++d) {
      Array v(gradient.shape);
      if (d < kDense) {
        v = generate(Input::real(gradient.shape), 200 + static_cast<std::uint64_t>(d));
      } else {
        v[singles == 1 ? 0 : (d - kDense) * (n - 1) / (singles - 1)] = 1.0;  // spread from first to last
      }
      Arrays plus = values_, minus = values_;
      for (std::int64_t i = 0; i < n; ++i) {
        plus[input][i] += kDifferenceStep * v[i];
        minus[input][i] -= kDifferenceStep * v[i];
      }
      const double numeric = (oracle_loss(plus) - oracle_loss(minus)) / (2.0 * kDifferenceStep);
      double weight = 0.0;
      for (const double value : v.values) {
        weight += value * value;
      }
      const double limit = kGradientTolerance * scale * std::sqrt(weight);
      const double ours = dot(gradient, v);
      ASSERT_FALSE(std::isnan(ours) || std::fabs(ours - numeric) > limit)
          << "input " << input << " " << gradient.shape.text() << ", direction " << d << ": backward " << ours
          << ", central difference " << numeric << " +- " << limit;
    }
  }

  const OpCase& case_ = GetParam().op_case;
  std::unique_ptr<Stream> stream_ = test_stream(GetParam().device);
  Arrays values_;
  std::vector<Tensor> tensors_;
  Array expected_;
  Array dy_;
};

TEST_P(OpCaseTest, ForwardAgreesWithTheOracle) {
  Context ctx = context(nullptr);
  std::vector<Var> vars;
  for (const Tensor& tensor : tensors_) {
    vars.push_back(Var{tensor});
  }
  const Tensor y = case_.build(ctx, vars).value;
  EXPECT_EQ(y.dtype(), case_.result) << dtype_name(y.dtype());
  expect_close(download(*stream_, y), expected_, case_.tolerance, 0.0, case_.reason);
  if (y.dtype() == DType::bit) {  // padding bits are 0
    EXPECT_EQ(raw_bytes(*stream_, y), encode(expected_, DType::bit));
  }
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    EXPECT_EQ(raw_bytes(*stream_, tensors_[i]), encode(values_[i], case_.inputs[i].dtype)) << "input " << i;
  }
}

TEST_P(OpCaseTest, GradientFollowsItsRule) {
  if (case_.gradient == Gradient::none) {
    for (const Input& input : case_.inputs) {
      EXPECT_FALSE(input.differentiable) << "a differentiable input needs a gradient rule";
    }
    return;
  }
  const Arrays once = gradients(1);
  if (case_.gradient == Gradient::closed_form) {
    const Arrays rule = case_.closed_form(values_, dy_);
    ASSERT_EQ(once.size(), rule.size());
    for (std::size_t i = 0; i < once.size(); ++i) {
      expect_close(once[i], rule[i], kGradientTolerance, case_.gradient_floor, "gradient");
    }
  } else {
    std::size_t next = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (case_.inputs[i].differentiable) {
        expect_jacobian(i, once[next++]);
      }
    }
  }
  Arrays doubled = once;
  for (Array& gradient : doubled) {
    for (double& value : gradient.values) {
      value *= 2.0;
    }
  }
  const Arrays twice = gradients(2);
  for (std::size_t i = 0; i < once.size(); ++i) {
    expect_close(twice[i], doubled[i], kGradientTolerance, case_.gradient_floor, "an input used twice");
  }
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    EXPECT_EQ(raw_bytes(*stream_, tensors_[i]), encode(values_[i], case_.inputs[i].dtype)) << "input " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, OpCaseTest, testing::ValuesIn(all_runs()), [](const auto& parameter) {
  std::string name =
      parameter.param.op_case.op + "_" + parameter.param.op_case.name + "_" + parameter.param.device.text();
  for (char& c : name) {
    c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name;
});

/// Reads the public headers, so that a new operation without a case cannot go unnoticed.
TEST(OpCases, EveryOperationHasOne) {
  std::set<std::string> declared;
  const std::regex function("^(?:Var|LstmState) (\\w+)\\(Context&");
  for (const auto& entry : std::filesystem::directory_iterator(BNAS_OP_HEADERS)) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (std::regex_search(line, match, function)) {
        declared.insert(match[1]);
      }
    }
  }
  std::set<std::string> covered;
  for (const OpCase& op_case : op_cases()) {
    covered.insert(op_case.op);
  }
  EXPECT_GE(declared.size(), 40U);
  EXPECT_EQ(covered, declared);
}

}  // namespace
}  // namespace bnas::test
