// SPDX-License-Identifier: Apache-2.0
#include "cli/run_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "bnas/core/error.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

class RunDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "bnas-run-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    parent_ = name;
    root_ = parent_ / "a" / "run";
  }
  void TearDown() override { fs::remove_all(parent_); }

  template <class Function>
  static std::pair<ErrorKind, std::string> error_of(Function&& function) {
    try {
      function();
    } catch (const Error& error) {
      return {error.kind(), error.what()};
    }
    return {ErrorKind::internal, "no error"};
  }

  fs::path parent_;
  fs::path root_;
};

TEST_F(RunDirectoryTest, create_makes_everything) {
  const RunDirectory run = RunDirectory::create(root_, "seed = 1\n");
  std::ifstream in(run.config());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "seed = 1\n");
  EXPECT_TRUE(fs::is_directory(run.checkpoints()));
  EXPECT_TRUE(fs::is_directory(run.best()));
  EXPECT_TRUE(fs::is_directory(run.log().parent_path()));
}

TEST_F(RunDirectoryTest, second_writer_is_told_who_holds_it) {
  EXPECT_EQ(run_holder(root_), "");
  {
    const RunDirectory run = RunDirectory::create(root_, "");
    const std::string who = "process " + std::to_string(getpid()) + " on ";
    EXPECT_THAT(run_holder(root_), testing::StartsWith(who));
    const auto [kind, message] = error_of([&] { RunDirectory::open(root_); });
    EXPECT_EQ(kind, ErrorKind::locked);
    EXPECT_THAT(message, testing::StartsWith(root_.string() + " is in use by " + who));
    EXPECT_THAT(message, testing::HasSubstr(" since 2"));
  }
  EXPECT_EQ(run_holder(root_), "");
  EXPECT_NO_THROW(RunDirectory::open(root_));
}

TEST_F(RunDirectoryTest, an_existing_run_is_not_overwritten) {
  { const RunDirectory run = RunDirectory::create(root_, "seed = 1\n"); }
  const auto [kind, message] = error_of([&] { RunDirectory::create(root_, "seed = 2\n"); });
  EXPECT_EQ(kind, ErrorKind::locked);
  EXPECT_EQ(message, root_.string() + " already holds a run; continue it with bnas_search resume " + root_.string() +
                         ", or choose another --run-dir");
}

TEST_F(RunDirectoryTest, foreign_directories_and_files_are_left_alone) {
  fs::create_directories(root_);
  std::ofstream(root_ / "thesis.tex") << "x";
  EXPECT_EQ(error_of([&] { RunDirectory::create(root_, ""); }).first, ErrorKind::locked);
  EXPECT_EQ(error_of([&] { RunDirectory::create(root_ / "thesis.tex", ""); }).first, ErrorKind::locked);
  EXPECT_FALSE(fs::exists(root_ / "run.lock"));
}

TEST_F(RunDirectoryTest, what_a_killed_start_left_is_no_run) {
  fs::create_directories(root_ / "logs");
  std::ofstream(root_ / "run.lock") << "process 1 on host since 2026-11-22T01:13:00Z\n";
  EXPECT_EQ(error_of([&] { RunDirectory::open(root_); }).first, ErrorKind::missing);
  EXPECT_NO_THROW(RunDirectory::create(root_, ""));
}

TEST_F(RunDirectoryTest, a_lock_that_is_a_link_is_refused) {
  fs::create_directories(root_);
  std::ofstream(parent_ / "precious") << "keep";
  fs::create_symlink(parent_ / "precious", root_ / "run.lock");
  EXPECT_EQ(error_of([&] { RunDirectory::create(root_, ""); }).first, ErrorKind::io);
  EXPECT_EQ(fs::file_size(parent_ / "precious"), 4U);
}

TEST_F(RunDirectoryTest, free_space_is_compared) {
  EXPECT_NO_THROW(require_free_space(parent_, 1.0));
  const auto [kind, message] = error_of([&] { require_free_space(parent_, 1e30); });
  EXPECT_EQ(kind, ErrorKind::io);
  EXPECT_THAT(message, testing::HasSubstr(" needed for checkpoints and the store"));
}

TEST_F(RunDirectoryTest, directory_bytes_counts_files_at_every_depth) {
  fs::create_directories(root_ / "deep");
  std::ofstream(root_ / "deep" / "a") << "12345";
  std::ofstream(root_ / "b") << "123";
  EXPECT_EQ(directory_bytes(parent_), 8.0);
  EXPECT_EQ(directory_bytes(parent_ / "none"), 0.0);
}

}  // namespace
}  // namespace bnas::cli
