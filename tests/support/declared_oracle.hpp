// SPDX-License-Identifier: Apache-2.0
// Against what the tests of a suite compare what kernels compute. On the emulator every launch carries the declaration
// of the suite that made it; the table of kernels (tests/cuda/coverage) is made of them.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

/// Null but on the emulator (tests/gpu_emulator/runtime/emulator.h).
extern "C" __attribute__((weak)) void bnas_emu_annotate(const char* note);

namespace bnas::testing_support {

/// Annotates launches with the oracle while a test runs.
class DeclaredOracles final : public testing::EmptyTestEventListener {
 public:
  static DeclaredOracles& of_this_program() {
    static auto* const oracles = [] {
      auto* made = new DeclaredOracles;  // the listeners own it
      testing::UnitTest::GetInstance()->listeners().Append(made);
      return made;
    }();
    return *oracles;
  }

  void declare(const std::string& suite, const std::string& oracle) { oracle_of_suite_[suite] = oracle; }

 private:
  void OnTestStart(const testing::TestInfo& test) override {
    // "Suite", "Suite/0" of a typed one, "Instance/Suite" of one with parameters.
    const std::string whole = test.test_suite_name();
    const std::size_t slash = whole.find('/');
    auto found = oracle_of_suite_.find(whole.substr(0, slash));
    if (found == oracle_of_suite_.end() && slash != std::string::npos) {
      found = oracle_of_suite_.find(whole.substr(slash + 1));
    }
    annotate(found == oracle_of_suite_.end() ? nullptr : found->second.c_str());
  }
  void OnTestEnd(const testing::TestInfo& /*test*/) override { annotate(nullptr); }

  static void annotate(const char* note) {
    if (bnas_emu_annotate != nullptr) {
      bnas_emu_annotate(note);
    }
  }

  std::map<std::string, std::string> oracle_of_suite_;
};

/// The tests of `suite` compare the results of the kernels that they launch with `oracle`: how it is computed, in what
/// numbers. For the initializer of a constant of the test's file. Comparisons of kernels with kernels are none.
inline bool declare_oracle(const std::string& suite, const std::string& oracle) {
  DeclaredOracles::of_this_program().declare(suite, oracle);
  return true;
}

}  // namespace bnas::testing_support
